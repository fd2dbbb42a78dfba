"""Metrics and thresholds against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from model.reading.card import Estimate
from model.training.export import calibration


def test_auc_and_its_interval() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(400) % 2 == 0
    score = truth + rng.normal(0, 1, 400)
    estimate = calibration.estimate(calibration.auc, truth, score, [str(i) for i in range(400)])
    assert estimate.low is not None and estimate.high is not None
    # Two normals one standard deviation apart: AUC = Phi(1 / sqrt 2) = 0.760.
    assert estimate.low < 0.760 < estimate.high
    assert estimate.low < estimate.value < estimate.high
    assert (estimate.n, estimate.positives) == (400, 200)


def test_interval_grows_when_pictures_are_of_few_patients() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(40) % 2 == 0, 10)
    score = truth + np.repeat(rng.normal(0, 1, 40), 10)
    single = calibration.estimate(calibration.auc, truth, score, [str(i) for i in range(400)])
    grouped = calibration.estimate(calibration.auc, truth, score, [str(i // 10) for i in range(400)])
    assert _width(grouped) > 2 * _width(single)


def _width(estimate: Estimate) -> float:
    assert estimate.low is not None and estimate.high is not None
    return estimate.high - estimate.low


def test_sensitivity_and_specificity() -> None:
    truth = np.array([True, True, True, False])
    score = np.array([0.9, 0.5, 0.1, 0.5])
    equal = np.ones(4)
    assert calibration.share_at_or_above(0.5, among=True)(truth, score, equal) == pytest.approx(2 / 3)
    assert calibration.share_at_or_above(0.5, among=False)(truth, score, equal) == 0.0
    assert calibration.share_at_or_above(0.6, among=False)(truth, score, equal) == 1.0


def test_six_of_six_is_not_certainty() -> None:
    truth = np.zeros(6, bool)
    rule = calibration.share_at_or_above(0.5, among=False)
    estimate = calibration.estimate(rule, truth, np.full(6, 0.1), list("abcdef"))
    # Exact interval of 6 of 6: 0.025 to the power 1/6.
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(0.5407, abs=1e-3)
    missed = calibration.estimate(rule, truth, np.full(6, 0.9), list("abcdef"))
    assert (missed.value, missed.low) == (0.0, 0.0)
    assert missed.high == pytest.approx(0.4593, abs=1e-3)


def test_temperature_undoes_an_overconfident_network() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, (4000, 3))
    labels = np.array([rng.choice(3, p=p) for p in calibration.scores_of(logits, 1.0)])
    assert calibration.fit_temperature(3 * logits, labels, np.ones(4000)) == pytest.approx(3.0, rel=0.1)


def test_operating_points_keep_what_they_promise() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(2000) < 0.4
    score = 1 / (1 + np.exp(-(2.0 * truth - 1 + rng.normal(0, 1, 2000))))
    points = calibration.choose_operating_points(truth, score, [str(i) for i in range(2000)])
    assert points["specificity_90"]["specificity"]["value"] >= 0.90
    assert points["sensitivity_95"]["sensitivity"]["value"] >= 0.95
    assert points["sensitivity_95"]["threshold"] < points["balanced"]["threshold"]
    youden = [p["sensitivity"]["value"] + p["specificity"]["value"] for p in points.values()]
    assert youden[0] == max(youden)


def test_margin_abstains_where_errors_are() -> None:
    rng = np.random.default_rng(3)
    scores = calibration.scores_of(rng.normal(0, 2, (3000, 3)), 1.0)
    labels = np.array([rng.choice(3, p=p) for p in scores])
    decided, confidence = calibration.confidences(scores, 2, 0.5)
    chosen = calibration.choose_margin(confidence, decided == labels, np.ones(3000), 0.15)
    assert chosen["abstained"] == pytest.approx(0.15, abs=0.01)
    assert chosen["error_of_decided"] < chosen["error_of_all"]


def test_confidence_of_two_classes_is_the_distance_to_the_threshold() -> None:
    decided, confidence = calibration.confidences(np.array([[0.2, 0.8], [0.7, 0.3]]), 1, 0.5)
    assert decided.tolist() == [1, 0]
    assert confidence == pytest.approx([np.log(4), np.log(7 / 3)])


def test_reliability_diagram_of_a_calibrated_score_is_the_diagonal() -> None:
    rng = np.random.default_rng(4)
    score = rng.random(20000)
    truth = rng.random(20000) < score
    equal = np.ones(20000)
    rows = calibration.reliability(truth, score, equal)
    assert all(row["observed"] == pytest.approx(row["score"], abs=0.04) for row in rows)
    # Squared scores are too low: at s = 1/2 by 1/4.
    assert max(row["observed"] - row["score"] for row in calibration.reliability(truth, score**2, equal)) > 0.2
    assert calibration.brier(truth, score, equal) == pytest.approx(1 / 6, abs=0.01)
    assert sum(row["n"] for row in rows) == 20000


def test_risk_falls_with_coverage_when_confidence_means_something() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.random(5000)
    right = rng.random(5000) < 0.5 + 0.5 * confidence
    rows = calibration.risk_and_coverage(confidence, right)
    assert rows[0]["coverage"] == 1.0 and rows[0]["error"] == pytest.approx(0.25, abs=0.02)
    assert rows[-1]["error"] < 0.05


def test_average_precision_of_chance_is_the_prevalence() -> None:
    rng = np.random.default_rng(6)
    truth = rng.random(20000) < 0.3
    assert calibration.average_precision(truth, rng.random(20000), np.ones(20000)) == pytest.approx(0.3, abs=0.02)

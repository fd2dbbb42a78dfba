"""Metrics and curves against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from model.evaluation import metrics
from model.evaluation.parts import curves
from model.training.export import calibration


def test_quick_metrics_equal_the_slow_ones() -> None:
    rng = np.random.default_rng(0)
    truth, score = rng.random(300) < 0.4, rng.random(300).round(2)
    for weight in (np.ones(300), rng.integers(0, 4, 300).astype(float)):
        value = metrics.auc_of(truth, score)(truth, score, weight)
        assert value == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))
        value = metrics.calibration_of(truth, score, largest=False)(truth, score, weight)
        rows = calibration.reliability(truth, score, weight)
        assert value == pytest.approx(sum(row["share"] * abs(row["observed"] - row["score"]) for row in rows))
    gaps = [abs(row["observed"] - row["score"]) for row in calibration.reliability(truth, score, np.ones(300))]
    value = metrics.calibration_of(truth, score, largest=True)(truth, score, np.ones(300))
    assert value == pytest.approx(max(gaps))
    alike = (truth[truth], score[truth], [""] * int(truth.sum()))
    assert metrics.row("x", {}, "AUC", "of one class", metrics.auc_of(*alike[:2]), alike) == []


def test_curves_are_those_of_sklearn() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.3
    score = (rng.random(200) + 0.3 * truth).round(2)
    for weight in (np.ones(200), rng.integers(0, 3, 200).astype(float)):
        ranking = curves.Ranking(truth, score)
        alarm, hit, _ = roc_curve(truth, score, sample_weight=weight, drop_intermediate=False)
        expected = [hit[alarm <= step + 1e-9].max() for step in curves.GRID]
        assert ranking.roc(weight) == pytest.approx(np.array(expected))
        right, value, _ = precision_recall_curve(truth, score, sample_weight=weight)
        # sklearn goes up from the lowest threshold; its last point, nobody called, is none of ours.
        right, value = right[:-1][::-1], value[:-1][::-1]
        expected = [right[np.argmax(value >= max(step - 1e-9, 1e-9))] for step in curves.GRID]
        assert ranking.precision(weight) == pytest.approx(np.array(expected))
    assert np.isnan(curves.Ranking(truth, score).roc(truth.astype(float))).all()


def test_bands_resample_patients_and_hold_the_curve() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(60) < 0.5
    score = rng.random(60) + 0.4 * truth
    patients = [f"{number:02}" for number in range(60)]
    for kind in (curves.ROC, curves.PRECISION_RECALL):
        once = curves.band(kind, truth, score, patients)
        # Each picture three times: the same patients, so no more is known.
        thrice = curves.band(
            kind, np.repeat(truth, 3), np.repeat(score, 3), [patient for patient in patients for _ in "abc"]
        )
        assert once == thrice
        strangers = curves.band(kind, np.repeat(truth, 3), np.repeat(score, 3), [str(n) for n in range(180)])
        assert np.mean(strangers["high"]) - np.mean(strangers["low"]) < np.mean(once["high"]) - np.mean(once["low"])
        assert all(low <= y + 1e-9 for low, y in zip(once["low"], once["y"], strict=True))

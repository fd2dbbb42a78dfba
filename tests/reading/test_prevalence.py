"""Predictive values against counts in a crowd, and their intervals against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.reading.prevalence import Share, likelihood_ratios, predictive_values


def test_predictive_values_are_what_counting_a_crowd_gives() -> None:
    # 10,000 people at 1 %: 100 ill, 90 found; 9,900 well, 990 wrongly called.
    ppv, npv = predictive_values(Share(0.9, 200), Share(0.9, 300), 0.01)
    assert ppv.value == pytest.approx(90 / (90 + 990))
    assert npv.value == pytest.approx(8910 / (8910 + 10))


def test_interval_covers_in_simulated_studies() -> None:
    rng = np.random.default_rng(0)
    se, sp, prevalence = 0.8, 0.9, 0.2
    true = se * prevalence / (se * prevalence + (1 - sp) * (1 - prevalence))
    inside = 0
    for _ in range(2000):
        found = predictive_values(
            Share(rng.binomial(150, se) / 150, 150), Share(rng.binomial(200, sp) / 200, 200), prevalence
        )[0]
        inside += found.low <= true <= found.high
    assert 0.93 <= inside / 2000 <= 0.97


def test_more_people_measured_narrow_the_interval() -> None:
    few, many = (predictive_values(Share(0.8, n), Share(0.9, n), 0.1)[0] for n in (50, 5000))
    assert many.high - many.low < 0.2 * (few.high - few.low)


def test_perfect_shares_have_finite_intervals() -> None:
    ppv, npv = predictive_values(Share(1.0, 6), Share(1.0, 6), 0.1)
    assert 0 < ppv.low < ppv.value < ppv.high < 1
    assert 0 < npv.low < npv.value < npv.high < 1


def test_likelihood_ratios() -> None:
    assert likelihood_ratios(0.8, 0.9) == pytest.approx((8.0, 2 / 9))
    assert likelihood_ratios(0.5, 1.0)[0] == math.inf
    assert likelihood_ratios(0.5, 0.0)[1] == math.inf


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.1, 2.0])
def test_impossible_prevalence_is_refused(prevalence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        predictive_values(Share(0.8, 10), Share(0.9, 10), prevalence)


@pytest.mark.parametrize("share", [Share(1.2, 10), Share(0.5, 0)])
def test_impossible_share_is_refused(share: Share) -> None:
    with pytest.raises(ValueError, match="A share lies"):
        predictive_values(share, Share(0.9, 10), 0.1)

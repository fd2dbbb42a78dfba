"""Figures as rows of the JSON, and metrics that are fast enough for a thousand resamples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from model.training.export import calibration

Rows = list[dict[str, Any]]
# The observed share in a bin of fewer pictures is mostly chance.
FEWEST_IN_BIN = 5
BINS = 10


def auc_of(truth: np.ndarray, score: np.ndarray) -> calibration.Metric:
    """The area under the ROC curve, as `calibration.auc` gives it, sorted once for all resamples.

    Args:
        truth: (n,) bool.
        score: (n,) float.

    Returns:
        A metric for these very pictures; NaN where a resample lacks one of the classes.
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf) > 0)
    ill = truth[order]

    def metric(_truth: np.ndarray, _score: np.ndarray, weight: np.ndarray) -> float:
        sorted_weight = weight[order]
        positive = np.add.reduceat(sorted_weight * ill, starts)
        negative = np.add.reduceat(sorted_weight * ~ill, starts)
        pairs = positive.sum() * negative.sum()
        # Pairs in the right order count one, ties a half (Mann and Whitney 1947).
        below = np.cumsum(negative) - negative / 2
        return float((positive * below).sum() / pairs) if pairs else math.nan

    return metric


def calibration_of(truth: np.ndarray, score: np.ndarray, *, largest: bool) -> calibration.Metric:
    """Expected (or, with `largest`, maximum) calibration error over ten bins of equal width (Guo et al. 2017).

    Args:
        truth: (n,) bool.
        score: (n,) from 0 to 1.
        largest: the largest gap of a bin with `FEWEST_IN_BIN` pictures or more, not the mean gap.

    Returns:
        A metric for these very pictures; NaN where no bin holds enough of them.
    """
    place = np.minimum((score * BINS).astype(int), BINS - 1)
    difference = truth - score
    enough = np.bincount(place, minlength=BINS) >= FEWEST_IN_BIN

    def metric(_truth: np.ndarray, _score: np.ndarray, weight: np.ndarray) -> float:
        gaps = np.abs(np.bincount(place, weights=weight * difference, minlength=BINS))
        if not largest:
            return float(gaps.sum() / weight.sum())
        total = np.bincount(place, weights=weight, minlength=BINS)
        kept = enough & (total > 0)
        return float((gaps[kept] / total[kept]).max()) if kept.any() else math.nan

    return metric


def row(
    key: str,
    where: dict[str, str],
    metric: str,
    what: str,
    how: calibration.Metric,
    data: tuple[np.ndarray, np.ndarray, Sequence[str]],
) -> Rows:
    """Measure one figure with its interval by patient.

    Args:
        key: its id, the same in every run.
        where: "set", "source" and "role" of the pictures.
        metric: its name.
        what: what was measured, in words.
        how: the metric.
        data: truth (n,) bool, score (n,) and the patient of each picture.

    Returns:
        One row; none where the figure can't be worked out on these pictures.
    """
    truth, score, groups = data
    if not len(truth) or not math.isfinite(how(truth, score, np.ones(len(truth)))):
        return []
    estimate = calibration.estimate(how, truth, score, groups).as_json()
    return [{"id": key, **where, "metric": metric, "what": what} | estimate]


def mean_row(
    key: str, where: dict[str, str], metric: str, what: str, values: np.ndarray, groups: Sequence[str]
) -> Rows:
    """The mean of (n,) values as `row` gives it."""
    return row(
        key, where, metric, what, calibration.mean, (np.ones(len(values), bool), np.asarray(values, float), groups)
    )

"""ROC, precision-recall and reliability curves of each source, with intervals by patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.evaluation.metrics import Rows, calibration_of, row
from model.evaluation.study import PictureSet, Study
from model.training.export import calibration

ROC, PRECISION_RECALL = "ROC", "precision-recall"
# Even steps: finer than any of these sets resolves, and few enough for a page.
GRID = np.linspace(0.0, 1.0, 51)
# A computed share may miss the grid by a rounding error, and would fall into the next step.
_ROUNDING = 1e-9


class Ranking:
    """Pictures in the order of their scores, sorted once for all resamples."""

    def __init__(self, truth: np.ndarray, score: np.ndarray) -> None:
        """Sort.

        Args:
            truth: (n,) bool.
            score: (n,) float.
        """
        self._order = np.argsort(-score, kind="stable")
        self._ill = truth[self._order]
        # Pictures of one score are called together: a threshold lies between two different scores.
        self._ends = np.flatnonzero(np.diff(score[self._order], append=-np.inf) < 0)

    def counts(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weight called ill, and rightly so, at each threshold from the highest down.

        Args:
            weight: (n,) of the pictures.

        Returns:
            Two (k,) arrays: of pictures that are ill, and of those that are not.
        """
        ordered = weight[self._order]
        return np.cumsum(ordered * self._ill)[self._ends], np.cumsum(ordered * ~self._ill)[self._ends]

    def roc(self, weight: np.ndarray) -> np.ndarray:
        """Highest sensitivity at each false-positive rate of `GRID`; NaN where a class is missing."""
        hit, alarm = self.counts(weight)
        if not hit[-1] or not alarm[-1]:
            return np.full(len(GRID), np.nan)
        place = np.searchsorted(alarm / alarm[-1], GRID + _ROUNDING, side="right")
        return np.concatenate([[0.0], hit / hit[-1]])[place]

    def precision(self, weight: np.ndarray) -> np.ndarray:
        """Precision at the first threshold of each sensitivity of `GRID`; NaN where nobody is ill.

        Between two thresholds it is not a straight line (Davis and Goadrich 2006), so nothing is interpolated.
        """
        hit, alarm = self.counts(weight)
        if not hit[-1]:
            return np.full(len(GRID), np.nan)
        # At a sensitivity of 0 the first threshold with a true positive: before it nothing is called ill.
        first = np.searchsorted(hit / hit[-1], np.maximum(GRID, 2 * _ROUNDING) - _ROUNDING)
        return (hit / np.maximum(hit + alarm, 1e-12))[first]


def measure(study: Study) -> dict[str, Any]:
    """Both curves of each source, for the positive class against each other one that the source holds.

    Args:
        study: the bundle and its pictures.

    Returns:
        "grid", the common x of all curves, and the "curves": where they were measured, n, how many are ill, the
        curve with its band, and where the operating points lie on it.
    """
    curves: Rows = []
    for chosen in study.sets("external", "test"):
        score = study.scores(study.read(chosen).logits)[:, study.positive]
        ill = chosen.labels == study.positive
        for other in sorted(set(chosen.labels.tolist()) - {study.positive}) if ill.any() else []:
            pair = np.flatnonzero(ill | (chosen.labels == other))
            curves += _both(study, chosen.part(pair), score[pair], study.card.classes[other])
    return {"grid": GRID.round(4).tolist(), "curves": curves}


def _both(study: Study, chosen: PictureSet, score: np.ndarray, other: str) -> Rows:
    card, ill = study.card, chosen.labels == study.positive
    what = {**chosen.where, "what": f"{card.positive} against {other}", "n": len(ill), "positives": int(ill.sum())}
    places: dict[str, Rows] = {ROC: [], PRECISION_RECALL: []}
    for point in card.points.values():
        called = score >= point.threshold
        sensitivity = float(called[ill].mean())
        places[ROC].append({"point": point.name, "x": float(called[~ill].mean()), "y": sensitivity})
        if called.any():
            places[PRECISION_RECALL].append({"point": point.name, "x": sensitivity, "y": float(ill[called].mean())})
    return [
        {"kind": kind, **what, **band(kind, ill, score, chosen.groups), "points": [_rounded(p) for p in points]}
        for kind, points in places.items()
    ]


def band(kind: str, truth: np.ndarray, score: np.ndarray, groups: Sequence[str]) -> dict[str, list[float]]:
    """One curve on `GRID` with its pointwise 95 % band.

    Args:
        kind: `ROC` or `PRECISION_RECALL`.
        truth: (n,) bool, with both classes.
        score: (n,) float.
        groups: the patient of each picture.

    Returns:
        "y", "low" and "high" of each step of `GRID`, rounded to 4 digits.
    """
    ranking = Ranking(truth, score)
    curve = ranking.roc if kind == ROC else ranking.precision
    drawn: list[np.ndarray] = []

    def keep(_truth: np.ndarray, _score: np.ndarray, weight: np.ndarray) -> float:
        drawn.append(curve(weight))
        return 0.0

    # Called once a resample, with the resamples of every other interval.
    calibration.estimate(keep, truth, score, groups)
    low, high = np.nanpercentile(drawn[: calibration.RESAMPLES], [2.5, 97.5], axis=0)
    lines = {"y": curve(np.ones(len(truth))), "low": low, "high": high}
    return {name: [round(float(value), 4) for value in line] for name, line in lines.items()}


def reliability(study: Study) -> dict[str, Any]:
    """Expected and maximum calibration error, of the positive class' score and of the largest score.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", and the points of the "reliability" diagrams of the positive class' score.
    """
    figures: Rows = []
    diagrams = []
    temperatures = {"before": 1.0, "after": study.card.temperature}
    for chosen in study.sets("external", "test", "validation"):
        logits = study.read(chosen).logits
        for when, temperature in temperatures.items():
            scores = calibration.scores_of(logits, temperature)
            kinds = {
                study.card.positive: (chosen.labels == study.positive, scores[:, study.positive]),
                "the largest score": (scores.argmax(axis=1) == chosen.labels, scores.max(axis=1)),
            }
            for kind, (truth, score) in kinds.items():
                key = f"{chosen.source}.{chosen.split}.{when}.{kind.split()[-1]}"
                what = f"score of {kind}" if kind == study.card.positive else kind
                for metric, largest in (("ECE", False), ("MCE", True)):
                    how = calibration_of(truth, score, largest=largest)
                    part = (truth, score, chosen.groups)
                    rows = row(f"{key}.{metric.lower()}", chosen.where, metric, what, how, part)
                    figures += [figure | {"when": when, "kind": kind} for figure in rows]
            truth, score = kinds[study.card.positive]
            points = [_rounded(p) for p in calibration.reliability(truth, score, np.ones(len(score)))]
            diagrams.append({**chosen.where, "when": when, "n": len(score), "points": points})
    return {
        "method": study.card.calibration.method,
        "temperature": study.card.temperature,
        "figures": figures,
        "reliability": diagrams,
    }


def _rounded(place: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in place.items()}

"""The headline: each source on its own, at each operating point, with what the network took for what."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.evaluation.metrics import auc_of, calibration_of, mean_row, row
from model.evaluation.study import PictureSet, Study
from model.training import calibration


def measure(study: Study) -> dict[str, Any]:
    """AUC, average precision, Brier score and calibration error, and what each operating point gives.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures" of the internal and external sets, the "confusion" matrices at the default operating point, and how
        far the figures of the card are from these ("card").
    """
    figures: list[dict[str, Any]] = []
    confusion = []
    for chosen in study.sets("external", "test"):
        scores = study.scores(study.read(chosen).logits)
        figures += _ranking(study, chosen, scores) + _points(study, chosen, scores)
        confusion.append(_confusion(study, chosen, scores))
    return {"figures": figures, "confusion": confusion, "card": _against_card(study, figures)}


def _ranking(study: Study, chosen: PictureSet, scores: np.ndarray) -> list[dict[str, Any]]:
    """What depends on no threshold."""
    classes, positive = study.bundle.card.classes, study.positive
    name, ill, score = classes[positive], chosen.labels == positive, scores[:, positive]
    rows = []
    for other in sorted(set(chosen.labels.tolist()) - {positive}) if ill.any() else []:
        own = ill | (chosen.labels == other)
        part = (ill[own], score[own], chosen.part(own).groups)
        key, what = f"{chosen.source}.{{}}.{classes[other]}", f"{name} against {classes[other]}"
        rows += row(key.format("auc"), chosen.where, "AUC", what, auc_of(*part[:2]), part)
        rows += row(key.format("ap"), chosen.where, "average precision", what, _average_precision, part)
    whole = (ill, score, chosen.groups)
    rows += row(f"{chosen.source}.brier", chosen.where, "Brier score", f"score of {name}", calibration.brier, whole)
    error = calibration_of(ill, score, largest=False)
    rows += row(f"{chosen.source}.ece", chosen.where, "ECE", f"score of {name}", error, whole)
    decided, _ = calibration.confidences(scores, positive, study.threshold)
    right = (decided == chosen.labels).astype(float)
    rows += mean_row(
        f"{chosen.source}.accuracy", chosen.where, "accuracy", f"of {len(classes)} classes", right, chosen.groups
    )
    return rows


def _average_precision(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    # sklearn's sum of a perfect ranking may miss 1 by a rounding, which would hide that it is perfect.
    return round(calibration.average_precision(truth, score, weight), 12)


def _points(study: Study, chosen: PictureSet, scores: np.ndarray) -> list[dict[str, Any]]:
    card, positive = study.bundle.card, study.positive
    name, ill, score = card.positive, chosen.labels == positive, scores[:, positive]
    rows = []
    for point in card.points.values():
        # The default point's figures have the ids that they have in the card.
        stem = chosen.source if point.name == card.default_point else f"{chosen.source}.{point.name}"
        found: list[dict[str, Any]] = []
        rule = calibration.share_at_or_above(point.threshold, among=False)
        for other in sorted(set(chosen.labels.tolist()) - {positive}):
            own = chosen.labels == other
            label, part = card.classes[other], (ill[own], score[own], chosen.part(own).groups)
            what = f"{label} not called {name}"
            found += row(f"{stem}.specificity.{label}", chosen.where, "specificity", what, rule, part)
        if ill.any():
            part = (ill[ill], score[ill], chosen.part(ill).groups)
            rule = calibration.share_at_or_above(point.threshold, among=True)
            found += row(f"{stem}.sensitivity", chosen.where, "sensitivity", f"{name} called {name}", rule, part)
        if ill.any() and not ill.all():
            found += row(
                f"{stem}.balanced_accuracy",
                chosen.where,
                "balanced accuracy",
                f"{name} against all others",
                _balanced(point.threshold),
                (ill, score, chosen.groups),
            )
        rows += [one | {"point": point.name} for one in found]
    return rows


def _balanced(threshold: float) -> calibration.Metric:
    hit, spared = (calibration.share_at_or_above(threshold, among=which) for which in (True, False))

    def metric(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
        return (hit(truth, score, weight) + spared(truth, score, weight)) / 2

    return metric


def _confusion(study: Study, chosen: PictureSet, scores: np.ndarray) -> dict[str, Any]:
    classes = study.bundle.card.classes
    decided, confidence = calibration.confidences(scores, study.positive, study.threshold)
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (chosen.labels, decided), 1)
    return {
        **chosen.where,
        "n": len(decided),
        "classes": list(classes),
        "counts": counts.tolist(),
        "uncertain": int((confidence < study.bundle.card.margin).sum()),
    }


def _against_card(study: Study, figures: list[dict[str, Any]]) -> dict[str, Any]:
    """The card's figures were measured when it was exported; these, on this machine, should be the same."""
    here = {one["id"]: one["value"] for one in figures}
    shared = [one for one in study.card.get("figures", []) if one["id"] in here]
    gaps = [abs(one["value"] - here[one["id"]]) for one in shared]
    return {"compared": len(shared), "largest_difference": round(max(gaps, default=0.0), 4)}

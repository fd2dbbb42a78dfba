"""Figures of each source: ranking, operating points, confusion, predictive values, healthy chests."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.evaluation.metrics import Rows, auc_of, calibration_of, mean_row, row
from model.evaluation.study import PictureSet, Study
from model.reading.prevalence import Share, predictive_values
from model.training.data.targets import healthy_class
from model.training.export import calibration
from model.training.export import card as bundle_card

PREVALENCES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)


def measure(study: Study) -> dict[str, Any]:
    """AUC, average precision, Brier score and calibration error, and what each operating point gives.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures" of every source, the "confusion" matrices at the default operating point, and how far the figures of
        the card are from these ("card").
    """
    figures: Rows = []
    healthy: Rows = []
    confusion = []
    for chosen in study.sets("external", "test"):
        scores = study.scores(study.read(chosen).logits)
        figures += _ranking(study, chosen, scores) + _operating_points(study, chosen, scores)
        healthy += _healthy(study, chosen, scores)
        confusion.append(_confusion(study, chosen, scores))
    return {"figures": figures, "confusion": confusion, "card": _against_card(study, figures + healthy)}


def elsewhere(study: Study) -> dict[str, Any]:
    """What a score is worth in other hospitals, and how many healthy chests of each source are called ill.

    Args:
        study: the bundle and its pictures.

    Returns:
        "rows", one a source that training never saw, with its "sensitivity" and "called_ill" where it has such
        radiographs; and "figures": the share of healthy chests called ill in any way and called each class, of every
        source.
    """
    figures: Rows = []
    sensitivity: Rows = []
    for chosen in study.sets("external", "test"):
        scores = study.scores(study.read(chosen).logits)
        figures += _healthy(study, chosen, scores)
        points = _operating_points(study, chosen, scores)
        sensitivity += [figure for figure in points if figure["point"] == study.bundle.card.default_point]
    rows: dict[str, dict[str, Any]] = {}
    for figure in sensitivity + figures:
        if figure["role"] != "internal" and figure["metric"] in ("sensitivity", "called ill"):
            row = rows.setdefault(figure["source"], {name: figure[name] for name in ("source", "set", "role")})
            row[figure["metric"].replace(" ", "_")] = {name: figure[name] for name in ("value", "low", "high", "n")}
    ordered = sorted(rows.values(), key=lambda row: (row["role"] != "choice", row["source"]))
    return {"rows": ordered, "figures": figures}


def _healthy(study: Study, chosen: PictureSet, scores: np.ndarray) -> Rows:
    """The share of healthy chests that are called ill: in any way, and of each class."""
    classes, (decided, _) = study.bundle.card.classes, study.decide(scores)
    rows = bundle_card.called_ill(chosen.where, classes, chosen.labels, decided, chosen.groups)
    healthy = healthy_class(classes)
    if rows and healthy and len(classes) > 2:
        members = chosen.labels == classes.index(healthy)
        patients = chosen.part(members).groups
        for number, name in enumerate(classes):
            if name != healthy:
                key, what = f"{chosen.source}.called_ill.{name}", f"{healthy} called {name}"
                rows += mean_row(key, chosen.where, f"called {name}", what, decided[members] == number, patients)
    return rows


def _ranking(study: Study, chosen: PictureSet, scores: np.ndarray) -> Rows:
    """What depends on no threshold."""
    classes, positive = study.card.classes, study.positive
    name, ill, score = classes[positive], chosen.labels == positive, scores[:, positive]
    rows = []
    for other in sorted(set(chosen.labels.tolist()) - {positive}) if ill.any() else []:
        pair = ill | (chosen.labels == other)
        part = (ill[pair], score[pair], chosen.part(pair).groups)
        key, what = f"{chosen.source}.{{}}.{classes[other]}", f"{name} against {classes[other]}"
        rows += row(key.format("auc"), chosen.where, "AUC", what, auc_of(*part[:2]), part)
        rows += row(key.format("ap"), chosen.where, "average precision", what, _average_precision, part)
    whole = (ill, score, chosen.groups)
    rows += row(f"{chosen.source}.brier", chosen.where, "Brier score", f"score of {name}", calibration.brier, whole)
    error = calibration_of(ill, score, largest=False)
    rows += row(f"{chosen.source}.ece", chosen.where, "ECE", f"score of {name}", error, whole)
    right = (study.decide(scores)[0] == chosen.labels).astype(float)
    key, what = f"{chosen.source}.accuracy", f"of {len(classes)} classes"
    return rows + mean_row(key, chosen.where, "accuracy", what, right, chosen.groups)


def _average_precision(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    # scikit-learn's sum of a perfect ranking may miss 1 by a rounding error, which would hide that it is perfect.
    return round(calibration.average_precision(truth, score, weight), 12)


def _operating_points(study: Study, chosen: PictureSet, scores: np.ndarray) -> Rows:
    card, positive = study.card, study.positive
    name, ill, score = card.positive, chosen.labels == positive, scores[:, positive]
    rows: Rows = []
    for point in card.points.values():
        # The default point's figures have the ids that they have in the card.
        stem = chosen.source if point.name == card.default_point else f"{chosen.source}.{point.name}"
        measured: Rows = []
        rule = calibration.share_at_or_above(point.threshold, among=False)
        for other in sorted(set(chosen.labels.tolist()) - {positive}):
            members = chosen.labels == other
            label, part = card.classes[other], (ill[members], score[members], chosen.part(members).groups)
            what = f"{label} not called {name}"
            measured += row(f"{stem}.specificity.{label}", chosen.where, "specificity", what, rule, part)
        if ill.any():
            part = (ill[ill], score[ill], chosen.part(ill).groups)
            rule = calibration.share_at_or_above(point.threshold, among=True)
            measured += row(f"{stem}.sensitivity", chosen.where, "sensitivity", f"{name} called {name}", rule, part)
        if ill.any() and not ill.all():
            measured += row(
                f"{stem}.balanced_accuracy",
                chosen.where,
                "balanced accuracy",
                f"{name} against all others",
                _balanced_accuracy(point.threshold),
                (ill, score, chosen.groups),
            )
        rows += [figure | {"point": point.name} for figure in measured]
    return rows


def _balanced_accuracy(threshold: float) -> calibration.Metric:
    sensitivity, specificity = (calibration.share_at_or_above(threshold, among=ill) for ill in (True, False))

    def metric(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
        return (sensitivity(truth, score, weight) + specificity(truth, score, weight)) / 2

    return metric


def _confusion(study: Study, chosen: PictureSet, scores: np.ndarray) -> dict[str, Any]:
    classes = study.card.classes
    decided, confidence = study.decide(scores)
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (chosen.labels, decided), 1)
    return {
        **chosen.where,
        "n": len(decided),
        "classes": list(classes),
        "counts": counts.tolist(),
        "uncertain": int((confidence < study.card.margin).sum()),
    }


def _against_card(study: Study, figures: Rows) -> dict[str, Any]:
    """The card's figures were measured when it was exported; these, on this machine, should be the same."""
    here = {figure["id"]: figure["value"] for figure in figures}
    shared = [figure for figure in study.card.figures if figure.id in here]
    gaps = [abs(figure.value - here[figure.id]) for figure in shared]
    return {"compared": len(shared), "largest_difference": round(max(gaps, default=0.0), 4)}


def predictive(study: Study) -> dict[str, Any]:
    """PPV and NPV at the default operating point; sensitivity and specificity count patients, not pictures.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures": one PPV and one NPV for each source with both kinds of picture and each prevalence.
    """
    rows = []
    for chosen in study.with_both("external", "test"):
        score = study.scores(study.read(chosen).logits)[:, study.positive]
        ill, above = chosen.labels == study.positive, score >= study.threshold
        shares = []
        for members, right in ((ill, above), (~ill, ~above)):
            people = len({group for group, here in zip(chosen.groups, members, strict=True) if here})
            shares.append(Share(float(right[members].mean()), people))
        for prevalence in PREVALENCES:
            for name, value in zip(("PPV", "NPV"), predictive_values(shares[0], shares[1], prevalence), strict=True):
                rows.append(
                    {
                        "id": f"{chosen.source}.{name.lower()}.{prevalence}",
                        **chosen.where,
                        "metric": name,
                        "what": f"at a prevalence of {100 * prevalence:.0f} %",
                        "prevalence": prevalence,
                        "value": round(value.value, 4),
                        "low": round(value.low, 4),
                        "high": round(value.high, 4),
                        "n": shares[0].n + shares[1].n,
                        "sensitivity": round(shares[0].value, 4),
                        "specificity": round(shares[1].value, 4),
                    }
                )
    return {"figures": rows}

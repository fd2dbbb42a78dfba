"""Controls that tell whether it reads lungs: the same pictures without lungs, with lungs alone, with borders alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.evaluation import lungs
from model.evaluation.metrics import auc_of, row
from model.evaluation.study import PictureSet, Study
from model.training import calibration

REAL = "the whole picture"
ERASED = "average lungs erased"
ALONE = "average lungs alone"
BORDERS = "borders alone"
FOUND_ERASED = "found lungs erased"
FOUND_ALONE = "found lungs alone"
OWN_ERASED = "own lungs erased"
OWN_ALONE = "own lungs alone"


def measure(study: Study) -> dict[str, Any]:
    """AUC of each control beside the real one, and what is called positive where a picture's own lungs are erased.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", each with its "control", and what the masks cover.
    """
    size = study.bundle.card.size
    average = lungs.average_lungs(study, size)
    regions: dict[str, np.ndarray] = {BORDERS: lungs.middle(size)}
    if average is not None:
        regions |= {ERASED: average, ALONE: ~average}
    figures: list[dict[str, Any]] = []
    for chosen in study.with_both("external", "test"):
        pictures = study.inputs(chosen)
        figures += auc_rows(study, chosen, REAL, study.scores(study.read(chosen).logits))
        variants = dict(regions)
        found = lungs.found_masks(study, chosen, size)
        if found is not None:
            variants |= {FOUND_ERASED: np.stack([lungs.grow(mask) for mask in found]), FOUND_ALONE: ~found}
        for name, region in variants.items():
            logits = study.passes.logits(lungs.cover(pictures, region), f"{chosen.source}: {name}")
            figures += auc_rows(study, chosen, name, study.scores(logits))
    masked: dict[str, int] = {}
    for chosen in study.sets("external", "test"):
        masks = lungs.masks_of(study, chosen, size)
        if masks:
            part = chosen.part(np.array(sorted(masks)))
            masked[chosen.source] = len(masks)
            figures += _own_lungs(study, part, np.stack([masks[i] for i in sorted(masks)]))
    return {
        "figures": figures,
        "average_lungs_share": None if average is None else round(float(average.mean()), 4),
        "frame": lungs.FRAME,
        "masked": masked,
    }


def auc_rows(study: Study, chosen: PictureSet, control: str, scores: np.ndarray) -> list[dict[str, Any]]:
    """AUC of the positive class against each other class.

    Args:
        study: names the classes.
        chosen: the pictures.
        control: what was done to them.
        scores: (n, C), or (n,) of the positive class.

    Returns:
        One row a class, with its "control".
    """
    classes, positive = study.bundle.card.classes, study.positive
    score = scores if scores.ndim == 1 else scores[:, positive]
    ill = chosen.labels == positive
    rows = []
    for other in sorted(set(chosen.labels.tolist()) - {positive}):
        own = ill | (chosen.labels == other)
        part = (ill[own], score[own], chosen.part(own).groups)
        key = f"{chosen.source}.{control.replace(' ', '_')}.auc.{classes[other]}"
        what = f"{classes[positive]} against {classes[other]}"
        found = row(key, chosen.where, "AUC", what, auc_of(*part[:2]), part)
        rows += [one | {"control": control} for one in found]
    return rows


def _own_lungs(study: Study, part: PictureSet, masks: np.ndarray) -> list[dict[str, Any]]:
    """The share called positive, by true class, as it is, without the picture's own lungs and with them alone."""
    pictures = study.inputs(part)
    erased = np.stack([lungs.grow(mask) for mask in masks])
    variants = {REAL: pictures, OWN_ERASED: lungs.cover(pictures, erased), OWN_ALONE: lungs.cover(pictures, ~masks)}
    rows = []
    for control, varied in variants.items():
        scores = study.scores(study.passes.logits(varied, f"{part.source}: {control}"))[:, study.positive]
        for label in sorted(set(part.labels.tolist())):
            own = part.labels == label
            rule = calibration.share_at_or_above(study.threshold, among=True)
            name = study.bundle.card.classes[label]
            found = row(
                f"{part.source}.masked.{control.replace(' ', '_')}.{name}",
                part.where,
                f"called {study.bundle.card.positive}",
                f"{name} with a lung mask",
                rule,
                (np.ones(own.sum(), bool), scores[own], part.part(own).groups),
            )
            rows += [one | {"control": control} for one in found]
    return rows

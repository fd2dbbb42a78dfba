"""Controls for shortcuts: the same radiographs without the lungs, with the lungs alone, with the borders alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.evaluation import masks
from model.evaluation.metrics import Rows, auc_of, row
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
    """AUC of each control beside the real one, and what is called positive where a picture's lung mask is erased.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", each with its "control", and what the masks cover.
    """
    size = study.bundle.card.size
    average = masks.average_lungs(study, size)
    figures: Rows = []
    for chosen in study.with_both("external", "test"):
        pixels = study.pixels(chosen)
        boxes = study.boxes(pixels)
        figures += auc_rows(study, chosen, REAL, study.scores(study.read(chosen).logits))
        regions = {BORDERS: np.broadcast_to(masks.middle(size), (len(pixels), size, size))}
        if average is not None:
            regions[ERASED] = study.frame_masks([average] * len(pixels), boxes)
            regions[ALONE] = ~regions[ERASED]
        segmented = masks.segmented_masks(study, pixels)
        if segmented is not None:
            regions[FOUND_ERASED] = study.frame_masks([masks.grow(mask) for mask in segmented], boxes)
            regions[FOUND_ALONE] = ~study.frame_masks(segmented, boxes)
        pictures = study.frame(pixels, boxes)
        for name, region in regions.items():
            logits = study.passes.logits(masks.cover(pictures, region), f"{chosen.source}: {name}")
            figures += auc_rows(study, chosen, name, study.scores(logits))
    masked: dict[str, int] = {}
    for chosen in study.sets("external", "test"):
        known = masks.masks_of(study, chosen, size)
        if known:
            masked[chosen.source] = len(known)
            figures += _masked_lungs(study, chosen.part(np.array(sorted(known))), [known[i] for i in sorted(known)])
    return {
        "figures": figures,
        "average_lungs_share": None if average is None else round(float(average.mean()), 4),
        "frame": masks.FRAME,
        "masked": masked,
    }


def auc_rows(study: Study, chosen: PictureSet, control: str, scores: np.ndarray) -> Rows:
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
    rows: Rows = []
    for other in sorted(set(chosen.labels.tolist()) - {positive}):
        pair = ill | (chosen.labels == other)
        part = (ill[pair], score[pair], chosen.part(pair).groups)
        key = f"{chosen.source}.{control.replace(' ', '_')}.auc.{classes[other]}"
        what = f"{classes[positive]} against {classes[other]}"
        figures = row(key, chosen.where, "AUC", what, auc_of(*part[:2]), part)
        rows += [figure | {"control": control} for figure in figures]
    return rows


def _masked_lungs(study: Study, part: PictureSet, lungs: list[np.ndarray]) -> Rows:
    """The share called positive, by true class: as it is, with the lungs of its mask erased, and with them alone."""
    pixels = study.pixels(part)
    boxes = study.boxes(pixels)
    pictures = study.frame(pixels, boxes)
    erased = study.frame_masks([masks.grow(mask) for mask in lungs], boxes)
    variants = {
        REAL: pictures,
        OWN_ERASED: masks.cover(pictures, erased),
        OWN_ALONE: masks.cover(pictures, ~study.frame_masks(lungs, boxes)),
    }
    rows: Rows = []
    for control, varied in variants.items():
        scores = study.scores(study.passes.logits(varied, f"{part.source}: {control}"))[:, study.positive]
        for label in sorted(set(part.labels.tolist())):
            members = part.labels == label
            name = study.bundle.card.classes[label]
            figures = row(
                f"{part.source}.masked.{control.replace(' ', '_')}.{name}",
                part.where,
                f"called {study.bundle.card.positive}",
                f"{name} with a lung mask",
                calibration.share_at_or_above(study.threshold, among=True),
                (np.ones(members.sum(), bool), scores[members], part.part(members).groups),
            )
            rows += [figure | {"control": control} for figure in figures]
    return rows

"""Controls for shortcuts: the same radiographs without the lungs, with the lungs alone, with the borders alone."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.evaluation.metrics import Rows, auc_of, row
from model.evaluation.study import EvidenceError, PictureSet, Study
from model.reading.radiograph import to_input
from model.training.export import calibration

REAL = "the whole picture"
ERASED = "average lungs erased"
ALONE = "average lungs alone"
BORDERS = "borders alone"
FOUND_ERASED = "found lungs erased"
FOUND_ALONE = "found lungs alone"
OWN_ERASED = "own lungs erased"
OWN_ALONE = "own lungs alone"
MASKS = "lung_masks.csv"
# A pixel belongs to the average lungs if it is lung in this share of the masks: few, so that erasing the average leaves
# little lung in any picture.
COMMON = 0.25
# Share of the side by which a mask grows before the lungs are erased, so that their outline goes too.
GROWN = 0.04
# The frame that is left when the middle is covered, as a share of the side.
FRAME = 0.12


def measure(study: Study) -> dict[str, Any]:
    """AUC of each control beside the real one, and what is called positive where a picture's lung mask is erased.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", each with its "control", and what the masks cover.
    """
    size = study.bundle.card.size
    average = average_lungs(study, size)
    figures: Rows = []
    for chosen in study.with_both("external", "test"):
        pixels = study.pixels(chosen)
        boxes = study.boxes(pixels)
        figures += auc_rows(study, chosen, REAL, study.scores(study.read(chosen).logits))
        regions = {BORDERS: np.broadcast_to(middle(size), (len(pixels), size, size))}
        if average is not None:
            regions[ERASED] = study.frame_masks([average] * len(pixels), boxes)
            regions[ALONE] = ~regions[ERASED]
        segmented = segmented_masks(study, pixels)
        if segmented is not None:
            regions[FOUND_ERASED] = study.frame_masks([grow(mask) for mask in segmented], boxes)
            regions[FOUND_ALONE] = ~study.frame_masks(segmented, boxes)
        pictures = study.frame(pixels, boxes)
        for name, region in regions.items():
            logits = study.passes.logits(cover(pictures, region), f"{chosen.source}: {name}")
            figures += auc_rows(study, chosen, name, study.scores(logits))
    masked: dict[str, int] = {}
    for chosen in study.sets("external", "test"):
        known = masks_of(study, chosen, size)
        if known:
            masked[chosen.source] = len(known)
            figures += _masked_lungs(study, chosen.part(np.array(sorted(known))), [known[i] for i in sorted(known)])
    return {
        "figures": figures,
        "average_lungs_share": None if average is None else round(float(average.mean()), 4),
        "frame": FRAME,
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
    erased = study.frame_masks([grow(mask) for mask in lungs], boxes)
    variants = {
        REAL: pictures,
        OWN_ERASED: cover(pictures, erased),
        OWN_ALONE: cover(pictures, ~study.frame_masks(lungs, boxes)),
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


def masks_of(study: Study, chosen: PictureSet, size: int) -> dict[int, np.ndarray]:
    """The lung masks of a set's pictures.

    Args:
        study: its folder holds `lung_masks.csv`, or there are no masks.
        chosen: the pictures; a mask is theirs if its picture has the same file name.
        size: pixels a side.

    Returns:
        Position in the set -> (size, size) bool.
    """
    known = {Path(row["image"]).stem: study.folder / row["mask"] for row in _rows(study.folder)}
    names = [study.data.records[i].path.stem for i in chosen.indices]
    return {i: _read(known[name], size) for i, name in enumerate(names) if name in known}


def segmented_masks(study: Study, pixels: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """The lungs that the bundle's lung network finds: n masks of (S, S) bool, or None without such a network."""
    segmenter = study.bundle.segmenter
    if segmenter is None:
        return None
    return [segmenter.find_in(to_input(grey, segmenter.size)).mask > 0.5 for grey in pixels]


def average_lungs(study: Study, size: int) -> np.ndarray | None:
    """Where lungs usually are in a squashed frontal radiograph: (size, size) bool, or None without masks."""
    rows = _rows(study.folder)[:: 10 if study.quick else 1]
    if not rows:
        return None
    share = np.mean([_read(study.folder / row["mask"], size) for row in rows], axis=0)
    return np.asarray(share >= COMMON)


def cover(pictures: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Fill a region of each picture with the mean grey of what is left of it.

    Args:
        pictures: (n, S, S, 1) float32.
        regions: (n, S, S) or (S, S) bool, what is covered.

    Returns:
        (n, S, S, 1) float32.
    """
    covered = np.broadcast_to(regions, pictures.shape[:3])[..., None]
    left = np.maximum((~covered).sum(axis=(1, 2, 3), keepdims=True), 1)
    grey = np.where(covered, 0, pictures).sum(axis=(1, 2, 3), keepdims=True) / left
    return np.where(covered, grey, pictures).astype(np.float32)


def grow(mask: np.ndarray) -> np.ndarray:
    """A (S, S) bool mask, larger by `GROWN` of the side all around."""
    reach = 2 * max(1, round(GROWN * len(mask))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def middle(size: int) -> np.ndarray:
    """All but a frame along the borders, where side markers, names and collimator edges are: (size, size) bool."""
    edge = round(FRAME * size)
    inside = np.zeros((size, size), bool)
    inside[edge : size - edge, edge : size - edge] = True
    return inside


def _rows(folder: Path) -> list[dict[str, str]]:
    path = folder / MASKS
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _read(path: Path, size: int) -> np.ndarray:
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise EvidenceError(f"The lung mask {path.name}, which {MASKS} names, can't be read.")
    return np.asarray(cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA) > 127)

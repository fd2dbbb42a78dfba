"""Lung masks: which radiographs have one, and radiographs with the lungs erased or with nothing but lungs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from model.evaluation.study import EvidenceError, PictureSet, Study
from model.reading.radiograph import to_input

MASKS = "lung_masks.csv"
# A pixel belongs to the average lungs if it is lung in this share of the masks: few, so that erasing the average leaves
# little lung in any picture.
COMMON = 0.25
# Share of the side by which a mask grows before the lungs are erased, so that their outline goes too.
GROWN = 0.04
# The frame that is left when the middle is covered, as a share of the side.
FRAME = 0.12


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

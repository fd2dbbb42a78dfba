"""Decoded pictures -> what a training on degraded views draws from: crops of the lungs, targets and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from model.reading.framing import Box, lungs_box
from model.reading.lungs import Segmenter
from model.reading.radiograph import to_input
from model.training.background import find_lungs
from model.training.batches import make_soft_targets, share_evenly
from model.training.config import TrainingError
from model.training.dataset import Dataset
from model.training.labels import is_positive

# NIH's labels beside the three classes: a second, auxiliary head learns them (Wang et al. 2017).
FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia",
    "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
# Lungs with nothing but these often look normal on a small picture, and the labels were mined from reports.
SUBTLE = frozenset({"Cardiomegaly", "Emphysema", "Fibrosis", "Hernia", "Nodule", "Pleural_Thickening"})
# Pixels a side of the wide crops, and what they have around the lungs' box beyond the margin: room for jitter.
WIDE, ROOM = 192, 0.16
# Pixels a side of the lungs' masks of these crops.
MASK = 96
SMOOTHING = 0.06
# Share of the draws that goes to pictures with a soft target, where there are any; the rest is even among the classes
# but for COVID-19, of which two sources alone tell.
SOFT_SHARE, POSITIVE_SHARE = 0.08, 0.875


@dataclass(frozen=True)
class Crops:
    """What a training draws from.

    Attributes:
        pictures: (N, WIDE, WIDE) uint8, the lungs with room around them, or a whole picture.
        boxes: the lungs' box in each, without a margin; None for a whole picture.
        targets: (N, C) float32 distributions over the classes.
        findings: (N, F) float32, 0 or 1; -1 where a source does not say.
        probabilities: (N,) that add up to 1.
        lungs: (N, M, M) uint8, 255 where the background may not be replaced; None where it never is.
    """

    pictures: np.ndarray
    boxes: tuple[Box | None, ...]
    targets: np.ndarray
    findings: np.ndarray
    probabilities: np.ndarray
    lungs: np.ndarray | None = None


def find_boxes(pictures: np.ndarray, segmenter: Segmenter) -> list[Box | None]:
    """The lungs' box in each of (N, S, S) uint8 pictures."""
    return [lungs_box(segmenter.find_in(to_input(one.astype(np.float32), segmenter.size))) for one in pictures]


def cut(
    data: Dataset, segmenter: Segmenter | None, margin: float | None, power: float = 0.5, *, masked: bool = False
) -> Crops:
    """The training split and SIIM's pictures without a label.

    Args:
        data: the pictures.
        segmenter: finds the lungs; not needed where the whole picture is taken.
        margin: of the framing; None for the whole picture.
        power: see `Settings.source_power`.
        masked: also cut out where the lungs are, for a background that is replaced; needs a segmenter and a margin.

    Returns:
        The crops; the probabilities are even by class, inside a class go by this power of a source's size, and are then
        made even among the classes of each source.

    Raises:
        TrainingError: there is no segmenter, and one is needed.
    """
    if margin is not None and segmenter is None:
        raise TrainingError("--margin 0 or more needs a lung network: give --lungs a bundle that has one.")
    soft = make_soft_targets(data, data.indices("unlabelled"))[0].tolist()
    chosen = [*data.indices("train").tolist(), *soft]
    found = find_boxes(data.pictures[chosen], segmenter) if segmenter and margin is not None else [None] * len(chosen)
    parts = [widen(data.pictures[i], box, margin or 0.0) for i, box in zip(chosen, found, strict=True)]
    masks = None
    if masked and segmenter and margin is not None:
        whole = find_lungs(data.pictures[chosen], segmenter)
        masks = np.stack([widen(mask, box, margin, MASK)[0] for mask, box in zip(whole, found, strict=True)])
    return Crops(
        np.stack([picture for picture, _ in parts]),
        tuple(box for _, box in parts),
        np.stack([_target(data, i) for i in chosen]),
        np.stack([_findings(data, i) for i in chosen]),
        _probabilities(data, chosen, power),
        masks,
    )


def widen(picture: np.ndarray, box: Box | None, margin: float, side: int = WIDE) -> tuple[np.ndarray, Box | None]:
    """Cut the lungs out of an (S, S) uint8 picture with room for jitter.

    Returns:
        (side, side) uint8 and the box in it; a whole picture where there is no box.
    """
    if box is None:
        return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), None
    height, width = picture.shape
    rows, columns = box.widened(margin + ROOM).slices(height, width)
    cut = picture[rows, columns]
    y, x = cut.shape
    inner = Box(
        (box.left * width - columns.start) / x,
        (box.top * height - rows.start) / y,
        (box.right * width - columns.start) / x,
        (box.bottom * height - rows.start) / y,
    )
    how = cv2.INTER_AREA if min(y, x) >= side else cv2.INTER_LINEAR
    return cv2.resize(cut, (side, side), interpolation=how), inner


def _target(data: Dataset, i: int) -> np.ndarray:
    record, classes = data.records[i], data.classes
    if not record.label:
        return make_soft_targets(data, np.array([i]))[1][0]
    own = classes.index(record.label)
    if record.source.startswith("nih") and {"normal", "other"} <= set(classes):
        # Older than COVID-19: what is uncertain in a label mined from a report lies between normal and other.
        subtle = set(record.finding.split("|")) <= SUBTLE
        normal = 0.9 if record.label == "normal" else 0.35 if subtle else 0.17
        target = np.full(len(classes), 0.01 / max(1, len(classes) - 2), np.float32)
        target[classes.index("normal")], target[classes.index("other")] = normal, 0.99 - normal
        return target
    target = np.full(len(classes), SMOOTHING / (len(classes) - 1), np.float32)
    target[own] = 1 - SMOOTHING
    return target


def _findings(data: Dataset, i: int) -> np.ndarray:
    record = data.records[i]
    if not record.source.startswith("nih"):
        return np.full(len(FINDINGS), -1, np.float32)
    said = set(record.finding.split("|"))
    row = np.array([float(name in said) for name in FINDINGS], np.float32)
    if record.source == "nih" and record.label != "normal":
        # This selection names pneumonia alone, whatever else was reported.
        row[row == 0] = -1
    return row


def _probabilities(data: Dataset, chosen: Sequence[int], power: float) -> np.ndarray:
    keys = [(data.records[i].label, data.records[i].source) for i in chosen]
    labels = {label for label, _ in keys}
    # Three classes of which one is COVID-19 and some pictures without a label: 0.32, 0.32, 0.28 and 0.08.
    parts = {label: POSITIVE_SHARE if is_positive(label) else 1.0 for label in labels if label}
    known = (1 - SOFT_SHARE if "" in labels else 1.0) / sum(parts.values())
    shares = {label: part * known for label, part in parts.items()} | ({"": SOFT_SHARE} if "" in labels else {})
    return share_evenly(keys, shares, power)

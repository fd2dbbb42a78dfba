"""Decoded pictures -> crops of the lungs -> training batches: every picture once or twice, differently degraded."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow as tf

from model.reading.card import Framing
from model.reading.framing import Box, frame, lungs_box
from model.reading.lungs import Segmenter
from model.reading.radiograph import to_input
from model.training.config import Settings, TrainingError
from model.training.data.background import find_lungs, replace
from model.training.data.dataset import Dataset
from model.training.data.degrade import Degradation, degrade, jitter, mirror, turn
from model.training.data.targets import make_findings, make_probabilities, make_targets, with_soft_target

# What the crops have around the lungs' box beyond the margin, as a share of its sides: room for jitter.
ROOM = 0.16
# Pixels a side of the lungs' masks of these crops.
MASK = 96
# One box in ten is off by more, as the lung network's may be on a bad picture.
FAR_OFF, FARTHER = 0.1, 2.2
# A picture on which no class depends on the side may be mirrored: that a film came so is for the mirror check to say.
MIRRORED = 0.5


@dataclass(frozen=True)
class Crops:
    """What a training draws from.

    Attributes:
        pictures: (N, S, S) uint8, the lungs with room around them, or a whole picture.
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


def find_boxes(pictures: np.ndarray, segmenter: Segmenter | None) -> list[Box | None]:
    """The lungs' box in each of (N, S, S) uint8 pictures; None where it is not looked for."""
    if segmenter is None:
        return [None] * len(pictures)
    return [lungs_box(segmenter.find_in(to_input(p.astype(np.float32), segmenter.size))) for p in pictures]


def cut(data: Dataset, segmenter: Segmenter | None, settings: Settings) -> Crops:
    """The training split and SIIM's pictures without a label.

    Args:
        data: the pictures.
        segmenter: finds the lungs; None where the whole picture is taken.
        settings: of the run.

    Raises:
        TrainingError: there is no segmenter, and one is needed.
    """
    margin = settings.framing.margin
    if margin is not None and segmenter is None:
        raise TrainingError("--margin 0 or more needs a lung network: give --lungs a bundle that has one.")
    chosen = [*data.indices("train").tolist(), *with_soft_target(data)]
    boxes = find_boxes(data.pictures[chosen], segmenter)
    crops = [
        crop(data.pictures[i], box, margin or 0.0, settings.cropped_size) for i, box in zip(chosen, boxes, strict=True)
    ]
    lungs = None
    if settings.background and segmenter is not None and margin is not None:
        masks = find_lungs(data.pictures[chosen], segmenter)
        lungs = np.stack([crop(mask, box, margin, MASK)[0] for mask, box in zip(masks, boxes, strict=True)])
    return Crops(
        np.stack([picture for picture, _ in crops]),
        tuple(box for _, box in crops),
        make_targets(data, chosen),
        make_findings(data, chosen),
        make_probabilities(data, chosen, settings.source_power),
        lungs,
    )


def crop(picture: np.ndarray, box: Box | None, margin: float, size: int) -> tuple[np.ndarray, Box | None]:
    """Cut the lungs out of an (S, S) uint8 picture with room for jitter.

    Args:
        picture: decoded.
        box: of the lungs; None for the whole picture.
        margin: of the framing.
        size: pixels a side of the crop.

    Returns:
        (size, size) uint8 and the box in it; a whole picture where there is no box.
    """
    if box is None:
        return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), None
    height, width = picture.shape
    rows, columns = box.widened(margin + ROOM).slices(height, width)
    part = picture[rows, columns]
    y, x = part.shape
    inner = Box(
        (box.left * width - columns.start) / x,
        (box.top * height - rows.start) / y,
        (box.right * width - columns.start) / x,
        (box.bottom * height - rows.start) / y,
    )
    how = cv2.INTER_AREA if min(y, x) >= size else cv2.INTER_LINEAR
    return cv2.resize(part, (size, size), interpolation=how), inner


@dataclass(frozen=True)
class Views:
    """Training batches that a resumed run sees exactly as one that was never interrupted.

    Attributes:
        crops: what is drawn from.
        settings: of the run.
    """

    crops: Crops
    settings: Settings

    def __len__(self) -> int:
        """Number of batches an epoch."""
        return self.settings.steps_per_epoch or math.ceil(
            len(self.crops.targets) * self.settings.views / self.settings.batch_size
        )

    def stream(self, first_epoch: int) -> tf.data.Dataset:
        """Endless batches from an epoch on.

        Pictures (B, s, s, 1) float32 and targets (B, C + F + 1), as `losses.PackedLoss` takes them; views of a
        picture are neighbours.
        """
        packed = pack(self.crops.targets, self.crops.findings, paired=self.settings.views == 2)
        # Beside a GPU half of the cores; without one a single thread, as the network needs the cores.
        workers = max(1, (os.cpu_count() or 2) // 2) if tf.config.list_physical_devices("GPU") else 1

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            cv2.setNumThreads(1)
            with ThreadPoolExecutor(workers) as threads:
                for epoch in itertools.count(first_epoch):
                    yield from self._epoch(epoch, packed, threads)

        batch = self.settings.batch_size
        signature = (
            tf.TensorSpec((batch, None, None, 1), tf.float32),
            tf.TensorSpec((batch, packed.shape[1]), tf.float32),
        )
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(6)

    def _epoch(
        self, epoch: int, packed: np.ndarray, threads: ThreadPoolExecutor
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        settings, seed = self.settings, self.settings.seed
        framing, how = settings.framing_in(epoch), Degradation().eased(settings.easing(epoch))
        count = settings.batch_size // settings.views
        drawn = np.random.default_rng([seed, epoch]).choice(len(packed), (len(self), count), p=self.crops.probabilities)

        def view(place: int, i: int) -> np.ndarray:
            rng = np.random.default_rng([seed, epoch, place])
            return make_view(self.crops, i, rng, how, framing, settings.background)

        for step, chosen in enumerate(drawn):
            repeated = np.repeat(chosen, settings.views)
            places = range(step * len(repeated), (step + 1) * len(repeated))
            yield np.stack(list(threads.map(view, places, repeated.tolist()))), packed[repeated]

    def plain(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Pictures as they are, drawn like those of the batches.

        Args:
            most: number of pictures; no more than there are.

        Returns:
            (n, s, s, 1) float32 of the first epoch's size, and (n, C) targets.
        """
        crops, rng = self.crops, np.random.default_rng(self.settings.seed)
        chosen = rng.choice(len(crops.targets), min(most, len(crops.targets)), p=crops.probabilities)
        framing = self.settings.framing_in(0)
        images = [frame(crops.pictures[i].astype(np.float32), crops.boxes[i], framing) for i in chosen]
        return np.concatenate(images), crops.targets[chosen]


def pack(targets: np.ndarray, findings: np.ndarray, *, paired: bool) -> np.ndarray:
    """Put (N, C) targets, (N, F) findings and whether a row's neighbour is its other view side by side."""
    return np.concatenate([targets, findings, np.full((len(targets), 1), float(paired))], axis=1).astype(np.float32)


def make_view(
    crops: Crops, i: int, rng: np.random.Generator, how: Degradation, framing: Framing, background: float = 0.0
) -> np.ndarray:
    """One degraded view of a picture.

    Args:
        crops: what is drawn from.
        i: position of the picture.
        rng: where chance comes from.
        how: chances and strengths.
        framing: of the network's input.
        background: probability that what is outside the lungs is replaced.

    Returns:
        (size, size, 1) float32.
    """
    picture = crops.pictures[i]
    if crops.lungs is not None and rng.random() < background:
        picture = replace(picture, crops.lungs[i], crops.pictures[rng.integers(len(crops.pictures))], rng)
    picture = mirror(turn(degrade(picture, rng, how), rng, how.turn), rng, MIRRORED)
    box = crops.boxes[i]
    if box is not None:
        box = jitter(box, rng, FARTHER * how.jitter if rng.random() < FAR_OFF else how.jitter)
    return frame(picture.astype(np.float32), box, framing)[0]

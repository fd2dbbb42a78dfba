"""Crops -> training batches: every picture once or twice, each time differently degraded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow as tf

from model.reading.card import Framing
from model.reading.framing import frame
from model.training.background import change
from model.training.config import Settings
from model.training.crops import Crops
from model.training.degrade import Degradation, degrade, jitter, turn

# One box in ten is off by more, as the lung network's may be on a bad picture.
FAR_OFF, FARTHER = 0.1, 2.2


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

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            # One thread: the cores are worth more to the network.
            cv2.setNumThreads(1)
            with ThreadPoolExecutor(1) as threads:
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
        own = settings.framing
        framing = Framing(settings.size_in(epoch), own.detail, own.margin)
        how = Degradation().eased(settings.easing(epoch))
        count = settings.batch_size // settings.views
        drawn = np.random.default_rng([seed, epoch]).choice(len(packed), (len(self), count), p=self.crops.probabilities)

        def view(place: int, i: int) -> np.ndarray:
            rng = np.random.default_rng([seed, epoch, place])
            return make_view(self.crops, i, rng, how, framing, settings.background)

        for step, chosen in enumerate(drawn):
            repeated = np.repeat(chosen, settings.views)
            places = range(step * len(repeated), (step + 1) * len(repeated))
            yield np.stack(list(threads.map(view, places, repeated.tolist()))), packed[repeated]


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
        picture = change(picture, crops.lungs[i], crops.pictures[rng.integers(len(crops.pictures))], rng)
    picture = turn(degrade(picture, rng, how), rng, how.turn)
    box = crops.boxes[i]
    if box is not None:
        box = jitter(box, rng, FARTHER * how.jitter if rng.random() < FAR_OFF else how.jitter)
    return frame(picture.astype(np.float32), box, framing)[0]

"""Decoded pictures -> training batches: targets, weights, augmentation, order."""

from __future__ import annotations

import itertools
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow as tf

from model.training import background
from model.training.augment import augment
from model.training.config import Settings
from model.training.dataset import Dataset
from model.training.labels import is_positive

# For SIIM's images without a label: the appearance is not negative and suggests one class more than the other (RSNA
# consensus on reporting COVID-19: Simpson et al. 2020). Estimates, not counts. They also show the network lungs of that
# source that are neither normal nor typical; otherwise it would learn that the source has two classes only.
SOFT_TARGETS = {
    "indeterminate": {"covid": 0.7, "other": 0.1, "normal": 0.2},
    "atypical": {"covid": 0.35, "other": 0.45, "normal": 0.2},
}

# Instead of a target: the loss does not compare this class (`fit.cross_entropy`).
LEFT_OUT = -1.0


@dataclass(frozen=True)
class Batches:
    """Training batches that a resumed run sees exactly as one that was never interrupted.

    The augmentation of an image depends on (seed, epoch, position) alone.

    Attributes:
        pictures: (N, S, S) uint8.
        targets: (N, C) float32 distributions over the classes.
        weights: (N,) float32.
        settings: of the run.
        source_classes: (N, C) bool, the classes of each image's source; only `settings.within` needs it.
        lungs: (N, s, s) uint8 as `background.find_lungs` returns them; only a changed background needs it.
    """

    pictures: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    settings: Settings
    source_classes: np.ndarray | None = None
    lungs: np.ndarray | None = None

    def __len__(self) -> int:
        """Number of batches an epoch."""
        return math.ceil(len(self.pictures) / self.settings.batch_size)

    def stream(self, first_epoch: int) -> tf.data.Dataset:
        """Endless batches from an epoch on: pictures (B, s, s, 1), targets (B, C), weights (B,)."""

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
            # Half of the cores: the network needs the others.
            with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as threads:
                for epoch in itertools.count(first_epoch):
                    yield from self._epoch(epoch, threads)

        signature = (
            tf.TensorSpec((self.settings.batch_size, None, None, 1), tf.float32),
            tf.TensorSpec((self.settings.batch_size, self.targets.shape[1]), tf.float32),
            tf.TensorSpec((self.settings.batch_size,), tf.float32),
        )
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(4)

    def _epoch(self, epoch: int, threads: ThreadPoolExecutor) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        settings, size = self.settings, self.settings.size_in(epoch)
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(self.pictures))

        def vary(i: int) -> np.ndarray:
            rng = np.random.default_rng([settings.seed, epoch, i])
            return augment(self._picture(i, epoch), size, rng, settings.augmentation)

        for index in range(len(self)):
            # Wrapped round at the end: every batch has the same shape, so the graph is traced once a size.
            places = np.arange(index * settings.batch_size, (index + 1) * settings.batch_size)
            chosen = order[places % len(order)]
            targets = self._targets(chosen, epoch, index)
            parts = [np.stack(list(threads.map(vary, chosen)))[..., None], targets, self.weights[chosen]]
            if settings.mixup:
                rng = np.random.default_rng([settings.seed, epoch, index, 1])
                share = np.float32(rng.beta(settings.mixup, settings.mixup))
                parts = [share * part + (1 - share) * part[::-1] for part in parts]
            yield parts[0], parts[1], parts[2]

    def _picture(self, i: int, epoch: int) -> np.ndarray:
        """An image, its background changed with the probability of the augmentation."""
        rng = np.random.default_rng([self.settings.seed, epoch, i, 2])
        if self.lungs is None or rng.random() >= self.settings.augmentation.background:
            return self.pictures[i]
        return background.change(self.pictures[i], self.lungs[i], self.pictures[rng.integers(len(self.pictures))], rng)

    def _targets(self, chosen: np.ndarray, epoch: int, index: int) -> np.ndarray:
        """The targets of a batch; with probability `within`, LEFT_OUT for the classes that a source does not have."""
        targets = self.targets[chosen]
        if self.source_classes is None or not self.settings.within:
            return targets
        narrowed = np.random.default_rng([self.settings.seed, epoch, index, 3]).random(len(chosen))
        allowed = self.source_classes[chosen] | (narrowed >= self.settings.within)[:, None]
        within = np.where(allowed, targets, 0)
        return np.where(allowed, within / within.sum(axis=1, keepdims=True), LEFT_OUT).astype(np.float32)


def make_targets(data: Dataset, indices: np.ndarray, settings: Settings) -> np.ndarray:
    """Smoothed one-hot targets, (n, C) float32."""
    classes = len(data.classes)
    targets = np.eye(classes, dtype=np.float32)[data.labels(indices)]
    smoothing = np.array(
        [
            settings.noisy_smoothing if data.records[i].source in settings.noisy_sources else settings.smoothing
            for i in indices
        ],
        np.float32,
    )[:, None]
    return targets * (1 - smoothing) + smoothing / classes


def source_classes(data: Dataset, indices: np.ndarray) -> np.ndarray:
    """Which classes each record's source has in the training split, (n, C) bool.

    All classes where the source has one class only or the record has no label: there is nothing to compare within it.
    """
    classes: dict[str, set[str]] = {}
    for i in data.indices("train"):
        classes.setdefault(data.records[i].source, set()).add(data.records[i].label)
    rows = np.ones((len(indices), len(data.classes)), bool)
    for row, i in zip(rows, indices, strict=True):
        labels = classes.get(data.records[i].source, set())
        if data.records[i].label and len(labels) > 1:
            row[:] = [label in labels for label in data.classes]
    return rows


def make_soft_targets(data: Dataset, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Targets of images without a label, from their findings.

    Args:
        data: the images.
        indices: (n,) positions of images without a label.

    Returns:
        (m,) the positions whose finding is in `SOFT_TARGETS`, and (m, C) float32 distributions over the classes;
        empty unless the classes are COVID-19, normal and other.
    """
    kinds = ["covid" if is_positive(name) else name.lower() for name in data.classes]
    if set(kinds) != {"covid", "normal", "other"}:
        return indices[:0], np.zeros((0, len(kinds)), np.float32)
    known = [i for i in indices if data.records[i].finding in SOFT_TARGETS]
    rows = [[SOFT_TARGETS[data.records[i].finding][kind] for kind in kinds] for i in known]
    return np.array(known, int), np.array(rows, np.float32).reshape(-1, len(kinds))


def make_weights(data: Dataset, indices: np.ndarray, balance: str) -> np.ndarray:
    """Weights of images, (n,) float32 with mean 1.

    Args:
        data: the images.
        indices: (n,) positions.
        balance: "class": every class weighs the same. "source": as `share_evenly` says, a source by the square root
            of its size, so that a large hospital does not outweigh the small ones. "none": all weigh the same.
    """
    keys = [(data.records[i].label, data.records[i].source) for i in indices]
    weights = np.ones(len(keys))
    if balance == "source":
        weights = share_evenly(keys, dict.fromkeys({label for label, _ in keys}, 1.0), 0.5)
    elif balance == "class":
        sizes = Counter(label for label, _ in keys)
        weights /= [sizes[label] for label, _ in keys]
    return (weights / weights.mean()).astype(np.float32)


def share_evenly(keys: Sequence[tuple[str, str]], shares: dict[str, float], power: float) -> np.ndarray:
    """Weights that neither a large source nor the look of a source decides by.

    Args:
        keys: label and source of each of n images; an empty label for none.
        shares: what the images of each label weigh together.
        power: inside a label, a source weighs by its size to this power. After that, the classes of every source are
            made even: where one of them weighs more, the source's look alone makes it more likely.

    Returns:
        (n,) float64, adding up to 1.
    """
    sizes = Counter(keys)
    total = dict.fromkeys(shares, 0.0)
    for (label, _), count in sizes.items():
        total[label] += count**power
    masses = {key: shares[key[0]] * count**power / total[key[0]] for key, count in sizes.items()}
    for source in {source for label, source in sizes if label}:
        of_source = [key for key in sizes if key[1] == source and key[0]]
        masses |= dict.fromkeys(of_source, float(np.mean([masses[key] for key in of_source])))
    weights = np.array([masses[key] / sizes[key] for key in keys])
    return weights / weights.sum()


def squash(pictures: np.ndarray, size: int) -> np.ndarray:
    """Resize (N, S, S) uint8 images to (N, size, size, 1) uint8, the network's input."""
    return np.stack([cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in pictures])[..., None]

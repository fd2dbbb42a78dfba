"""What is measured: a bundle, and the radiographs of each source that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.errors import ReaderError
from model.reading import bundle as bundles
from model.reading.card import Card
from model.reading.framing import Box, frame, lungs_box
from model.reading.radiograph import Radiograph, decode
from model.training.data import dataset
from model.training.data.manifest import describe_set
from model.training.export import calibration

if TYPE_CHECKING:
    from model.evaluation.loading import Outputs, Passes

# Radiographs a set of a quick run, which tries the machinery and measures nothing.
QUICK = 60


class EvidenceError(ReaderError):
    """The evidence can't be measured on these data; the message says why and what to do."""


@dataclass(frozen=True)
class PictureSet:
    """The radiographs of one source in one split, never pooled with another source's.

    Attributes:
        source: of the manifest.
        split: "validation", "test" or "external".
        indices: (n,) positions in the study's data.
        labels: (n,) class numbers.
        groups: the patient of each radiograph.
        findings: what the manifest says was read in each.
    """

    source: str
    split: str
    indices: np.ndarray
    labels: np.ndarray
    groups: tuple[str, ...]
    findings: tuple[str, ...]

    @property
    def where(self) -> dict[str, str]:
        """The fields that every figure of these radiographs carries, see `manifest.describe_set`."""
        return describe_set(self.source, self.split)

    def part(self, chosen: np.ndarray) -> PictureSet:
        """The same set with the chosen radiographs alone, (k,) positions or (n,) bool."""
        chosen = np.arange(len(self.labels))[chosen]
        return PictureSet(
            self.source,
            self.split,
            self.indices[chosen],
            self.labels[chosen],
            tuple(self.groups[i] for i in chosen),
            tuple(self.findings[i] for i in chosen),
        )


@dataclass(frozen=True)
class Study:
    """A bundle with the radiographs to measure it on.

    Attributes:
        bundle: loaded.
        data: every radiograph with the split that the training gave it; `data.pictures` are `loading.SMALL` pixels a
            side.
        passes: the cached network.
        folder: of the manifest, where lung masks may be.
        quick: small samples, for trying the machinery.
    """

    bundle: bundles.Bundle
    data: dataset.Dataset
    passes: Passes
    folder: Path
    quick: bool = False
    _read: dict[tuple[str, str], Outputs] = field(default_factory=dict, repr=False)

    @property
    def card(self) -> Card:
        """The bundle's card."""
        return self.bundle.card

    @property
    def positive(self) -> int:
        """Number of the class that the operating points are about."""
        return self.card.classes.index(self.card.positive)

    @property
    def threshold(self) -> float:
        """The default operating point."""
        return self.bundle.card.point().threshold

    @property
    def has_training_data(self) -> bool:
        """Whether the radiographs that the network learned from are part of the data."""
        return bool(len(self.data.indices("train")))

    def sets(self, *splits: str) -> list[PictureSet]:
        """The sets of these splits, by source; a quick study has samples of them, every class in each."""
        sets = []
        for split in splits:
            whole = self.data.indices(split)
            for source in sorted({self.data.records[i].source for i in whole}):
                indices = self.data.indices(split, source)
                if self.quick:
                    indices = sample(indices, self.data.labels(indices), QUICK)
                records = [self.data.records[i] for i in indices]
                groups, findings = tuple(r.group for r in records), tuple(r.finding for r in records)
                sets.append(PictureSet(source, split, indices, self.data.labels(indices), groups, findings))
        return sets

    def with_both(self, *splits: str, fewest: int = 5) -> list[PictureSet]:
        """The sets that hold `fewest` radiographs or more of the positive class, and as many of others."""
        sets = self.sets(*splits)
        counts = [int((chosen.labels == self.positive).sum()) for chosen in sets]
        return [
            chosen for chosen, ill in zip(sets, counts, strict=True) if min(ill, len(chosen.labels) - ill) >= fewest
        ]

    def pixels(self, chosen: PictureSet) -> list[NDArray[np.float32]]:
        """The decoded radiographs, (H, W) float32 grey from 0 to 255 each."""
        return [decode(self.data.records[i].path.read_bytes()).pixels for i in chosen.indices]

    def inputs(self, chosen: PictureSet) -> np.ndarray:
        """The radiographs as the network takes them, (n, S, S, 1) float32."""
        return self.frame(self.pixels(chosen))

    def boxes(self, radiographs: Sequence[NDArray[np.float32]]) -> list[Box | None]:
        """The lungs' box in each radiograph; None where the network looks at the whole of it."""
        framing, segmenter = self.bundle.card.framing, self.bundle.segmenter
        if framing.margin is None or segmenter is None:
            return [None] * len(radiographs)
        return [lungs_box(segmenter.find(Radiograph(pixels, "", ""))) for pixels in radiographs]

    def frame(
        self, radiographs: Sequence[NDArray[np.float32]], boxes: Sequence[Box | None] | None = None
    ) -> NDArray[np.float32]:
        """What the network looks at.

        Args:
            radiographs: (H, W) float32 grey, 0 to 255.
            boxes: the lungs' box of each, such as that of the untouched radiograph; found in each where none are given.

        Returns:
            (n, S, S, 1) float32.
        """
        boxes = self.boxes(radiographs) if boxes is None else boxes
        framing = self.bundle.card.framing
        return np.concatenate(
            [
                frame(Radiograph(pixels, "", "").preview, box, framing)
                for pixels, box in zip(radiographs, boxes, strict=True)
            ]
        )

    def frame_masks(self, masks: Sequence[NDArray[np.bool_]], boxes: Sequence[Box | None]) -> NDArray[np.bool_]:
        """Masks of whole radiographs, (h, w) bool each, as masks of what the network looks at: (n, S, S) bool."""
        return self.frame([np.where(mask, np.float32(255), np.float32(0)) for mask in masks], boxes)[..., 0] > 127

    def read(self, chosen: PictureSet) -> Outputs:
        """The network's outputs for the untouched radiographs of a whole set."""
        key = chosen.source, chosen.split
        if key not in self._read or len(self._read[key].logits) != len(chosen.labels):
            self._read[key] = self.passes.run(self.inputs(chosen), f"reading {chosen.source} {chosen.split}")
        return self._read[key]

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated scores, (n, C), of (n, C) logits."""
        return calibration.scores_of(logits, self.bundle.card.temperature)

    def decide(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The decided class of (n, C) scores at the default operating point, and its distance from a boundary.

        Returns:
            (n,) class numbers, and (n,) distances in log-odds; nothing is called uncertain.
        """
        return calibration.confidences(scores, self.positive, self.threshold)


def sample(indices: np.ndarray, labels: np.ndarray, size: int) -> np.ndarray:
    """At most `size` of the (n,) indices, always the same ones, classes in the proportions that they have."""
    if len(indices) <= size:
        return indices
    rng = np.random.default_rng(0)
    share = size / len(indices)
    kept: list[int] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        kept += rng.choice(members, min(len(members), max(1, round(len(members) * share))), replace=False).tolist()
    return indices[np.sort(kept)]

"""What is measured: the shipped bundle, and the pictures of each source that it did not learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from model.evaluation.passes import Found, Passes
from model.reading import bundle as shipped
from model.training import calibration, dataset
from model.training.dataset import DECODE_SCALE
from model.training.export import read_pictures
from model.training.manifest import find_records, select

# Pictures a set of a quick run, which tries the machinery and measures nothing.
QUICK = 60


class EvidenceError(ValueError):
    """The evidence can't be measured on these data; the message says why and what to do."""


@dataclass(frozen=True)
class PictureSet:
    """The pictures of one source in one split, never pooled with another source's.

    Attributes:
        source: of the manifest.
        split: "validation", "test" or "external".
        indices: (n,) positions in the study's data.
        labels: (n,) class numbers.
        groups: the patient of each picture.
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
        """The fields that every figure of these pictures carries."""
        words = {"test": "test split", "external": "(never trained on)", "validation": "validation split"}
        role = {"test": "internal", "external": "external", "validation": "validation"}
        return {"set": f"{self.source} {words[self.split]}", "source": self.source, "role": role[self.split]}

    def part(self, chosen: np.ndarray) -> PictureSet:
        """The same set with the chosen pictures alone, (k,) positions or (n,) bool."""
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
    """A bundle with the pictures to measure it on.

    Attributes:
        bundle: loaded.
        data: every picture, with the split that the training had.
        passes: the cached network.
        folder: of the manifest, where lung masks may be.
        quick: small samples, for trying the machinery.
    """

    bundle: shipped.Bundle
    data: dataset.Dataset
    passes: Passes
    folder: Path
    quick: bool = False
    _read: dict[tuple[str, str], Found] = field(default_factory=dict, repr=False)

    @property
    def card(self) -> dict[str, Any]:
        """The bundle's card.json."""
        return self.bundle.card.raw

    @property
    def positive(self) -> int:
        """Number of the class that the operating points are about."""
        return self.bundle.card.classes.index(self.bundle.card.positive)

    @property
    def threshold(self) -> float:
        """The default operating point."""
        return self.bundle.card.point().threshold

    def sets(self, *splits: str) -> list[PictureSet]:
        """The sets of these splits, by source; a quick study has samples of them, every class in each."""
        found = []
        for split in splits:
            whole = self.data.indices(split)
            for source in sorted({self.data.records[i].source for i in whole}):
                indices = self.data.indices(split, source)
                if self.quick:
                    indices = sample(indices, self.data.labels(indices), QUICK)
                records = [self.data.records[i] for i in indices]
                found.append(
                    PictureSet(
                        source,
                        split,
                        indices,
                        self.data.labels(indices),
                        tuple(r.group for r in records),
                        tuple(r.finding for r in records),
                    )
                )
        return found

    def with_both(self, *splits: str, fewest: int = 5) -> list[PictureSet]:
        """The sets that hold pictures of the positive class and of others, `fewest` of each or more."""
        return [
            one
            for one in self.sets(*splits)
            if min((one.labels == self.positive).sum(), (one.labels != self.positive).sum()) >= fewest
        ]

    def inputs(self, chosen: PictureSet) -> np.ndarray:
        """The pictures as the network takes them, (n, S, S, 1) float32, decoded as the app does."""
        return read_pictures(self.data, chosen.indices, self.bundle.card.size)

    def read(self, chosen: PictureSet) -> Found:
        """The network's outputs for the untouched pictures of a whole set."""
        key = chosen.source, chosen.split
        if key not in self._read or len(self._read[key].logits) != len(chosen.labels):
            self._read[key] = self.passes.run(self.inputs(chosen), f"reading {chosen.source} {chosen.split}")
        return self._read[key]

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated scores, (n, C), of (n, C) logits."""
        return calibration.scores_of(logits, self.bundle.card.temperature)


def sample(indices: np.ndarray, labels: np.ndarray, size: int) -> np.ndarray:
    """At most `size` of the (n,) indices, always the same ones, classes in the proportions that they have."""
    if len(indices) <= size:
        return indices
    rng = np.random.default_rng(0)
    share = size / len(indices)
    kept: list[int] = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        kept += rng.choice(own, min(len(own), max(1, round(len(own) * share))), replace=False).tolist()
    return indices[np.sort(kept)]


def load(bundle: Path, manifest: Path, cache: Path, *, quick: bool = False) -> Study:
    """Load a bundle and split the manifest's pictures as its training did.

    Args:
        bundle: folder.
        manifest: CSV, or a folder with one sub-folder a class.
        cache: folder for decoded pictures and forward passes.
        quick: see `Study`.

    Returns:
        The study.

    Raises:
        BundleError: the bundle can't be used.
        DatasetError: the data can't.
        EvidenceError: the data are not those that the bundle was trained with, so its test pictures are not known.
    """
    network = shipped.load(bundle)
    training = network.card.raw["training"]
    learned = [s["source"] for s in training["sources"] if s["role"] != "external test"]
    records = find_records(manifest)
    held_out = sorted({r.source for r in records} - set(learned))
    chosen = select(records, sources=learned, hold_out=held_out, unlabelled=True)
    settings = training["settings"]
    size = round(settings["image_size"] * DECODE_SCALE)
    data = dataset.check(chosen, size=size, seed=settings["seed"], cache=cache)
    if data.classes != network.card.classes:
        raise EvidenceError(
            f"The data hold the classes {', '.join(data.classes)}, the bundle knows "
            f"{', '.join(network.card.classes)}: give the manifest that it was trained with."
        )
    _refuse_other_split(data, training["sources"])
    return Study(network, data, Passes(network, cache / "evidence"), manifest.parent, quick)


def _refuse_other_split(data: dataset.Dataset, sources: Sequence[dict[str, Any]]) -> None:
    """Stop before pictures that were trained on are called test pictures."""
    for source in sources:
        own = Counter(r.split for r in data.records if r.source == source["source"])
        for split in ("train", "validation", "test"):
            if own[split] != source["split"].get(split, 0):
                raise EvidenceError(
                    f"The card says that {source['source']} had {source['split'].get(split, 0)} {split} pictures, "
                    f"these data give {own[split]}: they are not the data of its training, so what is a test picture "
                    "can't be known. Give the manifest that it was trained with."
                )

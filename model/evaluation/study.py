"""What is measured: a bundle, and the radiographs of each source that it did not learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from model.errors import ReaderError
from model.evaluation.passes import Outputs, Passes
from model.reading import bundle as bundles
from model.reading.card import Card, Source
from model.reading.framing import Box, frame, lungs_box
from model.reading.radiograph import Radiograph, decode
from model.training import calibration, dataset
from model.training.config import Settings
from model.training.manifest import Record, describe_set, find_records, select
from model.training.splits import find_copies, perceptual_hashes, tie_duplicates

# Radiographs a set of a quick run, which tries the machinery and measures nothing.
QUICK = 60
# Pixels a side of the pictures that linear models and the search for copies look at.
SMALL = 64


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
        data: every radiograph with the split that the training gave it; `data.pictures` are `SMALL` pixels a side.
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

    def decode(self, record: Record) -> NDArray[np.float32]:
        """One decoded radiograph, (H, W) float32 grey from 0 to 255."""
        return decode(record.path.read_bytes()).pixels

    def inputs(self, chosen: PictureSet) -> np.ndarray:
        """The radiographs as the network takes them, (n, S, S, 1) float32."""
        return self.frame(self.pixels(chosen))

    def boxes(self, radiographs: Sequence[NDArray[np.float32]]) -> list[Box | None]:
        """The lungs' box in each radiograph; None where the network looks at the whole of it."""
        framing, segmenter = self.bundle.card.framing, self.bundle.segmenter
        if framing.margin is None or segmenter is None:
            return [None] * len(radiographs)
        return [lungs_box(segmenter.find(Radiograph(pixels, "", "")).mask) for pixels in radiographs]

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


def load(
    bundle: Path,
    manifest: Path,
    cache: Path,
    *,
    quick: bool = False,
    outside: bool = False,
    sources: Sequence[str] = (),
) -> Study:
    """Load a bundle and the data: its training data, split as the training did, and sources that it never saw.

    A source that the card does not name is external, less the patients that training sources hold too.

    Args:
        bundle: folder.
        manifest: CSV, or a folder with one sub-folder a class.
        cache: folder for decoded radiographs and forward passes.
        quick: see `Study`.
        outside: leave the sources that it learned from out, for instance because their data have changed since.
        sources: of those that it never saw, these alone; empty for all.

    Returns:
        The study.

    Raises:
        BundleError: the bundle can't be used.
        DatasetError: the data can't.
        EvidenceError: the data are not those that the bundle was trained with, so its test pictures are not known; or
            there is nothing to measure.
    """
    network = bundles.load(bundle)
    classes = network.card.classes
    records = find_records(manifest).records
    # A source's role is told by the splits that it had; what the card calls the role may change.
    splits = {source.source: source.split for source in network.card.training.sources}
    learned = {name for name, split in splits.items() if not split.get("external")}
    patients = {r.group for r in records if r.source in learned}
    unseen = [
        r
        for r in records
        if r.label in classes
        and r.source not in learned
        and r.group not in patients
        and (not sources or r.source in sources)
    ]
    if outside or not patients:
        data = _external(unseen, classes)
    else:
        settings = network.card.training.settings
        # The very records that the training had: others could tie two patients together and move the split.
        chosen = select(
            [r for r in records if r.source in splits],
            sources=sorted(learned),
            hold_out=sorted(set(splits) - learned),
            unlabelled=True,
        )
        size = Settings(**{f.name: settings[f.name] for f in fields(Settings) if f.name in settings}).decoded_size
        data = dataset.check(chosen, size=size, seed=settings["seed"], cache=cache)
        if data.classes != classes:
            raise EvidenceError(
                f"The data hold the classes {', '.join(data.classes)}, the bundle knows {', '.join(classes)}: "
                "give the manifest that it was trained with."
            )
        _refuse_other_split(data, network.card.training.sources)
        data = _joined(data, _external([r for r in unseen if r.source not in splits], classes), sources)
    if not any(r.split in ("test", "external") for r in data.records):
        raise EvidenceError(f"{manifest} holds no radiographs of {', '.join(classes)} that the bundle never saw.")
    return Study(network, data, Passes(network, cache / "evidence"), manifest.parent, quick)


def _external(records: Sequence[Record], classes: tuple[str, ...]) -> dataset.Dataset:
    """Radiographs that no training saw, copies tied together."""
    pictures, errors = dataset.decode_pictures([r.path for r in records], SMALL)
    kept = [i for i in range(len(records)) if i not in errors]
    groups, copies = tie_duplicates([records[i].group for i in kept], find_copies(perceptual_hashes(pictures[kept])))
    external = tuple(replace(records[i], split="external", group=g) for i, g in zip(kept, groups, strict=True))
    skipped = tuple((records[i].path, errors[i]) for i in sorted(errors))
    return dataset.Dataset(external, pictures[kept], classes, skipped, copies)


def _joined(inside: dataset.Dataset, outside: dataset.Dataset, sources: Sequence[str]) -> dataset.Dataset:
    """Both, with pictures of `SMALL` pixels a side; of external sources those that are wanted."""
    wanted = [i for i, r in enumerate(inside.records) if not sources or r.split != "external" or r.source in sources]
    small = [cv2.resize(inside.pictures[i], (SMALL, SMALL), interpolation=cv2.INTER_AREA) for i in wanted]
    return dataset.Dataset(
        (*(inside.records[i] for i in wanted), *outside.records),
        np.concatenate([np.stack(small), outside.pictures]),
        inside.classes,
        inside.skipped + outside.skipped,
        inside.duplicates + outside.duplicates,
    )


def _refuse_other_split(data: dataset.Dataset, sources: Sequence[Source]) -> None:
    """Stop before radiographs that were trained on are called test pictures."""
    for source in sources:
        here = Counter(r.split for r in data.records if r.source == source.source)
        for split in ("train", "validation", "test"):
            if here[split] != source.split.get(split, 0):
                raise EvidenceError(
                    f"The card says that {source.source} had {source.split.get(split, 0)} {split} pictures, "
                    f"these data give {here[split]}: they are not the data of its training, so what is a test picture "
                    "can't be known. Give the manifest that it was trained with, or --outside to measure the sources "
                    "that it never saw alone."
                )

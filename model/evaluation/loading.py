"""Loads what is measured: a bundle with its cached passes, the split that its training made, and unseen sources."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from model.evaluation.study import EvidenceError, Study
from model.reading import bundle as bundles
from model.reading.card import Source
from model.training.config import Settings
from model.training.data import dataset
from model.training.data.manifest import Record, find_records, select
from model.training.data.splits import find_copies, perceptual_hashes, tie_duplicates

# Pixels a side of the pictures that linear models and the search for copies look at.
SMALL = 64


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
        size = Settings.of(settings).decoded_size
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


# Pictures per file of the cache: an interrupted run loses the seconds of one file.
CHUNK = 64


@dataclass(frozen=True)
class Outputs:
    """What the network gives for n radiographs.

    Attributes:
        logits: (n, C).
        maps: (n, h, w, C).
        features: (n, K).
    """

    logits: np.ndarray
    maps: np.ndarray
    features: np.ndarray


class Passes:
    """Runs a bundle on arrays of pictures; what was run before, with the same file, comes from the cache."""

    def __init__(self, bundle: bundles.Bundle, cache: Path) -> None:
        """Keep the bundle and a folder for its model file."""
        self.bundle = bundle
        self._folder = cache / bundle.card.sha256[:16]
        self._folder.mkdir(parents=True, exist_ok=True)

    def run(self, pictures: np.ndarray, what: str = "") -> Outputs:
        """Logits, class maps and pooled features.

        Args:
            pictures: (n, S, S, 1) float32 grey, 0-255.
            what: for the progress bar; none is shown without it.

        Returns:
            The outputs in the order of the pictures.
        """
        parts = [
            self._chunk(pictures[start : start + CHUNK], whole=True)
            for start in tqdm(range(0, len(pictures), CHUNK), what, disable=None if what else True, leave=False)
        ]
        return Outputs(*(np.concatenate([part[name] for part in parts]) for name in ("logits", "maps", "features")))

    def logits(self, pictures: np.ndarray, what: str = "") -> np.ndarray:
        """The logits alone, (n, C): a fiftieth of the disk."""
        return np.concatenate(
            [
                self._chunk(pictures[start : start + CHUNK], whole=False)["logits"]
                for start in tqdm(range(0, len(pictures), CHUNK), what, disable=None if what else True, leave=False)
            ]
        )

    def _chunk(self, pictures: np.ndarray, *, whole: bool) -> dict[str, np.ndarray]:
        # By the pixels themselves: a changed file or a changed disturbance never meets an older result.
        key = hashlib.sha256(np.ascontiguousarray(pictures)).hexdigest()[:32]
        target = self._folder / f"{key}{'-whole' if whole else ''}.npz"
        if target.exists():
            with np.load(target) as kept:
                return dict(kept)
        outputs = [self.bundle.run(picture[None]) for picture in pictures]
        results = {"logits": np.stack([o.logits for o in outputs])}
        if whole:
            results |= {
                "maps": np.stack([o.maps for o in outputs]),
                "features": np.stack([o.features for o in outputs]),
            }
        partial = target.with_suffix(".partial.npz")
        np.savez(partial, allow_pickle=False, **results)
        partial.replace(target)
        return results

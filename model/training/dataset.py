"""Records of radiographs -> checked ones, split by patient, and their pixels, decoded once."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from model.errors import Unreadable
from model.reading.radiograph import decode
from model.training.config import Plan, Settings
from model.training.manifest import DatasetError, Record, find_records, order_classes, select

# Larger than the network's input, so that augmentation can rotate and zoom without losing detail.
DECODE_SCALE = 8 / 7
# One part in seven (14 %) each for validation and test leaves 71 % to learn from.
FOLDS = 7
HASH_SIZE = 16
# Looked at on 8,755 pictures of the six shared sources: the nine pairs of different groups within 40 of 256 bits were
# all the same film or patient (re-windowed, re-cropped, in two public sets); most copies differ by 0 bits.
NEAR_DUPLICATE_BITS = 40
FEWEST_PICTURES = 20


@dataclass(frozen=True)
class Dataset:
    """What `check` found: the usable records, each with its split, and what is worth saying.

    Attributes:
        records: readable records with their split, in the order of the manifest.
        pictures: their pixels, (N, S, S) uint8 grey, squashed to S pixels a side.
        classes: the labels, in the order of the network's logits.
        unreadable: (path, sentence) of each file that was skipped.
        duplicates: number of pictures that were tied to another one because they are copies.
    """

    records: tuple[Record, ...]
    pictures: np.ndarray
    classes: tuple[str, ...]
    unreadable: tuple[tuple[Path, str], ...]
    duplicates: int

    def indices(self, split: str, source: str | None = None, label: str | None = None) -> np.ndarray:
        """Positions of the records of a split (and of a source, and of a label), as an (n,) int array."""
        return np.array(
            [
                i
                for i, r in enumerate(self.records)
                if r.split == split and source in (None, r.source) and label in (None, r.label)
            ],
            dtype=int,
        )

    def labels(self, indices: Iterable[int]) -> np.ndarray:
        """Class numbers of records, (n,) int."""
        return np.array([self.classes.index(self.records[i].label) for i in indices], dtype=int)

    def summary(self) -> str:
        """The counts by source, class and split, as lines of text."""
        counts = Counter((r.source, r.label or "(unlabelled)", r.split) for r in self.records)
        lines = [f"{len(self.records)} readable pictures, classes: {', '.join(self.classes)}"]
        for source, label in sorted({(s, c) for s, c, _ in counts}):
            parts = [f"{n} {split}" for (s, c, split), n in sorted(counts.items()) if (s, c) == (source, label)]
            lines.append(f"  {source:14} {label:14} " + ", ".join(parts))
        lines.append(f"  {self.duplicates} pictures are copies of another one and stay in its split")
        lines += [f"  skipped {path}: {why}" for path, why in self.unreadable]
        return "\n".join(lines)


def load(plan: Plan, settings: Settings, run: Path) -> Dataset:
    """Find, decode, check and split the images of a run; decoded ones are cached beside its folder.

    Raises:
        DatasetError: see `manifest.find_records`, `manifest.select` and `check`.
    """
    records = find_records(Path(plan.data))
    # With the unlabelled ones, though few runs learn from them: they may connect two patients, and the split must not
    # depend on the settings.
    chosen = select(records, sources=plan.sources, hold_out=plan.hold_out, unlabelled=True)
    size = round(settings.image_size * DECODE_SCALE)
    return check(chosen, size=size, seed=settings.seed, cache=run.parent / "cache")


def check(records: Sequence[Record], *, size: int, seed: int, cache: Path | None = None) -> Dataset:
    """Decode every picture once, find copies, and split by groups.

    Args:
        records: as `select` returns them.
        size: pixels a side of the decoded squares.
        seed: of the split.
        cache: a folder for the decoded array; a later call with the same files reads it instead.

    Returns:
        Records with splits ("train", "validation", "test"; "external" and "unlabelled" stay), and their pixels.

    Raises:
        DatasetError: a class has fewer than `FEWEST_PICTURES` pictures or groups, or there is one class only.
    """
    pictures, errors = _decode_cached(records, size, cache)
    readable = [i for i in range(len(records)) if i not in errors]
    unreadable = tuple((records[i].path, errors[i]) for i in sorted(errors))
    kept = [records[i] for i in readable]
    pictures = pictures[readable] if errors else pictures
    classes = order_classes(r.label for r in kept if r.split == "")
    groups, duplicates = tie_duplicates([r.group for r in kept], perceptual_hashes(pictures))
    _refuse_small_classes(kept, groups, classes)
    splits = split_by_group(kept, groups, seed)
    done = tuple(replace(r, split=s, group=g) for r, s, g in zip(kept, splits, groups, strict=True))
    # An external label that training does not know can't be scored.
    known = [i for i, r in enumerate(done) if r.label in classes or r.split in ("unlabelled",)]
    return Dataset(tuple(done[i] for i in known), pictures[known], classes, unreadable, duplicates)


def _refuse_small_classes(records: Sequence[Record], groups: Sequence[str], classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise DatasetError(f"One class only ({', '.join(classes) or 'none'}): a classifier needs two or more.")
    for label in classes:
        own = [g for r, g in zip(records, groups, strict=True) if r.label == label and r.split == ""]
        if (patients := len(set(own))) < FEWEST_PICTURES:
            raise DatasetError(
                f"Class {label} has {len(own)} pictures of {patients} patients (copies counted once); at least "
                f"{FEWEST_PICTURES} patients are needed to train, validate and test: add pictures or leave it out."
            )


def perceptual_hashes(pictures: np.ndarray) -> np.ndarray:
    """DCT hashes (pHash: Zauner 2010) of pictures, 256 bits each.

    Args:
        pictures: (N, S, S) uint8.

    Returns:
        (N, 4) uint64; the number of differing bits of two rows tells how alike two pictures are.
    """
    hashes = np.empty((len(pictures), HASH_SIZE * HASH_SIZE // 8), np.uint8)
    for i, picture in enumerate(pictures):
        small = cv2.resize(picture, (4 * HASH_SIZE, 4 * HASH_SIZE), interpolation=cv2.INTER_AREA)
        low = cv2.dct(small.astype(np.float32))[:HASH_SIZE, :HASH_SIZE].ravel()
        hashes[i] = np.packbits(low > np.median(low))
    return hashes.view(np.uint64)


def tie_duplicates(groups: Sequence[str], hashes: np.ndarray, bits: int = NEAR_DUPLICATE_BITS) -> tuple[list[str], int]:
    """Give pictures that are exact or near copies of each other one group.

    Args:
        groups: the group of each picture.
        hashes: (N, 4) uint64, as `perceptual_hashes` makes them.
        bits: pictures whose hashes differ by at most this many bits are copies.

    Returns:
        The groups after the tying, and how many pictures have a copy before them.
    """
    parent = {g: g for g in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    copies = 0
    for i in range(1, len(groups)):
        distance = np.bitwise_count(hashes[:i] ^ hashes[i]).sum(axis=1)
        near = np.flatnonzero(distance <= bits)
        copies += len(near) > 0
        for j in near.tolist():
            parent[root(groups[i])] = root(groups[j])
    return [root(g) for g in groups], copies


def split_by_group(records: Sequence[Record], groups: Sequence[str], seed: int) -> list[str]:
    """Assign splits, stratified by source and class, no group ever in two of them.

    Args:
        records: with split "" where one is to be assigned.
        groups: the group of each record.
        seed: of the shuffle.

    Returns:
        One split a record. An "unlabelled" or labelled picture whose group also stands in an external source, or an
        unlabelled one whose group is validated or tested on, gets "unused".
    """
    external = {g for r, g in zip(records, groups, strict=True) if r.split == "external"}
    free = [i for i, r in enumerate(records) if r.split == "" and groups[i] not in external]
    splits = ["unused" if r.split == "" else r.split for r in records]
    strata = [f"{records[i].source}/{records[i].label}" for i in free]
    folds = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    for number, (_, members) in enumerate(folds.split(free, strata, [groups[i] for i in free])):
        for member in members.tolist():
            splits[free[member]] = {0: "test", 1: "validation"}.get(number, "train")
    judged = {groups[i] for i in free if splits[i] != "train"} | external
    return ["unused" if s == "unlabelled" and g in judged else s for s, g in zip(splits, groups, strict=True)]


def decode_pictures(paths: Sequence[Path], size: int) -> tuple[np.ndarray, dict[int, str]]:
    """Decode files through the very code that the app reads with.

    Args:
        paths: N files.
        size: pixels a side.

    Returns:
        (N, size, size) uint8, zeros where a file is unreadable, and the sentence for each such position.
    """
    pictures = np.zeros((len(paths), size, size), np.uint8)
    errors: dict[int, str] = {}

    def one(i: int) -> None:
        try:
            square = decode(paths[i].read_bytes()).to_input(size)
            pictures[i] = np.clip(np.rint(square[0, :, :, 0]), 0, 255)
        except (Unreadable, OSError) as error:
            errors[i] = str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(tqdm(pool.map(one, range(len(paths))), total=len(paths), desc="decoding", unit="picture", disable=None))
    return pictures, errors


def _decode_cached(records: Sequence[Record], size: int, cache: Path | None) -> tuple[np.ndarray, dict[int, str]]:
    paths = [r.path for r in records]
    if cache is None:
        return decode_pictures(paths, size)
    stamps = [f"{p}:{p.stat().st_size if p.exists() else -1}" for p in paths]
    key = hashlib.sha256("\n".join([str(size), *stamps]).encode()).hexdigest()
    target = cache / f"{key[:16]}.npy"
    if target.exists():
        return np.load(target, mmap_mode="r"), {}
    pictures, errors = decode_pictures(paths, size)
    if not errors:
        # Written only when all is well, so that a cached array never hides a file that could not be read.
        cache.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial.npy")
        np.save(partial, pictures)
        partial.replace(target)
    return pictures, errors

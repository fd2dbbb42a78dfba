"""The images of a training: decoded once, checked, split by patient."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from model.errors import Unreadable
from model.reading.radiograph import decode
from model.training.config import Plan, Settings
from model.training.data.manifest import DatasetError, Record, default_hold_out, find_records, select
from model.training.data.splits import find_copies, perceptual_hashes, split_by_group, tie_duplicates
from model.training.data.targets import order_classes

FEWEST_PICTURES = 20
# The three commonest of 64 grey levels hold more than this share of a mask's pixels: the least of 400 lung masks has
# 92 %, the most of 2,500 radiographs 69 %.
MASK_SHARE = 0.85
# Paths named for each reason in the summary.
SHOWN = 3


@dataclass(frozen=True)
class Dataset:
    """The usable images of a manifest or a folder, each with its split.

    Attributes:
        records: of the images, with their splits, in the order of the manifest.
        pictures: their pixels, (N, S, S) uint8 grey, resized to S pixels a side.
        classes: the labels, in the order of the network's logits; the last one is the positive class.
        skipped: (path, reason) of each file that is not used.
        duplicates: number of images that are copies of an earlier one and share its group.
        notes: sentences about the data as a whole.
    """

    records: tuple[Record, ...]
    pictures: np.ndarray
    classes: tuple[str, ...]
    skipped: tuple[tuple[Path, str], ...]
    duplicates: int
    notes: tuple[str, ...] = ()

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
        """The counts by source, class and split, notes, and what was skipped, as lines of text."""
        counts = Counter((r.source, r.label or "(unlabelled)", r.split) for r in self.records)
        lines = [
            f"{len(self.records)} readable images, classes: {', '.join(self.classes)} "
            f"({self.classes[-1]} is the positive class)"
        ]
        for source, label in sorted({(s, c) for s, c, _ in counts}):
            parts = [f"{n} {split}" for (s, c, split), n in sorted(counts.items()) if (s, c) == (source, label)]
            lines.append(f"  {source:14} {label:14} " + ", ".join(parts))
        if self.duplicates:
            lines.append(f"  {self.duplicates} images are copies of another one and stay in its split")
        lines += [f"  {note}" for note in self.notes]
        by_reason: dict[str, list[str]] = {}
        for path, reason in self.skipped:
            by_reason.setdefault(reason, []).append(str(path))
        for reason, paths in sorted(by_reason.items(), key=lambda item: -len(item[1])):
            more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
            lines.append(f"  skipped {len(paths)}: {reason} ({', '.join(paths[:SHOWN])}{more})")
        return "\n".join(lines)


def load(plan: Plan, settings: Settings, run: Path) -> Dataset:
    """Find, decode, check and split the images of a run; decoded ones are cached beside its folder.

    Raises:
        DatasetError: see `manifest.find_records`, `manifest.select` and `check`.
    """
    listing = find_records(Path(plan.data))
    hold_out = default_hold_out(listing.records) if plan.hold_out is None else plan.hold_out
    # With the unlabelled ones, though few runs learn from them: they may connect two patients, and the split must not
    # depend on the settings.
    chosen = select(listing.records, sources=plan.sources, hold_out=hold_out, unlabelled=True)
    data = check(chosen, size=settings.decoded_size, seed=settings.seed, cache=run.parent / "cache")
    notes = listing.notes
    if left := len(listing.records) - len(chosen):
        notes = (
            *notes,
            f"{left} images are not used: their source is not among --sources, or their label is no class.",
        )
    return replace(data, skipped=listing.skipped + data.skipped, notes=notes + data.notes)


def check(records: Sequence[Record], *, size: int, seed: int, cache: Path | None = None) -> Dataset:
    """Decode every image once, find copies, and split by groups.

    Args:
        records: as `select` returns them.
        size: pixels a side of the decoded squares.
        seed: of the split.
        cache: a folder for the decoded array; a later call with the same files reads it instead.

    Returns:
        The images with their splits.

    Raises:
        DatasetError: a class has fewer than `FEWEST_PICTURES` groups or is missing in a split, or there is one class.
    """
    pictures, errors = _decode_cached(records, size, cache)
    errors |= _find_contradictions(records, pictures, errors)
    readable = [i for i in range(len(records)) if i not in errors]
    kept = [records[i] for i in readable]
    pictures = pictures[readable] if errors else pictures
    classes = order_classes(r.label for r in kept if r.split not in ("external", "unlabelled"))
    copies = find_copies(perceptual_hashes(pictures))
    groups, duplicates = tie_duplicates([r.group for r in kept], copies)
    _refuse_small_classes(kept, groups, classes)
    splits = split_by_group(kept, groups, seed)
    done = [replace(r, split=s, group=g) for r, s, g in zip(kept, splits, groups, strict=True)]
    _refuse_missing_classes(done, classes)
    # An external label that training does not know can't be scored.
    known = [i for i, r in enumerate(done) if r.label in classes or r.split == "unlabelled"]
    skipped = tuple((records[i].path, errors[i]) for i in sorted(errors))
    notes = _notes(kept, done, copies, len(done) - len(known))
    return Dataset(tuple(done[i] for i in known), pictures[known], classes, skipped, duplicates, tuple(notes))


def _find_contradictions(records: Sequence[Record], pictures: np.ndarray, errors: Mapping[int, str]) -> dict[int, str]:
    """Reasons for images whose pixels are no radiograph's, or also have another label."""
    reasons: dict[int, str] = {}
    same: dict[bytes, list[int]] = {}
    for i, picture in enumerate(pictures):
        if i in errors:
            continue
        if np.sort(np.bincount(picture.ravel() // 4, minlength=64))[-3:].sum() > MASK_SHARE * picture.size:
            reasons[i] = "a segmentation mask or a blank page: nearly all pixels have one of three grey levels"
        elif records[i].label:
            same.setdefault(hashlib.sha256(np.ascontiguousarray(picture)).digest(), []).append(i)
    for members in same.values():
        labels = sorted({records[i].label for i in members})
        if len(labels) > 1:
            reasons |= dict.fromkeys(members, f"the same image has several labels ({', '.join(labels)})")
    return reasons


def _notes(
    before: Sequence[Record], after: Sequence[Record], copies: Sequence[tuple[int, int]], unknown: int
) -> Iterator[str]:
    """Sentences about splits and labels that do not fit together."""
    unused = sum(b.split != a.split == "unused" for b, a in zip(before, after, strict=True))
    if unused:
        yield f"{unused} images are not used: their patient or a copy is in a split that they must be kept apart from"
    other = [(after[i], after[j]) for i, j in copies if after[i].label and after[j].label]
    other = [(a, b) for a, b in other if a.label != b.label]
    if other:
        a, b = other[0]
        yield f"{len(other)} pairs of copies have different labels: check {a.path} ({a.label}) and {b.path} ({b.label})"
    if unknown:
        yield f"{unknown} external images are not used: their label is no class of the training"
    validation = sum(r.split == "validation" for r in after)
    if validation < FEWEST_PICTURES * 2:
        yield f"the validation split has {validation} images only: thresholds chosen on it are unreliable"


def _refuse_missing_classes(records: Sequence[Record], classes: Sequence[str]) -> None:
    for split in ("train", "validation", "test"):
        labels = {r.label for r in records if r.split == split}
        if missing := [c for c in classes if c not in labels]:
            raise DatasetError(f"The {split} split has no images of {', '.join(missing)}: add some, or give no splits.")


def _refuse_small_classes(records: Sequence[Record], groups: Sequence[str], classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise DatasetError(f"One class only ({', '.join(classes) or 'none'}): a classifier needs two or more.")
    for label in classes:
        members = [g for r, g in zip(records, groups, strict=True) if r.label == label and r.split != "external"]
        if (patients := len(set(members))) < FEWEST_PICTURES:
            raise DatasetError(
                f"Class {label} has {len(members)} images of {patients} patients (copies counted once); at least "
                f"{FEWEST_PICTURES} patients are needed to train, validate and test: add images or leave it out."
            )


def decode_pictures(paths: Sequence[Path], size: int) -> tuple[np.ndarray, dict[int, str]]:
    """Decode files with the app's decoder.

    Args:
        paths: N files.
        size: pixels a side.

    Returns:
        (N, size, size) uint8, zeros where a file is unreadable, and the reason for each such position.
    """
    pictures = np.zeros((len(paths), size, size), np.uint8)
    errors: dict[int, str] = {}

    def decode_into(i: int) -> None:
        try:
            square = decode(paths[i].read_bytes()).to_input(size)
            pictures[i] = np.clip(np.rint(square[0, :, :, 0]), 0, 255)
        except Unreadable as error:
            errors[i] = str(error)
        except OSError as error:
            errors[i] = f"can't be opened ({error.strerror})"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = pool.map(decode_into, range(len(paths)))
        list(tqdm(jobs, total=len(paths), desc="decoding", unit="image", disable=None))
    return pictures, errors


def _decode_cached(records: Sequence[Record], size: int, cache: Path | None) -> tuple[np.ndarray, dict[int, str]]:
    paths = [r.path for r in records]
    if cache is None:
        return decode_pictures(paths, size)
    key = hashlib.sha256("\n".join([str(size), *map(_stamp, paths)]).encode("utf-8", "surrogateescape")).hexdigest()
    target = cache / f"{key[:16]}.npy"
    reasons = target.with_suffix(".json")
    if target.exists() and reasons.exists():
        errors = json.loads(reasons.read_text(encoding="utf-8"))
        return np.load(target, mmap_mode="r"), {int(i): reason for i, reason in errors.items()}
    pictures, errors = decode_pictures(paths, size)
    cache.mkdir(parents=True, exist_ok=True)
    reasons.write_text(json.dumps(errors), encoding="utf-8")
    partial = target.with_suffix(".partial.npy")
    np.save(partial, pictures)
    partial.replace(target)
    return pictures, errors


def _stamp(path: Path) -> str:
    """What changes when a file is written again, even with the same length and modification time."""
    try:
        status = path.stat()
    except OSError:
        return f"{path}:missing"
    return f"{path}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"

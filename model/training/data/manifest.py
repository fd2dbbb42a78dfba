"""A manifest or a folder of radiographs -> records, and which of them a training may use."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model.training.config import TrainingError
from model.training.data import folders, tables
from model.training.data.folders import split_of

# The project's external test sets (DESIGN.md): never trained on, tuned on, or used for a threshold.
EXTERNAL_SOURCES = ("cohen", "darkcovid", "radiography")
# Hospitals that networks are chosen by: never trained on, nor calibrated on.
CHOICE_SOURCES = ("hannover", "ricord", "rsna", "rsna_normal", "tb_nlm")
HELD_OUT_SOURCES = (*CHOICE_SOURCES, *EXTERNAL_SOURCES)
# Labels of pictures for the gate (issue C), which are no class of this network.
NOT_A_CLASS = frozenset({"", "not_chest_xray"})


class DatasetError(TrainingError):
    """The data can't be trained on; the message says what was received and what to do."""


@dataclass(frozen=True)
class Record:
    """One radiograph of a data set.

    Attributes:
        path: the file.
        source: the hospital or public set that it comes from.
        label: its class; empty where it has none (for soft targets only).
        group: images of one patient or study, and copies of one image, share it.
        licence: what its owners allow.
        finding: what was read in it, where the manifest says more than the label; see `targets.SOFT_TARGETS`.
        split: "train", "validation", "test", "external" or "unlabelled"; empty where it is still to be assigned.
    """

    path: Path
    source: str
    label: str
    group: str
    licence: str = ""
    finding: str = ""
    split: str = ""


@dataclass(frozen=True)
class Listing:
    """The records of a manifest or a folder.

    Attributes:
        records: of the images, without splits unless the data give them.
        skipped: (path, reason) of every file or row that is not used.
        notes: sentences about the data as a whole.
    """

    records: tuple[Record, ...]
    skipped: tuple[tuple[Path, str], ...] = ()
    notes: tuple[str, ...] = ()


def find_records(data: Path) -> Listing:
    """List the images of a manifest or of a folder with one sub-folder per class.

    Args:
        data: a CSV with the columns path and label (source, group, patient, licence, finding, split where known),
            paths relative to it; or a folder, see `folders.find_images`.

    Returns:
        The records, each file once, and what was skipped.

    Raises:
        DatasetError: there is no such file or folder, or it holds no images or not these columns.
    """
    if data.is_dir():
        listing = _from_folder(data)
    elif data.is_file():
        listing = _from_table(data)
    else:
        raise DatasetError(f"{data} does not exist: give a manifest CSV or a folder with one sub-folder per class.")
    return _merge_spellings(_merge_repeated(listing))


def _from_folder(folder: Path) -> Listing:
    images, skipped = folders.find_images(folder)
    if not images:
        raise DatasetError(
            f"{folder} has no images in sub-folders ({len(skipped)} files skipped): make one sub-folder per class and "
            "put the images there."
        )
    source = folder.resolve().name
    records = tuple(Record(path, source, label, str(path), split=split) for path, label, split in images)
    notes = []
    if given := sorted({r.split for r in records} - {""}):
        notes.append(f"The folders give the splits {', '.join(given)}; they are kept")
    return Listing(records, tuple(skipped), tuple(notes))


def _from_table(path: Path) -> Listing:
    records, skipped = [], []
    try:
        rows = list(tables.read_rows(path))
    except csv.Error as error:
        raise DatasetError(f"{path} is not a readable CSV ({error}): save it as CSV with UTF-8 again.") from error
    if not rows or not {"path", "label"} <= set(rows[0]):
        raise DatasetError(f"{path} is not a manifest: it needs a header with the columns path and label, and rows.")
    unknown_splits = sorted({row["split"] for row in rows if row.get("split") and not split_of(row["split"])})
    for line, row in enumerate(rows, 2):
        name = row["path"]
        if not name:
            skipped.append((path.with_name(f"{path.name}, row {line}"), "a row without a path"))
            continue
        records.append(
            Record(
                path=_resolve(path.parent, name),
                source=row.get("source") or "data",
                label=row["label"],
                group=row.get("group") or row.get("patient") or name,
                licence=row.get("licence", ""),
                finding=row.get("finding", ""),
                split="" if unknown_splits or row["label"] in NOT_A_CLASS else split_of(row.get("split", "")),
            )
        )
    notes = []
    if unknown_splits:
        notes.append(f"The column split is ignored: {', '.join(unknown_splits[:3])} is no name of a split")
    if unlabelled := sum(r.label == "" for r in records):
        notes.append(f"{unlabelled} rows have no label; they are used only where the finding gives soft targets")
    return Listing(tuple(records), tuple(skipped), tuple(notes))


def _resolve(folder: Path, name: str) -> Path:
    path = folder / name
    if "\\" in name and not path.exists():  # a manifest from Windows
        return folder / name.replace("\\", "/")
    return path


def _merge_repeated(listing: Listing) -> Listing:
    """Keep each file once; a file with several labels is skipped."""
    by_file: dict[str, list[Record]] = {}
    for record in listing.records:
        by_file.setdefault(os.path.realpath(record.path), []).append(record)
    records, skipped, repeated = [], list(listing.skipped), 0
    for same in by_file.values():
        labels = sorted({r.label.casefold() for r in same if r.label})
        if len(labels) > 1:
            skipped.append((same[0].path, f"listed with several labels ({', '.join(labels)})"))
            continue
        repeated += len(same) - 1
        records.append(next((r for r in same if r.label), same[0]))
    note = (f"{repeated} entries list a file again and are counted once",) if repeated else ()
    return Listing(tuple(records), tuple(skipped), listing.notes + note)


def _merge_spellings(listing: Listing) -> Listing:
    """Take labels that differ only in upper and lower case or spaces as one class."""
    spellings: dict[str, Counter[str]] = {}
    for record in listing.records:
        spellings.setdefault(" ".join(record.label.casefold().split()), Counter())[record.label] += 1
    several = [counts for counts in spellings.values() if len(counts) > 1]
    merged = {name: counts.most_common(1)[0][0] for counts in several for name in counts}
    notes = [f"{', '.join(sorted(counts))} are taken as one class, {merged[min(counts)]}" for counts in several]
    records = tuple(replace(r, label=merged.get(r.label, r.label)) for r in listing.records)
    return replace(listing, records=records, notes=(*listing.notes, *notes))


def write_manifest(path: Path, records: Iterable[Record]) -> None:
    """Write records, as `find_records` lists them, as a manifest that it reads again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "source", "group", "licence", "finding", "split"])
        table.writerows([r.path.resolve(), r.label, r.source, r.group, r.licence, r.finding, r.split] for r in records)


def default_hold_out(records: Sequence[Record]) -> tuple[str, ...]:
    """The project's external sources, unless nothing else is there: a folder that has such a name is trained on."""
    sources = {r.source for r in records if r.label not in NOT_A_CLASS}
    return tuple(s for s in HELD_OUT_SOURCES if s in sources) if sources - set(HELD_OUT_SOURCES) else ()


def select(
    records: Sequence[Record], *, sources: Sequence[str] = (), hold_out: Sequence[str] = (), unlabelled: bool = False
) -> list[Record]:
    """Keep what a training may use and mark what is for testing only.

    Args:
        records: as `find_records` lists them.
        sources: train on these alone; empty means on all that are not held out.
        hold_out: sources that are only tested on; their split becomes "external".
        unlabelled: keep pictures without a label (for soft targets).

    Returns:
        The records that are used; other sources and labels that are no class are gone.

    Raises:
        DatasetError: nothing is left, or a source was named that the data do not hold.
    """
    known = {r.source for r in records}
    if missing := sorted(set(sources) - known):
        raise DatasetError(f"The data hold no source {', '.join(missing)}; they hold {', '.join(sorted(known))}.")
    chosen = []
    for record in records:
        if record.label in NOT_A_CLASS:
            if unlabelled and record.label == "" and (not sources or record.source in sources):
                chosen.append(replace(record, split="unlabelled"))
        elif record.source in hold_out:
            chosen.append(replace(record, split="external"))
        elif not sources or record.source in sources:
            chosen.append(record)
    if not any(r.split not in ("external", "unlabelled") for r in chosen):
        raise DatasetError("No labelled pictures are left to train on: look at --data, --sources and --hold-out.")
    return chosen


def describe_set(source: str, split: str) -> dict[str, str]:
    """What every figure says of the radiographs behind it: "set" (in words), "source" and "role".

    Args:
        source: of the manifest.
        split: "validation", "test" or "external".

    Returns:
        The fields. The roles: "internal" (test split of a training source), "validation", "choice" (a hospital that
        training never saw and that networks are chosen by) and "external" (looked at once, at the end).
    """
    role, words = {
        "test": ("internal", "test split"),
        "validation": ("validation", "validation split"),
        "external": ("external", "(never trained on)"),
    }[split]
    if split == "external" and source in CHOICE_SOURCES:
        role, words = "choice", "(to choose by)"
    return {"set": f"{source} {words}", "source": source, "role": role}

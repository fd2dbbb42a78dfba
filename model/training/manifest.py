"""A manifest or a folder of radiographs -> records, and which of them a training may see."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model.training.config import TrainingError

PICTURE_SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".dcm", ".dicom"]) | {""}
# The project's external test sets (DESIGN.md): never trained on, tuned on, or used for a threshold.
EXTERNAL_SOURCES = ("cohen", "darkcovid", "radiography")
# Hospitals that networks are chosen by: never trained on, nor calibrated on.
CHOICE_SOURCES = ("hannover", "ricord", "rsna", "rsna_normal", "tb_nlm")
HELD_OUT_SOURCES = (*CHOICE_SOURCES, *EXTERNAL_SOURCES)
# Labels of pictures for the gate (issue C), which are no class of this network.
NOT_A_CLASS = frozenset({"", "not_chest_xray"})


class DatasetError(TrainingError):
    """The data can't be trained on; the message says in a sentence what was found and what to do."""


@dataclass(frozen=True)
class Record:
    """One radiograph of a data set.

    Attributes:
        path: the file.
        source: the hospital or public set it comes from.
        label: its class; empty where it has none (for soft targets only).
        group: pictures of one patient, one study, or copies of one picture share it.
        licence: what its owners allow.
        finding: what was read in it, where the manifest says more than the label; see `batches.SOFT_TARGETS`.
        split: "train", "validation", "test", "external" or "unlabelled".
    """

    path: Path
    source: str
    label: str
    group: str
    licence: str = ""
    finding: str = ""
    split: str = ""


def find_records(data: Path) -> list[Record]:
    """List the pictures of a manifest CSV or of a folder with one sub-folder a class.

    Args:
        data: a CSV with the columns path and label (source, group, patient, licence where known), paths relative
            to it; or a folder whose sub-folders are named after the classes.

    Returns:
        The records, without splits.

    Raises:
        DatasetError: there is no such file or folder, or it holds no pictures or not these columns.
    """
    if data.is_dir():
        return _find_in_folders(data)
    if not data.is_file():
        raise DatasetError(f"{data} does not exist: give a manifest CSV or a folder with one sub-folder a class.")
    with data.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    if not rows or not {"path", "label"} <= set(rows[0]):
        raise DatasetError(f"{data} is not a manifest: it needs a header with the columns path and label.")
    return [
        Record(
            path=data.parent / row["path"],
            source=row.get("source") or "data",
            label=row["label"],
            group=row.get("group") or row.get("patient") or row["path"],
            licence=_stated(row.get("licence")),
            finding=_stated(row.get("finding")),
        )
        for row in rows
    ]


def _stated(value: str | None) -> str:
    """A cell's text; pandas writes an empty one as "nan"."""
    text = (value or "").strip()
    return "" if text.lower() == "nan" else text


def _find_in_folders(folder: Path) -> list[Record]:
    records = [
        Record(path=path, source=folder.name, label=path.relative_to(folder).parts[0], group=str(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and len(path.relative_to(folder).parts) > 1
        and not path.name.startswith(".")
        and path.suffix.lower() in PICTURE_SUFFIXES
    ]
    if not records:
        raise DatasetError(f"{folder} has no pictures in sub-folders: make one sub-folder a class and put them there.")
    return records


def select(
    records: Sequence[Record], *, sources: Sequence[str] = (), hold_out: Sequence[str] = (), unlabelled: bool = False
) -> list[Record]:
    """Keep what a training may see and mark what is for testing alone.

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
    if not any(r.split == "" for r in chosen):
        raise DatasetError("No labelled pictures are left to train on: look at --data, --sources and --hold-out.")
    return chosen


def order_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """The classes in the order of the logits: the COVID-19 (positive) class last, normal first, else by name."""
    return tuple(sorted(set(labels), key=lambda c: (is_positive(c), c.lower() != "normal", c)))


def is_positive(label: str) -> bool:
    """Whether a label names the class that the headline is about (covid19, COVID, positive, ...)."""
    name = label.lower().replace("-", "").replace("_", "")
    return ("covid" in name and not name.startswith(("non", "no", "not"))) or name == "positive"

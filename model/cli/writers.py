"""Readings for other programs: one JSON object a line, or a CSV table; and a bundle's card for people."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from model.reading.card import Card, Estimate

# Bytes of a file name.
_LONGEST_NAME = 255
Record = dict[str, Any]
Write = Callable[[Record], None]


def to_json(record: Record) -> str:
    """One line of JSON. Plain ASCII, so that file names of any encoding survive any terminal."""
    return json.dumps(record, allow_nan=False)


@contextmanager
def json_lines(path: Path, *, append: bool = False) -> Iterator[Write]:
    """Write records to a file, each as soon as it is there: what was read before a crash is kept.

    Args:
        path: is overwritten.
        append: write behind what the file holds instead.

    Yields:
        The function that takes a record.
    """
    with path.open("a" if append else "w", encoding="ascii") as file:

        def write(record: Record) -> None:
            file.write(to_json(record) + "\n")
            file.flush()

        yield write


@contextmanager
def csv_table(path: Path, classes: tuple[str, ...], *, append: bool = False) -> Iterator[Write]:
    """Write records to a table that appears when it is complete, or on Ctrl-C with what there is.

    Until then the rows are in the hidden file `unfinished(path)`, each as soon as it is there.

    Args:
        path: is replaced.
        classes: a column for the score and one for the logit of each.
        append: write behind what the unfinished table holds.

    Yields:
        The function that takes a record.
    """
    beside = unfinished(path)
    # Names that are no valid Unicode go out as the bytes they came in as.
    with beside.open("a" if append else "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        write_row = table_writer(file, classes, header=file.tell() == 0)

        def write(record: Record) -> None:
            write_row(record)
            file.flush()

        try:
            yield write
        except KeyboardInterrupt:
            file.close()
            beside.replace(path)
            raise
    beside.replace(path)


def unfinished(path: Path) -> Path:
    """Where a table is until it is complete; a run that is killed leaves it there."""
    return path.with_name(f".{path.name}.unfinished")


def keep_table(path: Path) -> None:
    """Make a finished table an unfinished one, where no run left any, so that rows can be added to it."""
    beside = unfinished(path)
    if path.exists() and not beside.exists():
        with path.open("rb") as old, replacing(beside, "wb") as new:
            shutil.copyfileobj(old, new)


def columns(classes: tuple[str, ...]) -> list[str]:
    """The columns of a table, in their order."""
    per_class = [f"{kind}_{name}" for kind in ("score", "logit") for name in classes]
    return ["path", "decision", *per_class, "reasons", "seconds", "bundle", "operating_point", "sha256", "heatmap"]


def table_writer(file: IO[str], classes: tuple[str, ...], *, header: bool = True) -> Write:
    """Begin a CSV table, or go on with one.

    Args:
        file: open for text.
        classes: a column for the score and one for the logit of each.
        header: begin with the names of the columns.

    Returns:
        The function that writes a record as a row.
    """
    named = columns(classes)
    table = csv.DictWriter(file, named, restval="")
    if header:
        table.writeheader()

    def write(record: Record) -> None:
        row = {key: value for key, value in record.items() if key in named}
        row["reasons"] = " ".join(record["reasons"])
        row |= {f"score_{name}": score for name, score in record["scores"].items()}
        row |= {f"logit_{name}": logit for name, logit in record["logits"].items()}
        table.writerow({key: no_formula(value) for key, value in row.items()})

    return write


def no_formula(value: Any) -> Any:
    """A spreadsheet would run a file name that begins like a formula: a quote before it says that it is text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def short_name(stem: str, ending: str) -> str:
    """A file name that every file system takes: at most 255 bytes (`NAME_MAX` of Linux, macOS and Windows).

    Args:
        stem: of any length; a long one is cut, and eight digits of its hash keep it unique.
        ending: stays whole.

    Returns:
        Stem and ending.
    """
    room = _LONGEST_NAME - len(os.fsencode(ending))
    encoded = os.fsencode(stem)
    if len(encoded) <= room:
        return stem + ending
    mark = f"-{hashlib.sha256(encoded).hexdigest()[:8]}"
    return encoded[: room - len(mark)].decode(errors="ignore") + mark + ending


@contextmanager
def replacing(path: Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Open a new file that takes the place of `path` at the end, so that nobody ever sees half of it.

    Args:
        path: the file to write or replace.
        mode: of `open`.
        **options: of `open`.

    Yields:
        The open file. An exception in the block leaves `path` as it was; an interruption by the user does not.
    """
    # Not the whole name: with what is added it could be longer than file systems take.
    beside = path.with_name(f".{path.name[:20]}.{os.urandom(8).hex()}")
    keep = False
    try:
        with beside.open(mode.replace("w", "x"), **options) as file:
            try:
                yield file
                keep = True
            except KeyboardInterrupt:
                keep = True
                raise
    finally:
        if keep:
            beside.replace(path)
        else:
            beside.unlink(missing_ok=True)


def describe(card: Card) -> str:
    """A bundle's card as text for a terminal."""
    lines = [
        f"{card.title}  ({card.architecture.name or 'unknown network'}, made {card.created or '?'})",
        f"Classes: {', '.join(card.classes)}; the operating points are about {card.positive}.",
        f"Input: {card.size} x {card.size} grey. Temperature {card.temperature:.3f}. "
        f"Uncertain below {card.margin:.2f} log-odds.",
        "",
        "Operating points:",
    ]
    for point in card.points.values():
        default = " (default)" if point.name == card.default_point else ""
        measured = "".join(
            f", {kind} {_interval(estimate)}"
            for kind, estimate in (("sensitivity", point.sensitivity), ("specificity", point.specificity))
            if estimate
        )
        lines.append(f"  {point.name}{default}: score {point.threshold:.3f}{measured}")
    if card.figures:
        lines += ["", "Measured:"]
        lines += [
            f"  {figure.what or figure.id}, {figure.set} ({figure.role}): {figure.metric} {_interval(figure)}, "
            f"n = {figure.n if figure.n is not None else '?'}"
            for figure in card.figures
        ]
    licence = [f"{what}: {text}" for what, text in (("code", card.licence.code), ("weights", card.licence.weights))]
    for title, paragraphs in (
        ("Intended use", [card.intended_use] if card.intended_use else []),
        ("Limits", card.limits),
        ("Licence", licence),
    ):
        if paragraphs:
            lines += ["", f"{title}:", *(f"  {line}" for line in paragraphs)]
    lines += ["", f"SHA-256 of model.tflite: {card.sha256}"]
    return "\n".join(lines)


def _interval(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "not stated"
    if estimate.low is not None and estimate.high is not None:
        return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
    return f"{estimate.value:.3f}"

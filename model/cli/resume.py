"""What a file of readings holds already, so that an interrupted run goes on behind its last whole line."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from model.cli import writers
from model.errors import ReaderError
from model.files.places import Listed
from model.reading.card import Card
from model.reading.reader import REFUSED

# What every line of a file of JSON lines begins with.
_START = b'{"path": '


class ResumeError(ReaderError):
    """The file is none that this run can go on with; the message is a sentence that says why and what to do."""


@dataclass
class Kept:
    """What was read before.

    Attributes:
        readings: pictures that were read, without refused files.
        table: whether the file is a CSV.
        left: how often each path, as the file writes it, has a line that was not yet met in this run. A path can have
            several: a ZIP archive may hold two files of one name.
    """

    readings: int = 0
    table: bool = False
    left: Counter[str] = field(default_factory=Counter)

    def take(self, path: Listed) -> bool:
        """Whether the path has a line that was not met yet; if so, it is met now."""
        name = writers.no_formula(str(path)) if self.table else str(path)
        if name not in self.left:
            return False
        self.left[name] -= 1
        if not self.left[name]:
            del self.left[name]
        return True


def take_up(out: Path, card: Card, operating_point: str | None = None) -> Kept:
    """Read what a killed or finished run wrote and cut off a line that it left half-written.

    Args:
        out: the file that the run was to write, .jsonl or .csv; there may be none yet.
        card: of the bundle that goes on.
        operating_point: that it goes on with; None for the card's default.

    Returns:
        What is there.

    Raises:
        ResumeError: the file holds something else, or readings of another bundle or operating point.
        OSError: the file can't be read or written.
    """
    kept, point = Kept(table=out.suffix.lower() == ".csv"), card.point(operating_point).name
    # A finished table is looked at where it is: a refused run must leave nothing behind.
    path = writers.unfinished(out) if kept.table and writers.unfinished(out).exists() else out
    if not path.exists():
        return kept
    whole = 0
    with path.open("rb") as file:
        try:
            for end, record in _rows(file, card) if kept.table else _objects(file):
                _check(record, card, point)
                kept.left[record["path"]] += 1
                kept.readings += record["decision"] != REFUSED
                whole = end
        except ResumeError as error:
            raise ResumeError(
                f"{out.name} can't be continued: {error}. Choose another file, or leave --resume away to write it anew."
            ) from None
    if kept.table:
        writers.keep_table(out)
        path = writers.unfinished(out)
    os.truncate(path, whole)
    return kept


def _check(record: dict[str, Any], card: Card, point: str) -> None:
    if record["bundle"] != card.title:
        raise ResumeError(f"its readings are by {record['bundle']}, and this bundle is {card.title}")
    if record["operating_point"] not in ("", point):
        raise ResumeError(f"its operating point is {record['operating_point']}, and this run's is {point}")


def _objects(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a file of JSON lines, each with where its line ends."""
    end = 0
    for number, line in enumerate(file, 1):
        if not line.endswith(b"\n"):
            # The end of a line that a kill cut; anything else was not written by this program.
            if not line.startswith(_START[: len(line)]):
                raise ResumeError("it ends with something that is no reading")
            return
        try:
            record = json.loads(line)
            known = {"path", "decision", "bundle", "operating_point"} <= set(record)
        except (ValueError, TypeError):
            known = False
        if not known:
            raise ResumeError(f"line {number} is no reading")
        end += len(line)
        yield end, record


def _rows(file: BinaryIO, card: Card) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a table, each with where it ends."""
    columns = writers.columns(card.classes)
    header = _as_row(columns)
    if not header.startswith(file.read(len(header))):
        raise ResumeError("its columns are others")
    end = file.tell()
    for number, line in enumerate(_whole_rows(file), 1):
        cells = next(csv.reader([line.decode("utf-8", "surrogateescape")]), [])
        if len(cells) != len(columns):
            raise ResumeError(f"row {number} is no reading")
        end += len(line)
        yield end, dict(zip(columns, cells, strict=True))


def _as_row(cells: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _whole_rows(file: BinaryIO) -> Iterator[bytes]:
    """The rows that came to their end; a name may hold line ends, between quotes."""
    row = b""
    for line in file:
        row += line
        if line.endswith(b"\r\n") and row.count(b'"') % 2 == 0:
            yield row
            row = b""

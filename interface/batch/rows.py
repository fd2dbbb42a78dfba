"""Many pictures at once: read one after the other, kept as rows and thumbnails, never as whole pictures."""

from __future__ import annotations

import base64
import io
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import numpy as np

from interface.components.images import jpeg, to_grey
from interface.core import queue
from interface.core.limits import read_guarded
from model.cli import writers
from model.reading import heatmap
from model.reading.reader import REFUSED, Reader, Reading, leading

# A class of students brings a few hundred; a row with its two thumbnails has about 20 kB.
MOST_PICTURES = 500
THUMBNAIL, TILE = 96, 256


@dataclass(frozen=True)
class Row:
    """One file of a batch.

    Attributes:
        name: the file's own.
        reading: without its maps and lungs, which only the tile shows.
        thumbnail: of the picture, JPEG; empty for a refused file.
        tile: the heatmap over the picture, JPEG; empty for a refused file.
    """

    name: str
    reading: Reading
    thumbnail: bytes = b""
    tile: bytes = b""

    @property
    def refused(self) -> bool:
        """Whether the file was not read."""
        return self.reading.decision == REFUSED

    @property
    def record(self) -> dict[str, Any]:
        """The reading as JSON holds it, with the file's name."""
        return {"path": self.name} | self.reading.to_dict()


@dataclass
class Batch:
    """What waits and what is done.

    Attributes:
        waiting: functions that give a file's content, with its name, in order.
        rows: of files that are done.
        seconds: spent so far.
        left_out: files beyond `MOST_PICTURES`.
    """

    waiting: deque[tuple[str, Callable[[], bytes]]] = field(default_factory=deque)
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    left_out: int = 0

    @property
    def total(self) -> int:
        """Files of the batch, done or waiting."""
        return len(self.rows) + len(self.waiting)

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take at the pace so far; None before the first is done."""
        return self.seconds / len(self.rows) * len(self.waiting) if self.rows else None

    def add(self, files: Iterable[tuple[str, Callable[[], bytes]]]) -> None:
        """Put files in the queue, as many as a batch takes."""
        for name, load in files:
            if self.total < MOST_PICTURES:
                self.waiting.append((name, load))
            else:
                self.left_out += 1

    def step(self, reader: Reader, operating_point: str | None = None, notice: queue.Notice | None = None) -> Row:
        """Read the next file when its turn among those of all sessions has come.

        Args:
            reader: of the loaded bundle.
            operating_point: name of one of the card's; default is the card's own choice.
            notice: says on the page how long the line is.

        Returns:
            Its row; one bad file is a row with the reason, never the end of the batch.
        """
        start = time.perf_counter()
        # The file leaves the queue when it was read: a script that is stopped while it waits must not lose it.
        with queue.turn(notice):
            name, load = self.waiting[0]
            row = read(name, load, reader, operating_point)
            self.waiting.popleft()
            self.rows.append(row)
        self.seconds += time.perf_counter() - start
        return row


def read(name: str, load: Callable[[], bytes], reader: Reader, operating_point: str | None = None) -> Row:
    """One file -> a row; never raises for what is in the file. `Batch.step` has the turn for it."""
    reading, radiograph = read_guarded(load, reader, operating_point)
    kept = replace(reading, maps=np.zeros((0, 0, 0), np.float32), lungs=None)
    if radiograph is None or reading.decision == REFUSED:
        return Row(name, kept)
    picture = heatmap.fit(radiograph.preview, TILE)
    shown = reading.classes.index(leading(reading.decision, reading.scores))
    overlaid = heatmap.overlay(picture, reading.maps[:, :, shown])
    return Row(name, kept, jpeg(to_grey(heatmap.fit(picture, THUMBNAIL))), jpeg(overlaid))


def json_lines(rows: Iterable[Row]) -> str:
    """One JSON object a file."""
    return "".join(writers.to_json(row.record) + "\n" for row in rows)


def table(rows: Iterable[Row], classes: tuple[str, ...]) -> str:
    """The rows as CSV, for a spreadsheet."""
    text = io.StringIO(newline="")
    write = writers.table_writer(text, classes)
    for row in rows:
        write(row.record)
    return text.getvalue()


def archive(rows: Iterable[Row], classes: tuple[str, ...], card: str) -> bytes:
    """CSV, JSON lines, the heatmaps and the text of card.json in one ZIP."""
    rows = list(rows)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("readings.csv", table(rows, classes))
        packed.writestr("readings.jsonl", json_lines(rows))
        packed.writestr("card.json", card)
        for number, row in enumerate(rows, 1):
            if row.tile:
                stem = PurePath(row.name.replace("\\", "/")).stem or "radiograph"
                packed.writestr(f"heatmaps/{number:03d}-{stem}.jpg", row.tile)
    return buffer.getvalue()


def data_url(picture: bytes) -> str:
    """A JPEG as an address that a table can show; empty for none."""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode() if picture else ""

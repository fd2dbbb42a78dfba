"""A batch: files read one after the other and kept as rows, each decided at every operating point."""

from __future__ import annotations

import base64
import io
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

import numpy as np

from interface.components.images import jpeg, to_grey
from interface.core import queue
from interface.core.limits import read_guarded
from model.cli import writers
from model.reading import heatmap
from model.reading.reader import REFUSED, Reader, Reading, leading, redecide

# A class of students brings a few hundred; a row with its two thumbnails has about 20 kB.
MOST_PICTURES = 500
THUMBNAIL, TILE = 96, 256
# Of the files that are kept so that a row can be opened on the page Read.
MOST_KEPT = 64_000_000


@dataclass(frozen=True)
class Row:
    """One file of a batch.

    Attributes:
        name: of the file.
        reading: without its maps and lungs, which only the tile shows.
        thumbnail: of the image, JPEG; empty where it could not be decoded.
        tile: the heatmap over the image, JPEG; empty for a refused file.
        data: content of the file; empty where the batch has kept enough of others.
        decided: reading and tile by operating point.
    """

    name: str
    reading: Reading
    thumbnail: bytes = b""
    tile: bytes = b""
    data: bytes = b""
    decided: Mapping[str, tuple[Reading, bytes]] = field(default_factory=dict)

    def at(self, operating_point: str) -> Row:
        """The row as this operating point decides it."""
        reading, tile = self.decided.get(operating_point, (self.reading, self.tile))
        return replace(self, reading=reading, tile=tile)

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
        stopped: how many files waited when the user stopped the batch.
    """

    waiting: deque[tuple[str, Callable[[], bytes]]] = field(default_factory=deque)
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    left_out: int = 0
    stopped: int = 0

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
        self.stopped = 0
        for name, load in files:
            if self.total < MOST_PICTURES:
                self.waiting.append((name, load))
            else:
                self.left_out += 1

    def stop(self) -> None:
        """Leave out what waits; what is done stays. Pressed twice, the second press changes nothing."""
        self.stopped += len(self.waiting)
        self.waiting.clear()

    def rows_at(self, operating_point: str) -> list[Row]:
        """All rows as an operating point decides them, in the order of the files."""
        return [row.at(operating_point) for row in self.rows]

    def step(self, reader: Reader, notice: queue.Notice | None = None) -> Row | None:
        """Read the next file when its turn among those of all sessions has come.

        Args:
            reader: of the loaded bundle.
            notice: says on the page how long the line is.

        Returns:
            Its row; one bad file is a row with the reason, never the end of the batch. None where the batch was
            stopped meanwhile.
        """
        start = time.perf_counter()
        # The file leaves the queue when it was read: a script that is stopped while it waits must not lose it.
        with queue.turn(notice):
            if not self.waiting:
                return None
            name, load = entry = self.waiting[0]
            row = read(name, load, reader)
            if sum(len(done.data) for done in self.rows) + len(row.data) > MOST_KEPT:
                row = replace(row, data=b"")
            # Stopped while it was read, the file has left the queue already.
            if self.waiting and self.waiting[0] is entry:
                self.waiting.popleft()
            else:
                self.stopped -= 1
            self.rows.append(row)
        self.seconds += time.perf_counter() - start
        return row


def read(name: str, load: Callable[[], bytes], reader: Reader) -> Row:
    """One file -> a row, decided at every operating point; never raises for what is in the file."""
    content: list[bytes] = []

    def keep() -> bytes:
        content.append(load())
        return content[0]

    reading, radiograph = read_guarded(keep, reader)
    row = Row(name, _without_maps(reading), data=content[0] if content else b"")
    if radiograph is None:
        return row
    image = heatmap.fit(radiograph.preview, TILE)
    row = replace(row, thumbnail=jpeg(to_grey(heatmap.fit(image, THUMBNAIL))))
    if reading.decision == REFUSED:
        return row
    card, tiles = reader.bundle.card, dict[str, bytes]()
    decided = {}
    for point in card.points:
        at_point = redecide(reading, card, point)
        shown = leading(at_point.decision, reading.scores)
        if shown not in tiles:
            tiles[shown] = jpeg(heatmap.overlay(image, reading.maps[:, :, reading.classes.index(shown)]))
        decided[point] = (_without_maps(at_point), tiles[shown])
    return replace(row, decided=decided, tile=decided[reading.operating_point][1])


def _without_maps(reading: Reading) -> Reading:
    return replace(reading, maps=np.zeros((0, 0, 0), np.float32), lungs=None)


def copies(rows: Iterable[Row]) -> dict[int, int]:
    """Which rows are copies: position of each row whose file another row before it has -> position of that one."""
    first: dict[str, int] = {}
    same = {}
    for position, row in enumerate(rows):
        if (sha256 := row.reading.sha256) and first.setdefault(sha256, position) != position:
            same[position] = first[sha256]
    return same


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

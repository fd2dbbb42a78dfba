"""Readings as a folder of Parquet files, one a block of files: each is there as a whole or not at all."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from model.cli.writers import Record
from model.errors import ReaderError
from model.reading.card import Card
from model.reading.reader import REFUSED

_PREFIX, _ENDING = "part-", ".parquet"
_DIGEST = 16


class PartsError(ReaderError):
    """The folder holds what this run can't go on with; the message is a sentence."""


def name(number: int, sources: Sequence[str]) -> str:
    """What the file of a block is called: the same for the same block, whoever reads it and how often.

    Args:
        number: of the block, over all runs into one folder: two blocks may hold the same files.
        sources: the files in it.
    """
    digest = hashlib.blake2b("\n".join(map(shown, sources)).encode(), digest_size=_DIGEST // 2).hexdigest()
    return f"{_PREFIX}{number:08}-{digest}{_ENDING}"


def shown(path: str) -> str:
    """A path as Parquet can hold it: a name that is no valid Unicode with its bytes spelt out."""
    return path.encode("utf-8", "backslashreplace").decode()


class Parts:
    """The folder, of a disc or behind a URL; every process that reads has to reach it."""

    def __init__(self, out: str) -> None:
        self.filesystem, self.root = url_to_fs(out, use_listings_cache=False)
        self.is_local = isinstance(self.filesystem, LocalFileSystem)

    def prepare(self) -> None:
        """Make the folder, where folders have to be made.

        Raises:
            OSError: it can't be written to.
        """
        if self.is_local:
            Path(self.root).mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """The parts that are there, in the order of their numbers."""
        try:
            paths = self.filesystem.ls(self.root, detail=False)
        except FileNotFoundError:
            return []
        names = (str(path).rpartition("/")[2] for path in paths)
        return sorted(name for name in names if name.startswith(_PREFIX) and name.endswith(_ENDING))

    def next_number(self) -> int:
        """One more than the highest number of a part."""
        return max((int(name[len(_PREFIX) :].partition("-")[0]) + 1 for name in self.names()), default=0)

    def has(self, part: str) -> bool:
        """Whether the part is there; then it is complete."""
        return bool(self.filesystem.exists(f"{self.root}/{part}"))

    def write(self, part: str, records: Iterable[Record], card: Card, operating_point: str) -> None:
        """Write the records of a block, so that nobody ever sees half of them.

        Args:
            part: its name.
            records: `Reading.to_dict()` with "path", "source" (the file it comes from: a ZIP has several pictures)
                and "member" (its place in that file, from 0).
            card: of the bundle that read them.
            operating_point: that was applied.

        Raises:
            OSError: it can't be written.
        """
        about = {"bundle": card.title, "operating_point": operating_point}
        schema = _schema(card).with_metadata(about)
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([_row(record) for record in records], schema), buffer, compression="zstd")
        path = f"{self.root}/{part}"
        if not self.is_local:
            # A storage of objects shows an object when it is complete.
            self.filesystem.pipe_file(path, buffer.getvalue())
            return
        beside = Path(self.root, f".{part}.{uuid.uuid4().hex}")
        try:
            beside.write_bytes(buffer.getvalue())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def count(self, part: str) -> tuple[int, int]:
        """How many pictures of a part were read, and how many rows it has."""
        with self.filesystem.open(f"{self.root}/{part}", "rb") as file:
            decisions = pq.read_table(file, columns=["decision"])["decision"].to_pylist()
        return sum(decision != REFUSED for decision in decisions), len(decisions)

    def done(self, card: Card, operating_point: str) -> Done:
        """What the parts hold.

        Args:
            card: of the bundle that goes on.
            operating_point: that it goes on with.

        Raises:
            PartsError: a part is damaged, or by another bundle or operating point.
        """
        digests: list[bytes] = []
        readings = rows = 0
        for part in self.names():
            try:
                with self.filesystem.open(f"{self.root}/{part}", "rb") as file:
                    table = pq.read_table(file, columns=["source", "member", "decision"])
            except (pa.ArrowInvalid, KeyError):
                raise PartsError(f"{part} is no readable file of readings: take it away, or write elsewhere.") from None
            about = table.schema.metadata or {}
            for key, now in ((b"bundle", card.title), (b"operating_point", operating_point)):
                if (before := about.get(key, b"").decode()) != now:
                    what = key.decode().replace("_", " ")
                    raise PartsError(f"{part} has the {what} {before}, and this run's is {now}: write elsewhere.")
            readings += sum(decision != REFUSED for decision in table["decision"].to_pylist())
            rows += table.num_rows
            first = (row for row in table.to_pylist() if row["member"] == 0)
            digests += [_digest(row["source"]) for row in first]
        return Done(digests, readings, rows)


class Done:
    """Which files were read before, in 24 bytes a file: the names of millions would fill the memory.

    Attributes:
        readings: pictures that were read, without refused files.
        rows: pictures and refused files.
    """

    def __init__(self, digests: Sequence[bytes] = (), readings: int = 0, rows: int = 0) -> None:
        self.readings, self.rows = readings, rows
        array = np.array(digests, dtype=f"V{_DIGEST}").view(f"S{_DIGEST}") if digests else np.empty(0, f"S{_DIGEST}")
        self._digests, self._left = np.unique(array, return_counts=True)

    def take(self, source: str) -> bool:
        """Whether the file has rows that were not met yet; if so, they are met now."""
        wanted = np.array([_digest(shown(source))], dtype=f"S{_DIGEST}")
        at = int(np.searchsorted(self._digests, wanted)[0])
        if at == len(self._digests) or self._digests[at] != wanted[0] or not self._left[at]:
            return False
        self._left[at] -= 1
        return True


def _digest(source: str) -> bytes:
    return hashlib.blake2b(source.encode(), digest_size=_DIGEST).digest()


def _schema(card: Card) -> pa.Schema:
    numbers = [(f"{kind}_{name}", pa.float64()) for kind in ("score", "logit") for name in card.classes]
    return pa.schema(
        [
            *((key, pa.string()) for key in ("path", "source")),
            ("member", pa.int32()),
            ("decision", pa.string()),
            *numbers,
            ("reasons", pa.list_(pa.string())),
            ("notes", pa.list_(pa.string())),
            ("in_lungs", pa.float64()),
            ("seconds", pa.float64()),
            *((key, pa.string()) for key in ("kind", "bundle", "operating_point", "sha256")),
        ]
    )


def _row(record: Record) -> dict[str, Any]:
    row = {key: value for key, value in record.items() if key not in ("scores", "logits")}
    row |= {f"score_{name}": score for name, score in record["scores"].items()}
    row |= {f"logit_{name}": logit for name, logit in record["logits"].items()}
    return row | {key: shown(record[key]) for key in ("path", "source")}

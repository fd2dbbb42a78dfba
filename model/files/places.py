"""What a name stands for: a path, an address or a URL; and what the rows of a manifest (CSV) name."""

from __future__ import annotations

import codecs
import contextlib
import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from model.errors import RemoteError
from model.files import remote
from model.files.remote import RemoteFile
from model.messages import Code, Message

COLUMN = "path"
NAMELESS = "rows without a path"
_SEPARATORS = (",", ";", "\t", "|")
_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Unlisted:
    """A place that could not be looked into; reading it gives one refusal with this reason.

    Attributes:
        name: path or address of the file or folder.
        reason: why.
    """

    name: str
    reason: Message

    def __str__(self) -> str:
        """The name, as a line of readings has it."""
        return self.name


Place = Path | RemoteFile
Listed = Place | Unlisted
# What was passed over on purpose, counted by kind: a run reports it at its end.
Skipped = Counter[str]


def place(name: str) -> Listed:
    """What a name stands for: a path, a file: address (RFC 8089), or a URL such as s3://bucket/folder."""
    if not name.strip():
        # Python's path of nothing is the current folder, which a script with an empty variable does not mean.
        return Unlisted(name, Message(Code.FILE_MISSING))
    if name.lower().startswith("file:/"):
        parts = urlsplit(name)
        # What follows "?" or "#" belongs to the name of a file.
        rest = (
            parts.path + (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
        )
        if (parts.hostname or "") not in _LOCAL_HOSTS:
            return Unlisted(name, Message(Code.OTHER_COMPUTER))
        # Here and not above: it brings an HTTP client with it, a tenth of what a first reading takes.
        from urllib.request import url2pathname

        return Path(url2pathname(rest))
    return RemoteFile(name) if remote.is_url(name) else Path(name)


def manifest(path: Place, skipped: Skipped) -> Iterator[Listed] | None:
    """What the rows of a table name.

    Args:
        path: CSV in UTF-8 or UTF-16, separated by commas, semicolons, tabs or bars, with a column "path" in any case.
        skipped: counts the rows without a path.

    Returns:
        Places, relative to the table; None where the file is no such table: then it is a file like any other.
    """
    try:
        with _open_table(path) as table:
            is_manifest = _header(table) is not None
    except (OSError, UnicodeError, csv.Error):
        return None
    return _rows(path, skipped) if is_manifest else None


def _header(table: TextIO) -> tuple[str, int, int] | None:
    """The character between columns, the column of the paths and the lines read; None where there is no such column."""
    line, lines = table.readline(), 1
    declared = re.fullmatch(r"sep=(.)\s*", line, re.IGNORECASE)  # a line that Excel writes and reads
    if declared:
        line, lines = table.readline(), 2
    for separator in declared.groups() if declared else _SEPARATORS:
        names = [name.strip().lower() for name in next(csv.reader([line], delimiter=separator), [])]
        if COLUMN in names:
            return separator, names.index(COLUMN), lines
    return None


def _rows(path: Place, skipped: Skipped) -> Iterator[Listed]:
    number = 1
    try:
        with _open_table(path) as table:
            separator, column, number = _header(table) or (",", 0, 1)
            header = number
            rows = csv.reader(table, delimiter=separator, strict=True)
            for row in rows:
                number = header + rows.line_num
                # An empty cell would stand for the manifest's folder.
                if name := "".join(row[column : column + 1]).strip():
                    named = place(name)
                    yield _beside(path, name) if isinstance(named, Path) and named == Path(name) else named
                elif row:
                    skipped[NAMELESS] += 1
    except csv.Error:
        yield Unlisted(str(path), Message(Code.TABLE_QUOTE, row=number + 1))
    except Exception as error:
        if isinstance(path, Path) or isinstance(error, RemoteError):
            raise
        raise remote.broken(path, error) from None


def _beside(table: Place, name: str) -> Place:
    """A file relative to its table, which may have been written in the older encoding of Windows."""
    file = table.parent / name
    with contextlib.suppress(UnicodeError):
        if name.encode("utf-8", "ignore") != name.encode("utf-8", "surrogateescape") and not os.path.lexists(str(file)):
            return table.parent / name.encode("utf-8", "surrogateescape").decode("cp1252")
    return file


def _open_table(path: Place) -> TextIO:
    if isinstance(path, RemoteFile):
        return remote.text(path)
    with path.open("rb") as file:
        start = file.read(2)
    # "-sig", because spreadsheets begin a CSV with a mark that would become part of the first column's name.
    encoding = "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    if b"\0" in start:  # UTF-16 without that mark
        encoding = "utf-16-be" if start[0] == 0 else "utf-16-le"
    return path.open(encoding=encoding, errors="surrogateescape" if encoding == "utf-8-sig" else "replace", newline="")

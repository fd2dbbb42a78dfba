"""What a command line names -> the files to read: a picture, a folder, a ZIP archive or a manifest (CSV) of them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from model.inference import archive
from model.inference.formats import DEFAULT_LIMITS, Unreadable

COLUMN = "path"


def files(path: Path, leave_out: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The files that a path stands for.

    Args:
        path: a file; a folder, for all files in it and its sub-folders by name, without hidden ones; or a CSV with a
            column "path", for what its rows name, relative to it.
        leave_out: resolved paths of files and sub-folders that are passed over in folders: what is being written.

    Yields:
        Paths, whether there is such a file or not.
    """
    if path.is_dir():
        yield from _below(path, leave_out)
        return
    if path.suffix.lower() == ".csv" and path.is_file():
        listed = _listed(path)
        if listed is not None:
            for one in listed:
                yield from _below(one, leave_out) if one.is_dir() else (one,)
            return
    yield path


def _below(top: Path, leave_out: frozenset[Path]) -> Iterator[Path]:
    for folder, below, names in os.walk(top):
        here = Path(folder)
        below[:] = sorted(name for name in below if _is_wanted(here / name, leave_out))
        yield from (here / name for name in sorted(names) if _is_wanted(here / name, leave_out))


def _is_wanted(path: Path, leave_out: frozenset[Path]) -> bool:
    return not path.name.startswith(".") and not (leave_out and path.resolve() in leave_out)


def _listed(manifest: Path) -> Iterator[Path] | None:
    """What the rows of a manifest name, or None where the file is none: then it is a file like any other."""
    try:
        with _open_table(manifest) as file:
            header = next(csv.reader(file), [])
    except (OSError, csv.Error):
        return None
    return _rows(manifest) if COLUMN in header else None


def _rows(manifest: Path) -> Iterator[Path]:
    with _open_table(manifest) as file:
        for row in csv.DictReader(file):
            # An empty cell would stand for the manifest's own folder.
            if name := (row[COLUMN] or "").strip():
                yield manifest.parent / name


def _open_table(path: Path) -> io.TextIOWrapper:
    # "-sig", because spreadsheets begin a CSV with a mark that would become part of the first column's name.
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def unpacked(path: Path) -> Iterator[tuple[Path, archive.Load]]:
    """The file, or the files in a ZIP archive as if it were a folder.

    Args:
        path: as `files` gives it.

    Yields:
        A path, and the function that gives the content; it raises Unreadable with a sentence.
    """
    try:
        file: BinaryIO = path.open("rb") if path.is_file() else io.BytesIO()
    except OSError:
        file = io.BytesIO()  # `_load` says why
    with file:
        if not archive.is_archive(_start(file)):
            yield path, partial(_load, path)
            return
        for name, load in archive.members(path.name, file):
            yield path if name == path.name else path / name, load


def _start(file: BinaryIO) -> bytes:
    try:
        return file.read(4)
    except OSError:
        return b""


def _load(path: Path) -> bytes:
    try:
        if not path.exists():
            raise Unreadable("There is no such file: check the path.")
        if not path.is_file():
            raise Unreadable("This is neither a file nor a folder: choose a picture.")
        # Before reading: a disc image of many gigabytes must not fill the memory only to be refused.
        DEFAULT_LIMITS.check_bytes(path.stat().st_size, dicom=True)
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"The file can't be opened ({error.strerror}): check who may read it.") from None

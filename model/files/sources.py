"""What a command line names -> the files to read: a picture, a folder, a ZIP, a manifest (CSV), a DICOMDIR, a URL."""

from __future__ import annotations

import codecs
import csv
import io
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO
from urllib.parse import urlsplit

from model.errors import RemoteError, Unreadable
from model.files import remote, zip
from model.files.dicom import dicomdir
from model.files.formats import Limits
from model.files.remote import RemoteFile
from model.messages import Code, Message

COLUMN = "path"
_SEPARATORS = (",", ";", "\t", "|")
_LOCAL_SCHEME = "file:"
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
HIDDEN, LINKED_TWICE, OUTPUT, DICOMDIRS = "hidden", "linked more than once", "written by this run", "DICOMDIR"
_ARCHIVE_LIMITS = zip.ArchiveLimits()


def place(name: str) -> Listed:
    """What a name stands for: a path, a file:// address, or a URL such as s3://bucket/folder (RFC 8089 for file://)."""
    if name.lower().startswith(f"{_LOCAL_SCHEME}//"):
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


def files(path: Listed, leave_out: frozenset[Place] = frozenset(), skipped: Skipped | None = None) -> Iterator[Listed]:
    """The files that a path or URL stands for.

    A question to the file system that fails gives an `Unlisted`, and the listing goes on.

    Args:
        path: a file; a folder, for all files in it and its sub-folders by name, without hidden ones, each linked
            folder once; a CSV with a column "path" (separated by commas, semicolons, tabs or bars, in UTF-8 or
            UTF-16), for what its rows name, relative to it; or a DICOMDIR, for the pictures that it names.
        leave_out: real paths, and URLs, of files and sub-folders that are passed over: what is being written.
        skipped: counts what is passed over, by kind.

    Yields:
        Paths and URLs, whether there is such a file or not.

    Raises:
        RemoteError: a storage could not be listed.
    """
    walk = _Walk(leave_out, Counter() if skipped is None else skipped)
    if isinstance(path, RemoteFile) and path.suffix.lower() != ".csv" and remote.is_folder(path):
        yield from remote.below(path, leave_out)
    elif isinstance(path, Path) and _is_folder(path):
        yield from walk.below(path)
    elif isinstance(path, Path) and dicomdir.is_dicomdir(path) and _is_file(path):
        pictures = dicomdir.pictures(path)
        yield from (path,) if pictures is None else pictures
    elif isinstance(path, Unlisted) or path.suffix.lower() != ".csv" or (rows := _manifest(path)) is None:
        yield path
    else:
        for row in rows:
            # To ask a storage of each of a million rows whether it is a folder would take as long as to read it.
            if isinstance(row, RemoteFile) and row.url.endswith("/"):
                yield from remote.below(row, leave_out)
            elif isinstance(row, Path) and _is_folder(row):
                yield from walk.below(row)
            else:
                yield row


class _Walk:
    """Goes through folders, follows links to folders, and enters each folder once."""

    def __init__(self, leave_out: frozenset[Place], skipped: Skipped) -> None:
        self.leave_out, self.skipped = leave_out, skipped

    def below(self, top: Path) -> Iterator[Listed]:
        failed: list[OSError] = []
        entered = {_identity(top)}
        for folder, below, names in os.walk(top, followlinks=True, onerror=failed.append):
            here = Path(folder)
            below[:] = [name for name in sorted(below) if self._enters(here / name, entered)]
            for name in sorted(names):
                # The pictures that a DICOMDIR names lie below it: they are met anyway.
                if dicomdir.is_dicomdir(here / name):
                    self.skipped[DICOMDIRS] += 1
                elif self._wants(here / name):
                    yield here / name
            yield from (_unlisted(error, here) for error in failed)
            failed.clear()
        yield from (_unlisted(error, top) for error in failed)

    def _enters(self, folder: Path, entered: set[object]) -> bool:
        if not self._wants(folder):
            return False
        identity = _identity(folder)
        if identity in entered:
            self.skipped[LINKED_TWICE] += 1
            return False
        entered.add(identity)
        return True

    def _wants(self, path: Path) -> bool:
        if path.name.startswith("."):
            self.skipped[HIDDEN] += 1
            return False
        if self.leave_out and Path(os.path.realpath(path)) in self.leave_out:
            self.skipped[OUTPUT] += 1
            return False
        return True


def _identity(folder: Path) -> object:
    """What tells a folder from every other, whatever links lead to it."""
    try:
        status = folder.stat()
    except OSError:
        return folder
    return (status.st_dev, status.st_ino)


def _unlisted(error: OSError, folder: Path) -> Unlisted:
    name = os.fsdecode(error.filename) if error.filename else str(folder)
    return Unlisted(name, Message(Code.FOLDER_NOT_OPENED, reason=str(error.strerror)))


def _is_folder(path: Path) -> bool:
    """As `Path.is_dir`, which raises for some names and folders before Python 3.14; reading such a file says why."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _manifest(path: Place) -> Iterator[Listed] | None:
    """What the rows of a manifest name, or None where the file is none: then it is a file like any other."""
    try:
        with _open_table(path) as table:
            separator = _separator(table.readline())
    except (OSError, UnicodeError):
        return None
    return None if separator is None else _rows(path, separator)


def _separator(header: str) -> str | None:
    """The character between the columns, told by the header; None where no column is called "path"."""
    for separator in _SEPARATORS:
        if COLUMN in next(csv.reader([header], delimiter=separator), []):
            return separator
    return None


def _rows(manifest: Place, separator: str) -> Iterator[Listed]:
    number = 1
    try:
        with _open_table(manifest) as table:
            rows = csv.DictReader(table, delimiter=separator, strict=True)
            for row in rows:
                number = rows.line_num
                # An empty cell would stand for the manifest's folder.
                if name := (row[COLUMN] or "").strip():
                    named = place(name)
                    yield manifest.parent / str(named) if isinstance(named, Path) else named
    except csv.Error:
        yield _cut_short(manifest, number + 1)
    except Exception as error:
        if isinstance(manifest, Path) or isinstance(error, RemoteError):
            raise
        raise remote.broken(manifest, error) from None


def _cut_short(manifest: Place, row: int) -> Unlisted:
    return Unlisted(str(manifest), Message(Code.TABLE_QUOTE, row=row))


def _open_table(path: Place) -> TextIO:
    if isinstance(path, RemoteFile):
        return remote.text(path)
    with path.open("rb") as file:
        start = file.read(2)
    # "-sig", because spreadsheets begin a CSV with a mark that would become part of the first column's name.
    encoding = "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    return path.open(encoding=encoding, errors="surrogateescape" if encoding != "utf-16" else "replace", newline="")


def unpacked(
    path: Listed, wanted: Callable[[Listed], bool] = lambda _: True, limits: zip.ArchiveLimits = _ARCHIVE_LIMITS
) -> Iterator[tuple[Listed, zip.Load]]:
    """The file, or the files in a ZIP archive as if it were a folder.

    Args:
        path: as `files` gives it.
        wanted: asked about each path in turn; of an archive only these are unpacked; by default all.
        limits: of an archive and its files, and of a file that is none.

    Yields:
        A path, and the function that gives the content; it raises Unreadable with a sentence, or RemoteError where a
        storage does not answer.
    """
    if isinstance(path, Unlisted):
        if wanted(path):
            yield path, partial(_raise, Unreadable(path.reason))
        return
    try:
        file = _open(path)
    except OSError:
        file = io.BytesIO()  # `_load` says why
    except RemoteError as error:
        # Told when the file is asked for: whoever has read it before does not ask.
        if wanted(path):
            yield path, partial(_raise, error)
        return
    with file:
        if not zip.is_archive(_start(file)):
            if wanted(path):
                yield path, _loader(path, limits.member)
            return
        for name, load in zip.members(path.name, file, limits):
            member = path if name == path.name else path / name
            if wanted(member):
                yield member, _unpack(load)


def _loader(path: Place, limits: Limits) -> zip.Load:
    return partial(remote.load, path, limits) if isinstance(path, RemoteFile) else partial(_load, path, limits)


def _unpack(load: zip.Load) -> zip.Load:
    """Unpack now: whoever asks may do so in another thread, when the archive is closed."""
    try:
        data = load()
    except (Unreadable, RemoteError) as error:
        return partial(_raise, error)
    return lambda: data


def _open(path: Place) -> BinaryIO:
    if isinstance(path, Path):
        return path.open("rb") if _is_file(path) else io.BytesIO()
    # By its ending, or every picture that was read before would have to be asked for to be passed over.
    return remote.open_file(path) if path.suffix.lower() == ".zip" else io.BytesIO()


def _start(file: BinaryIO) -> bytes:
    try:
        return file.read(4)
    except Exception:  # what a storage's library raises is not known; loading the file says why
        return b""


def _raise(error: Exception) -> bytes:
    raise error


def _load(path: Path, limits: Limits) -> bytes:
    try:
        try:
            status = path.stat()
        except ValueError:  # the name holds a character that no file system takes
            raise Unreadable(Message(Code.NAME_IMPOSSIBLE)) from None
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(Message(Code.FILE_IS_NONE))
        # Before reading: a disc image of many gigabytes must not fill the memory only to be refused.
        limits.check_bytes(status.st_size, dicom=True)
        return path.read_bytes()
    except FileNotFoundError:
        raise Unreadable(Message(Code.FILE_MISSING)) from None
    except OSError as error:
        raise Unreadable(Message(Code.FILE_NOT_OPENED, reason=str(error.strerror))) from None

"""What a command line names -> the files to read: a picture, a folder, a ZIP, a manifest (CSV), a DICOMDIR, a URL."""

from __future__ import annotations

import io
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from model.errors import RemoteError, Unreadable
from model.files import remote, zip
from model.files.dicom import dicomdir
from model.files.formats import Limits
from model.files.places import Listed, Place, Skipped, Unlisted, manifest
from model.files.remote import RemoteFile
from model.messages import Code, Message

HIDDEN, LINKED_TWICE, OUTPUT, DICOMDIRS = "hidden", "linked more than once", "written by this run", "DICOMDIR"
_ARCHIVE_LIMITS = zip.ArchiveLimits()


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
    elif isinstance(path, Unlisted) or path.suffix.lower() != ".csv" or (rows := manifest(path, walk.skipped)) is None:
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

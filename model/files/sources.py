"""What a command line names -> the files to read: a picture, a folder, a ZIP, a manifest (CSV), a DICOMDIR, a URL."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

from model.files import remote, zip
from model.files.dicom import dicomdir
from model.files.formats import DEFAULT_LIMITS, Unreadable
from model.files.remote import RemoteError, RemoteFile

COLUMN = "path"
Place = Path | RemoteFile
_THIS_DISK = "file://"


def place(name: str) -> Place:
    """What a name stands for: a path, or a URL such as s3://bucket/folder."""
    if name.lower().startswith(_THIS_DISK):
        return Path(name[len(_THIS_DISK) :])
    return RemoteFile(name) if remote.is_url(name) else Path(name)


def files(path: Place, leave_out: frozenset[Place] = frozenset()) -> Iterator[Place]:
    """The files that a path or URL stands for.

    Args:
        path: a file; a folder, for all files in it and its sub-folders by name, without hidden ones; a CSV with a
            column "path", for what its rows name, relative to it; or a DICOMDIR, for the pictures that it names.
        leave_out: resolved paths, and URLs, of files and sub-folders that are passed over: what is being written.

    Yields:
        Paths and URLs, whether there is such a file or not.

    Raises:
        RemoteError: a storage could not be listed.
    """
    if isinstance(path, RemoteFile):
        is_table = path.suffix.lower() == ".csv"
        if not is_table and remote.is_folder(path):
            yield from remote.below(path, leave_out)
            return
    elif path.is_dir():
        yield from _below(path, leave_out)
        return
    elif not path.is_file():
        yield path
        return
    elif dicomdir.is_dicomdir(path):
        pictures = dicomdir.pictures(path)
        yield from (path,) if pictures is None else pictures
        return
    else:
        is_table = path.suffix.lower() == ".csv"
    listed = _listed(path) if is_table else None
    if listed is None:
        yield path
        return
    for one in listed:
        yield from _row(one, leave_out)


def _row(one: Place, leave_out: frozenset[Place]) -> Iterator[Place]:
    if isinstance(one, Path):
        yield from _below(one, leave_out) if one.is_dir() else (one,)
    # To ask a storage of each of a million rows whether it is a folder would take as long as to read it.
    elif one.url.endswith("/"):
        yield from remote.below(one, leave_out)
    else:
        yield one


def _below(top: Path, leave_out: frozenset[Place]) -> Iterator[Path]:
    for folder, below, names in os.walk(top):
        here = Path(folder)
        below[:] = sorted(name for name in below if _is_wanted(here / name, leave_out))
        # The pictures that a DICOMDIR names lie below it: they are met anyway.
        pictures = (here / name for name in sorted(names) if _is_wanted(here / name, leave_out))
        yield from (path for path in pictures if not dicomdir.is_dicomdir(path))


def _is_wanted(path: Path, leave_out: frozenset[Place]) -> bool:
    return not path.name.startswith(".") and not (leave_out and path.resolve() in leave_out)


def _listed(manifest: Place) -> Iterator[Place] | None:
    """What the rows of a manifest name, or None where the file is none: then it is a file like any other."""
    try:
        with _open_table(manifest) as file:
            header = next(csv.reader(file), [])
    except (OSError, csv.Error):
        return None
    return _rows(manifest) if COLUMN in header else None


def _rows(manifest: Place) -> Iterator[Place]:
    try:
        with _open_table(manifest) as file:
            for row in csv.DictReader(file):
                # An empty cell would stand for the manifest's own folder.
                if name := (row[COLUMN] or "").strip():
                    named = place(name)
                    yield named if isinstance(named, RemoteFile) else manifest.parent / str(named)
    except Exception as error:
        if isinstance(manifest, Path) or isinstance(error, RemoteError):
            raise
        raise remote.broken(manifest, error) from None


def _open_table(path: Place) -> TextIO:
    if isinstance(path, RemoteFile):
        return remote.text(path)
    # "-sig", because spreadsheets begin a CSV with a mark that would become part of the first column's name.
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def unpacked(path: Place, wanted: Callable[[Place], bool] = lambda _: True) -> Iterator[tuple[Place, zip.Load]]:
    """The file, or the files in a ZIP archive as if it were a folder.

    Args:
        path: as `files` gives it.
        wanted: asked about each path in turn; of an archive only these are unpacked; by default all.

    Yields:
        A path, and the function that gives the content; it raises Unreadable with a sentence, or RemoteError where a
        storage does not answer.
    """
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
                yield path, partial(remote.load, path) if isinstance(path, RemoteFile) else partial(_load, path)
            return
        for name, load in zip.members(path.name, file):
            member = path if name == path.name else path / name
            if wanted(member):
                yield member, _unpack(load)


def _unpack(load: zip.Load) -> zip.Load:
    """Unpack now: whoever asks may do so in another thread, when the archive is closed."""
    try:
        data = load()
    except (Unreadable, RemoteError) as error:
        return partial(_raise, error)
    return lambda: data


def _open(path: Place) -> BinaryIO:
    if isinstance(path, Path):
        return path.open("rb") if path.is_file() else io.BytesIO()
    # By its ending, or every picture that was read before would have to be asked for to be passed over.
    return remote.open_file(path) if path.suffix.lower() == ".zip" else io.BytesIO()


def _start(file: BinaryIO) -> bytes:
    try:
        return file.read(4)
    except Exception:  # what a storage's library raises is not known; loading the file says why
        return b""


def _raise(error: Exception) -> bytes:
    raise error


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

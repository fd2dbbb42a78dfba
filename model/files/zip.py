"""A ZIP of pictures -> its files one at a time, with limits against archives made to fill the memory or the screen."""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from model.files.formats import DEFAULT_LIMITS, MEGA, Limits, Unreadable

Load = Callable[[], bytes]

_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_END, _END_SIZE, _LONGEST_COMMENT = b"PK\x05\x06", 22, 65_535
_LOCATOR_64, _LOCATOR_SIZE = b"PK\x06\x07", 20
# Of the table of contents: enough for thousands of names, and what Python makes of it stays small.
_LONGEST_TABLE = MEGA
_LONGEST_NAME = 100
# Radiographs pack to half or a third; only a nearly empty picture packs better than this.
_HIGHEST_RATIO, _UNSUSPICIOUS = 100, 5 * MEGA
# Others take many times the memory or time to unpack, and hardly any program writes them.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = "The ZIP archive is damaged or cut short: pack it again, or choose the pictures themselves."


@dataclass(frozen=True)
class ArchiveLimits:
    """How much an archive may hold.

    Attributes:
        members: pictures.
        bytes: of all of them, unpacked; it bounds the time, since only one is in memory at once.
        one: limits of each.
    """

    members: int = 500
    bytes: int = 4000 * MEGA
    one: Limits = DEFAULT_LIMITS


def is_archive(start: bytes) -> bool:
    """Whether a file that starts like this is a ZIP archive."""
    return start.startswith(_STARTS)


def members(
    name: str, file: BinaryIO, limits: ArchiveLimits | None = None, *, folders: bool = False
) -> Iterator[tuple[str, Load]]:
    """The files in an archive, without folders, hidden ones and what macOS adds.

    Args:
        name: of the archive, given to what is wrong with the archive as a whole.
        file: the archive, seekable; stays in use until the last function was called.
        limits: by default those of `ArchiveLimits`.
        folders: name the folder that a file lies in too, as "folder/name".

    Yields:
        A bare name, fit to be shown, and a function that unpacks the file; it raises Unreadable with a sentence if
        this file can't be had, and the others can still be.
    """
    limits = limits or ArchiveLimits()
    try:
        archive = _open(file)
    except Unreadable as error:
        yield clean(name), partial(_refuse, str(error))
        return
    found = [one for one in archive.infolist() if not _is_hidden(one)]
    if not found:
        yield clean(name), partial(_refuse, "The ZIP archive is empty: put pictures into it.")
    total = 0
    for number, one in enumerate(found[: limits.members], 1):
        total += one.file_size
        enough = total <= limits.bytes
        shown = clean(one.filename) or f"file {number}"
        folder = clean(one.filename.replace("\\", "/").rpartition("/")[0]) if folders else ""
        yield f"{folder}/{shown}" if folder else shown, partial(_load, archive, one, limits) if enough else _TOO_LARGE
    if len(found) > limits.members:
        left = len(found) - limits.members
        sentence = f"The ZIP archive holds more than {limits.members} files, and {left} were left out: pack fewer."
        yield clean(name), partial(_refuse, sentence)


def clean(name: str) -> str:
    """The last part of a path, without characters that are invisible or turn the text around them; may be empty."""
    bare = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    shown = "".join(letter for letter in bare if unicodedata.category(letter)[0] != "C").strip()
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _open(file: BinaryIO) -> zipfile.ZipFile:
    _check_table(file)
    try:
        archive = zipfile.ZipFile(file)
    except Exception:  # zipfile raises many kinds on damaged archives, and their messages may quote names
        raise Unreadable(_DAMAGED) from None
    if "[Content_Types].xml" in archive.namelist():
        raise Unreadable("This is an office document: take the pictures out of it and choose those.")
    return archive


def _check_table(file: BinaryIO) -> None:
    """Look at the end record (APPNOTE 4.3.16) before Python makes an object of every entry of the table."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_SIZE - _LONGEST_COMMENT - _LOCATOR_SIZE))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END)
    if at < 0 or at + _END_SIZE > len(tail):
        raise Unreadable(_DAMAGED)
    # With it comes another record, which has the last word about the table's size.
    if _LOCATOR_64 in tail[max(0, at - _LOCATOR_SIZE) : at]:
        raise Unreadable("The ZIP archive is of the kind for more than 4 GB: pack the pictures into a plain one.")
    if int.from_bytes(tail[at + 12 : at + 16], "little") > _LONGEST_TABLE:
        raise Unreadable("The ZIP archive holds far too many files: pack fewer into one.")


def _is_hidden(one: zipfile.ZipInfo) -> bool:
    parts = one.filename.replace("\\", "/").split("/")
    below = [part for part in parts if part not in ("", ".", "..")]
    return one.is_dir() or not below or "__MACOSX" in below or any(part.startswith(".") for part in below)


def _load(archive: zipfile.ZipFile, one: zipfile.ZipInfo, limits: ArchiveLimits) -> bytes:
    if one.flag_bits & 1:
        raise Unreadable("This file in the ZIP archive is locked with a password: unpack the archive first.")
    if one.compress_type not in _METHODS:
        raise Unreadable("This file is packed in an unusual way: pack the archive again as a plain ZIP.")
    limits.one.check_bytes(one.file_size, dicom=True)
    if one.file_size > max(_UNSUSPICIOUS, _HIGHEST_RATIO * one.compress_size):
        raise Unreadable("This file unpacks to far more than it takes in the ZIP archive: choose the picture itself.")
    try:
        with archive.open(one) as packed:
            # One byte more than it claims tells a claim that is too low.
            data = packed.read(one.file_size + 1)
    except Exception:
        raise Unreadable("This file in the ZIP archive is damaged: pack it again.") from None
    if is_archive(data[:4]):
        raise Unreadable("This is a ZIP archive in a ZIP archive: unpack the inner one and choose its pictures.")
    return data


def _refuse(sentence: str) -> bytes:
    raise Unreadable(sentence)


_TOO_LARGE = partial(_refuse, "The ZIP archive unpacks to more than is read at once: bring this file apart.")

"""A ZIP of pictures -> its files one at a time, with limits against archives made to fill the memory or the screen."""

from __future__ import annotations

import contextlib
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from model.errors import Unreadable
from model.files.formats import DEFAULT_LIMITS, MEGA, Limits
from model.messages import Code, Message

Load = Callable[[], bytes]

_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_END, _END_SIZE, _LONGEST_COMMENT = b"PK\x05\x06", 22, 65_535
_LOCATOR_64, _LOCATOR_SIZE = b"PK\x06\x07", 20
_END_64, _END_64_SIZE = b"PK\x06\x06", 56
_UTF8_FLAG = 0x800
_LONGEST_NAME = 100
# Radiographs pack to half or a third; only a nearly empty picture packs better than this.
_HIGHEST_RATIO, _UNSUSPICIOUS = 100, 5 * MEGA
# Others take many times the memory or time to unpack, and hardly any program writes them.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class ArchiveLimits:
    """How much an archive may hold; the defaults are for the archives of whoever runs the program.

    Attributes:
        members: files in it; None for any number.
        bytes: of all of them, unpacked, which bounds the time, since only one is in memory at once; None for any.
        table_bytes: of the table of contents, of which Python makes an object an entry; a file takes about 100.
        member: limits of each file.
    """

    members: int | None = None
    bytes: int | None = None
    table_bytes: int = 1000 * MEGA
    member: Limits = DEFAULT_LIMITS


def is_archive(start: bytes) -> bool:
    """Whether a file that starts like this is a ZIP archive."""
    return start.startswith(_STARTS)


def members(name: str, file: BinaryIO, limits: ArchiveLimits, *, folders: bool = False) -> Iterator[tuple[str, Load]]:
    """The files in an archive, without folders, hidden ones and what macOS adds.

    Args:
        name: of the archive, given to what is wrong with the archive as a whole.
        file: the archive, seekable; stays in use until the last function was called.
        limits: of the archive and its files.
        folders: name the folder that a file lies in too, as "folder/name".

    Yields:
        A bare name, fit to be shown, and a function that unpacks the file; it raises Unreadable with a sentence if
        this file can't be had, and the others can still be.
    """
    try:
        archive = _open(file, limits)
    except Unreadable as error:
        yield clean(name), partial(_refuse, error.message)
        return
    entries = [entry for entry in archive.infolist() if not _is_hidden(entry)]
    if not entries:
        yield clean(name), partial(_refuse, Message(Code.ZIP_EMPTY))
    total = 0
    for number, entry in enumerate(entries[: limits.members], 1):
        total += entry.file_size
        fits = limits.bytes is None or total <= limits.bytes
        path = _name(entry)
        shown = clean(path) or f"file {number}"
        folder = clean(path.replace("\\", "/").rpartition("/")[0]) if folders else ""
        yield f"{folder}/{shown}" if folder else shown, partial(_load, archive, entry, limits) if fits else _TOO_LARGE
    if limits.members is not None and len(entries) > limits.members:
        message = Message(Code.ZIP_TOO_MANY, most=limits.members, left=len(entries) - limits.members)
        yield clean(name), partial(_refuse, message)


def clean(name: str) -> str:
    """The last part of a path, without characters that are invisible or turn the text around them; may be empty."""
    bare = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    shown = "".join(letter for letter in bare if unicodedata.category(letter)[0] != "C").strip()
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _open(file: BinaryIO, limits: ArchiveLimits) -> zipfile.ZipFile:
    _check_table(file, limits)
    try:
        archive = zipfile.ZipFile(file)
    except Exception:  # zipfile raises many kinds on damaged archives, and their messages may quote names
        raise Unreadable(Message(Code.ZIP_DAMAGED)) from None
    if "[Content_Types].xml" in archive.namelist():
        raise Unreadable(Message(Code.ZIP_OFFICE))
    return archive


def _check_table(file: BinaryIO, limits: ArchiveLimits) -> None:
    """Look at the end record (APPNOTE 4.3.16) before Python makes an object of every entry of the table."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_SIZE - _LONGEST_COMMENT - _LOCATOR_SIZE))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or at + _END_SIZE > len(tail):
        raise Unreadable(Message(Code.ZIP_DAMAGED))
    table = int.from_bytes(tail[at + 12 : at + 16], "little")
    locator = tail[max(0, at - _LOCATOR_SIZE) : at]
    if _LOCATOR_64 in locator:
        # The other end record has the last word about the table's size (APPNOTE 4.3.14), wherever it is looked for.
        for start in (int.from_bytes(locator[8:16], "little"), size - len(tail) + at - _LOCATOR_SIZE - _END_64_SIZE):
            file.seek(max(0, min(size, start)))
            record = file.read(_END_64_SIZE)
            table = max(table % 0xFFFFFFFF, int.from_bytes(record[40:48], "little") if record[:4] == _END_64 else 0)
    file.seek(0)
    if table > limits.table_bytes:
        raise Unreadable(Message(Code.ZIP_TABLE))


def _name(entry: zipfile.ZipInfo) -> str:
    """The entry's path; macOS writes UTF-8 without the flag that says so (APPNOTE, appendix D)."""
    name = entry.filename
    if not entry.flag_bits & _UTF8_FLAG:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name)


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.replace("\\", "/").split("/")
    below = [part for part in parts if part not in ("", ".", "..")]
    return entry.is_dir() or not below or "__MACOSX" in below or any(part.startswith(".") for part in below)


def _load(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: ArchiveLimits) -> bytes:
    if entry.flag_bits & 1:
        raise Unreadable(Message(Code.ZIP_PASSWORD))
    if entry.compress_type not in _METHODS:
        raise Unreadable(Message(Code.ZIP_METHOD))
    limits.member.check_bytes(entry.file_size, dicom=True)
    if entry.file_size > max(_UNSUSPICIOUS, _HIGHEST_RATIO * entry.compress_size):
        raise Unreadable(Message(Code.ZIP_BOMB))
    try:
        with archive.open(entry) as packed:
            # One byte more than it claims tells a claim that is too low.
            data = packed.read(entry.file_size + 1)
    except Exception:
        raise Unreadable(Message(Code.ZIP_MEMBER_DAMAGED)) from None
    if is_archive(data[:4]):
        raise Unreadable(Message(Code.ZIP_NESTED))
    return data


def _refuse(message: Message) -> bytes:
    raise Unreadable(message)


_TOO_LARGE = partial(_refuse, Message(Code.ZIP_TOO_LARGE))

"""Uploaded files -> items of a session's shelf; one bad file never takes the page away."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from interface.components.images import for_display, pack, thumbnail, to_grey
from interface.core import queue
from interface.core.limits import ARCHIVE_LIMITS, read_guarded
from interface.core.session import MOST_ITEMS, Item, Read, Refused, Shelf
from model.files import zip
from model.messages import Code, Message
from model.reading.framing import frame
from model.reading.input_check import MENDING
from model.reading.radiograph import Radiograph
from model.reading.reader import REFUSED, Reader, Reading


class Upload(Protocol):
    """What is needed of Streamlit's uploaded file."""

    file_id: str
    name: str

    def getvalue(self) -> bytes:
        """The file's content."""


def take(shelf: Shelf, uploads: Iterable[Upload], reader: Reader) -> list[str]:
    """Read files, as many as a session keeps. Refusals of earlier files go: they have been seen.

    Each file waits for its own turn among those of all sessions, with a line on the page that says so.

    Args:
        shelf: where they are put.
        uploads: the files; a ZIP archive stands for the files in it.
        reader: of the loaded bundle.

    Returns:
        Ids of those that could be read.
    """
    for key in shelf.refusals():
        del shelf.items[key]
    taken: list[str] = []
    shelf.left_out = 0
    notice = queue.Notice()
    try:
        for key, name, load in files(uploads):
            if len(taken) == MOST_ITEMS:
                shelf.left_out += 1
                continue
            taken.append(key)
            shelf.put(key, read(name, load, reader, notice))
    finally:
        notice.clear()
    return [key for key in taken if key in shelf.readings()]


def files(uploads: Iterable[Upload], *, folders: bool = False) -> Iterator[tuple[str, str, zip.Load]]:
    """Uploads, and in place of a ZIP archive the files in it: id, name and what gives the content.

    Args:
        uploads: what the browser sent.
        folders: name the folder of a file in an archive too, as "folder/name".
    """
    for upload in uploads:
        data = upload.getvalue()
        if not zip.is_archive(data[:4]):
            yield upload.file_id, upload.name, upload.getvalue
            continue
        for number, (name, load) in enumerate(
            zip.members(upload.name, io.BytesIO(data), ARCHIVE_LIMITS, folders=folders)
        ):
            yield f"{upload.file_id}-{number}", name, load


def read(name: str, load: zip.Load, reader: Reader, notice: queue.Notice | None = None) -> Item:
    """A file -> an item, when its turn has come; never raises for what is in the file.

    Args:
        name: the file's name.
        load: gives its content, or raises Unreadable.
        reader: of the loaded bundle.
        notice: says on the page how long the line is.

    Returns:
        The item, refused with a message if the bytes are no radiograph that can be read.
    """
    with queue.turn(notice):
        return _item(name, *read_guarded(load, reader), reader)


def read_radiograph(name: str, radiograph: Radiograph, reader: Reader) -> Item:
    """A decoded picture -> an item, when its turn has come.

    Args:
        name: the file's name.
        radiograph: decoded.
        reader: of the loaded bundle.

    Returns:
        The item; one that only has to be turned or inverted brings the mended picture along.
    """
    with queue.turn():
        return _item(name, reader.read(radiograph), radiograph, reader)


def _item(name: str, reading: Reading, radiograph: Radiograph | None, reader: Reader) -> Item:
    if radiograph is None or reading.decision == REFUSED:
        return Refused(name, reading.reasons[0], _mend(radiograph, reading.kind) if radiograph else None)
    seen = frame(radiograph.preview, reading.box, reader.bundle.card.framing)[0, :, :, 0]
    picture = for_display(radiograph.pixels)
    spacing = radiograph.spacing_at(picture.shape[1])
    return Read(name, pack(picture), to_grey(seen), reading, spacing, thumbnail(picture))


def _mend(radiograph: Radiograph, kind: str) -> Radiograph | None:
    """The picture as it should have come, at the size of the display: a session must not keep many large ones."""
    if kind not in MENDING:
        return None
    turns, inverted = MENDING[kind]
    shown = for_display(radiograph.pixels).astype(np.float32)
    pixels = np.ascontiguousarray(np.rot90(255 - shown if inverted else shown, turns))
    note = Message(Code.INVERTED_FIRST if inverted else Code.TURNED_FIRST)
    notes = (*radiograph.notes, note)
    return Radiograph(pixels, radiograph.format, radiograph.sha256, notes, radiograph.spacing_at(shown.shape[1]))

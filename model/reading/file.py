"""The one way from a file to a Reading: load, decode, read; whatever is wrong with the file ends in a refusal."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace

from model.errors import Unreadable
from model.files.formats import DEFAULT_LIMITS, Limits
from model.reading.radiograph import Radiograph, decode
from model.reading.reader import Reader, Reading, refused


def read_file(
    load: Callable[[], bytes], reader: Reader, operating_point: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> tuple[Reading, Radiograph | None]:
    """Read one file.

    Args:
        load: gives the file's content, or raises Unreadable.
        reader: with the bundle.
        operating_point: name of one of the card's; default is the card's own choice.
        limits: of the file's bytes and pixels.

    Returns:
        The reading, with the seconds that all of it took, and the decoded picture; None where it could not be decoded.

    Raises:
        RemoteError: the file lies in a storage that does not answer.
        BundleError: there is no such operating point.
    """
    start, data = time.perf_counter(), b""
    try:
        data = load()
        radiograph = decode(data, limits)
    except Unreadable as error:
        # A radiograph carries the hash of its file; here there is none.
        sha256 = hashlib.sha256(data).hexdigest() if data else ""
        return refused(error.message, reader.bundle.card.title, sha256, time.perf_counter() - start), None
    reading = reader.read(radiograph, operating_point)
    return replace(reading, seconds=time.perf_counter() - start), radiograph

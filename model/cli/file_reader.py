"""One file of an archive -> its reading; whatever is wrong with it ends in a refusal and never ends the run."""

from __future__ import annotations

import dataclasses
import hashlib
import time

from model.files.zip import Load
from model.reading.radiograph import Radiograph, Unreadable, decode
from model.reading.reader import Reader, Reading, refused


def read_file(load: Load, reader: Reader, operating_point: str | None = None) -> tuple[Reading, Radiograph | None]:
    """Read one file.

    Args:
        load: gives the file's content, or raises Unreadable.
        reader: with the bundle.
        operating_point: name of one of the card's; default is the card's own choice.

    Returns:
        The reading, with the seconds that all of it took, and the decoded picture; None where it was refused before
        the network saw it.

    Raises:
        RemoteError: the file lies in a storage that does not answer.
        BundleError: there is no such operating point.
    """
    start, sha256 = time.perf_counter(), ""
    try:
        data = load()
        sha256 = hashlib.sha256(data).hexdigest()
        radiograph = decode(data)
        reading = reader.read(radiograph, operating_point)
    except Unreadable as error:
        return refused(error, reader.bundle.card.title, sha256, time.perf_counter() - start), None
    return dataclasses.replace(reading, seconds=time.perf_counter() - start), radiograph

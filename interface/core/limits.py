"""What one visitor may take of a server that many share: the size of an archive, time and memory for one picture."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from interface.core.memory import make_sure_of_room
from interface.core.settings import number
from model.errors import Unreadable
from model.files.formats import MEGA
from model.files.zip import ArchiveLimits
from model.messages import Code, Message
from model.reading.radiograph import Radiograph
from model.reading.reader import Reader, Reading, read_file, refused

SECONDS, MOST_SECONDS = "CXR_SECONDS_PER_PICTURE", 20.0
MOST_GIVEN_UP = 4
# A class of students brings a few hundred pictures; Python makes an object of every entry of the table of contents.
ARCHIVE_LIMITS = ArchiveLimits(members=500, bytes=4000 * MEGA, table_bytes=MEGA)
_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


def read_guarded(
    load: Callable[[], bytes], reader: Reader, operating_point: str | None = None
) -> tuple[Reading, Radiograph | None]:
    """`read_file` as a server does it: in limited time and memory, and without an exception for any file.

    Whoever calls it has the turn of the queue.

    Args:
        load: gives the file's content, or raises Unreadable.
        reader: of the loaded bundle.
        operating_point: name of one of the card's; default is the card's own choice.

    Returns:
        The reading, and the decoded picture; None where it could not be decoded.
    """
    title = reader.bundle.card.title
    try:
        return in_time(lambda: read_file(load, reader, operating_point))
    except Unreadable as error:
        return refused(error.message, title), None
    except Exception:
        # Without this Streamlit would show a traceback. No file name goes to the log.
        _LOG.exception("a file could not be read")
        return refused(Message(Code.PROGRAM_FAULT), title), None


class GivenUp:
    """Threads that were given up and still run; each has a core and one picture's memory until it comes to its end."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def add(self, thread: threading.Thread) -> None:
        """Remember a thread."""
        with self._lock:
            self._threads.append(thread)

    def count(self) -> int:
        """How many of them still run."""
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            return len(self._threads)


GIVEN_UP = GivenUp()


def in_time(work: Callable[[], _Result], given_up: GivenUp = GIVEN_UP) -> _Result:
    """Do something that a file could make last for ever, such as decoding it, and give it up after a while.

    The limit is CXR_SECONDS_PER_PICTURE, or else 20 s. Python can't end a thread, so one that was given up goes on
    beside the others until it comes to its end; it does, because bytes and pixels are limited, and it ends with the
    process at the latest. There are at most `MOST_GIVEN_UP` of them: while so many run, further files are refused
    with a sentence and not begun, so that a visitor with such files takes a few cores for a while and no more.

    Args:
        work: what to do.
        given_up: where a thread goes that took too long.

    Returns:
        What it returns.

    Raises:
        Unreadable: it took too long, or too many others still do, or the server holds more than it may. What `work`
            raises is raised too.
    """
    make_sure_of_room()
    if given_up.count() >= MOST_GIVEN_UP:
        raise Unreadable(Message(Code.SERVER_BUSY))
    results: list[_Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            failures.append(error)

    seconds = number(SECONDS, MOST_SECONDS, 0.01)
    thread = threading.Thread(target=run, name="decoding", daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        try:
            raise failures[0]
        finally:
            # The trace holds this frame: without the list it would hold itself, and the file, until the next sweep.
            failures.clear()
    if not results:
        given_up.add(thread)
        raise Unreadable(Message(Code.TOO_SLOW, seconds=Decimal(f"{seconds:g}")))
    return results.pop()

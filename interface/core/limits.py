"""What one visitor may take of a server that many share: time for one picture, and room for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from interface.core.language import mark
from interface.core.memory import make_sure_of_room
from interface.core.settings import number
from model.files.formats import Unreadable

SECONDS, MOST_SECONDS = "CXR_SECONDS_PER_PICTURE", 20.0
# Decoders that were given up and still run; each has a core and one picture's memory until it comes to its end.
MOST_GIVEN_UP = 4
BUSY = mark(
    "The server is still busy with other files that take too long to unpack, so this one was not begun: choose it "
    "again in a minute."
)
_Result = TypeVar("_Result")
_given_up: list[threading.Thread] = []


def in_time(work: Callable[[], _Result]) -> _Result:
    """Do something that a file could make last for ever, such as decoding it, and give it up after a while.

    The limit is CXR_SECONDS_PER_PICTURE, or else 20 s. Python can't end a thread, so one that was given up goes on
    beside the others until it comes to its end; it does, because bytes and pixels are limited, and it ends with the
    process at the latest. There are at most `MOST_GIVEN_UP` of them: while so many run, further files are refused
    with a sentence and not begun, so that a visitor with such files takes a few cores for a while and no more.

    Args:
        work: what to do.

    Returns:
        What it returns.

    Raises:
        Unreadable: it took too long, or too many others still do, or the server holds more than it may. What `work`
            raises is raised too.
    """
    make_sure_of_room()
    _given_up[:] = [thread for thread in _given_up if thread.is_alive()]
    if len(_given_up) >= MOST_GIVEN_UP:
        raise Unreadable(BUSY)
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
        _given_up.append(thread)
        raise Unreadable(
            f"Unpacking this file took more than {seconds:g} s and was given up: save the picture smaller, or as PNG, "
            "and choose that."
        )
    return results.pop()

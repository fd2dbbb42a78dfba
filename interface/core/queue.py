"""One reading at a time for the whole server, first come first served, and a line on the page of those who wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from interface.core import streamlit_internals
from interface.core.language import ntr
from interface.core.settings import number

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

AT_ONCE = "CXR_READINGS_AT_ONCE"
# Seconds before a wait is worth a word, and between two looks at whether the visitor is still there.
PATIENCE = 0.5


class Turns:
    """A line of those who want to read; the first few of it may.

    A turn is for one picture. A session with ten rejoins the queue after each, so that nobody waits for the whole
    of another's upload.
    """

    def __init__(self, at_once: int = 1) -> None:
        """Args: at_once: how many may read at the same time."""
        self._at_once = at_once
        self._line: list[object] = []
        self._moved = threading.Condition()

    def __len__(self) -> int:
        """How many read or wait."""
        with self._moved:
            return len(self._line)

    @contextmanager
    def take(self, waiting: Callable[[int], None]) -> Iterator[None]:
        """Wait in line, have the turn for the length of the block, and give it back however the block ends.

        Args:
            waiting: told every `PATIENCE` seconds how many readings come before this one. What it raises ends the
                wait: Streamlit stops the script of a visitor who went away by raising in a call that draws.

        Yields:
            Nothing, when the turn has come.
        """
        place = object()
        with self._moved:
            self._line.append(place)
        try:
            while (ahead := self._ahead(place)) >= self._at_once:
                waiting(ahead)
            yield
        finally:
            with self._moved:
                self._line.remove(place)
                self._moved.notify_all()

    def _ahead(self, place: object) -> int:
        """How many stand before; returns when the turn has come, at the latest after `PATIENCE`."""
        with self._moved:
            self._moved.wait_for(lambda: self._line.index(place) < self._at_once, PATIENCE)
            return self._line.index(place)


class Notice:
    """The line "Waiting: 3 readings before yours" on the page of a visitor, drawn from the run of the script."""

    def __init__(self) -> None:
        self._place: DeltaGenerator | None = None

    def __call__(self, ahead: int) -> None:
        """Say how many readings come first; raises StopException where the visitor went away."""
        if streamlit_internals.can_draw():
            streamlit_internals.put_off_clicks(lambda: self._draw(_waiting(ahead)))

    def clear(self) -> None:
        """Take the line away."""
        if self._place is not None:
            streamlit_internals.put_off_clicks(self._place.empty)
            self._place = None

    def _draw(self, text: str) -> None:
        if self._place is None:
            self._place = st.empty()
        self._place.info(text, icon=":material/hourglass_top:")


def _waiting(ahead: int) -> str:
    """The line; called where a click is put off, as to look up the session's language raises for it too."""
    return ntr("Waiting: {count} reading before yours.", "Waiting: {count} readings before yours.", ahead)


TURNS = Turns(int(number(AT_ONCE, 1, 1)))


@contextmanager
def turn(notice: Notice | None = None) -> Iterator[None]:
    """A turn to decode and read one picture, among all sessions of the server.

    Args:
        notice: that says how long the line is; by default one that is gone when the turn is over.

    Yields:
        Nothing, when the turn has come.
    """
    shown = Notice() if notice is None else notice
    try:
        with TURNS.take(shown):
            yield
    finally:
        if notice is None:
            shown.clear()

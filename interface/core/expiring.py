"""Values in the server's memory under random keys, bounded in number and bytes, and forgotten when nobody uses them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Full(Exception):
    """There is no room for a further value."""


@dataclass
class _Entry(Generic[Value]):
    value: Value
    size: int
    used: float


class Expiring(Generic[Value]):
    """A store for all sessions of a server; safe to use from several threads.

    Args:
        new_key: makes a random key. Whoever knows a key gets the value, so it has to be hard to guess.
        most: values at a time.
        most_bytes: that all values may have together.
        seconds: without use, after which a value is forgotten.
        evict: forget the value that was not used for the longest time where there is no room; otherwise `put` fails.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        new_key: Callable[[], str],
        most: int,
        most_bytes: int,
        seconds: float,
        *,
        evict: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._new_key, self._most, self._most_bytes, self._seconds = new_key, most, most_bytes, seconds
        self._evict, self._clock = evict, clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry[Value]] = OrderedDict()
        self._sweeper: threading.Timer | None = None

    def __len__(self) -> int:
        """How many values there are."""
        with self._lock:
            self._forget_old()
            return len(self._entries)

    def put(self, value: Value, size: int) -> str:
        """Keep a value.

        Args:
            value: what to keep.
            size: its bytes.

        Returns:
            A new key.

        Raises:
            Full: it is too large, or there is no room and nothing may be evicted.
        """
        with self._lock:
            self._forget_old()
            while self._entries and self._evict and not self._fits(size):
                self._entries.popitem(last=False)
            if not self._fits(size):
                raise Full
            key = self._new_key()
            while key in self._entries:
                key = self._new_key()
            self._entries[key] = _Entry(value, size, self._clock())
            self._sweep_later()
            return key

    def get(self, key: str | None, *, use: bool = True) -> Value | None:
        """The value of a key; None where there is none, or no longer.

        Args:
            key: as `put` returned it.
            use: whether this counts as a use, which keeps the value for longer.
        """
        with self._lock:
            self._forget_old()
            entry = self._entries.get(key or "")
            if entry is None:
                return None
            if use:
                entry.used = self._clock()
                self._entries.move_to_end(key or "")
            return entry.value

    def drop(self, key: str) -> None:
        """Forget a value now."""
        with self._lock:
            self._entries.pop(key, None)

    def _fits(self, size: int) -> bool:
        taken = sum(entry.size for entry in self._entries.values())
        return len(self._entries) < self._most and taken + size <= self._most_bytes

    def _forget_old(self) -> None:
        # In the order of their last use: the first that is young enough ends the search.
        while self._entries:
            key = next(iter(self._entries))
            if self._clock() - self._entries[key].used <= self._seconds:
                return
            del self._entries[key]

    def _sweep_later(self) -> None:
        """Forget old values also where nobody asks for one: pictures must not stay until the next visitor comes."""
        if self._sweeper is None:
            self._sweeper = threading.Timer(self._seconds + 1, self._sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def _sweep(self) -> None:
        with self._lock:
            self._sweeper = None
            self._forget_old()
            if self._entries:
                self._sweep_later()

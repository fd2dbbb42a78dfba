"""One reader a thread, all with the same network: two that run side by side read more than one that both share."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from model.reading import bundle as bundles
from model.reading.card import chosen, read_card, read_model
from model.reading.reader import Reader

# Each takes about 60 MB, and more cores than this wait for the files.
MOST = 4


def at_once() -> int:
    """How many files to work on at a time: one a core, and two on one core, as a file has to be fetched too."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(cores, 2), MOST)


class Readers:
    """Readers of one bundle, which is read from the disk once."""

    def __init__(self, path: Path | str | None = None) -> None:
        """Read the bundle and build the first reader.

        Args:
            path: as `bundle.load` takes it.

        Raises:
            BundleError: it can't be used.
        """
        self._folder = chosen(path)
        self.card = read_card(self._folder)
        self._model = read_model(self._folder, self.card)
        self._spare = [self._build()]
        self._own = threading.local()

    def own(self) -> Reader:
        """The calling thread's reader, built when it first asks.

        Raises:
            BundleError: what stands beside the network was changed meanwhile.
        """
        found: Reader | None = getattr(self._own, "reader", None)
        if found is None:
            try:
                found = self._spare.pop()
            except IndexError:
                found = self._build()
            self._own.reader = found
        return found

    def _build(self) -> Reader:
        # One thread each: together they keep the cores busy, and none waits for the other half of its own work.
        return Reader(bundles.build(self._folder, self.card, self._model, threads=1))

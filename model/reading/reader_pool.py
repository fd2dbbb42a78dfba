"""One reader per thread, all with the same network: two at a time read more images than threads that share one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from model.reading import bundle as bundles
from model.reading.card import chosen, read_card, read_model
from model.reading.reader import Reader

# Each takes about 60 MB, and more cores than this wait for the files.
MOST_READERS = 4


def readers_at_once() -> int:
    """How many files to work on at a time: one per core, and two on one core, as files have to be loaded too."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(cores, 2), MOST_READERS)


class ReaderPool:
    """Readers of one bundle, whose card and network are read from the disk once.

    Attributes:
        card: of the bundle.
    """

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
        self._unused = [self._build()]
        self._of_thread = threading.local()

    def get(self) -> Reader:
        """The reader of the calling thread, built at its first call.

        Raises:
            BundleError: an auxiliary file of the bundle changed since the card was read.
        """
        reader: Reader | None = getattr(self._of_thread, "reader", None)
        if reader is None:
            try:
                reader = self._unused.pop()
            except IndexError:
                reader = self._build()
            self._of_thread.reader = reader
        return reader

    def _build(self) -> Reader:
        # One thread each: together they use all cores, and none waits for the other half of its own work.
        return Reader(bundles.build(self._folder, self.card, self._model, threads=1))

"""Keep what decoders have to say out of logs and the terminal: their warnings can quote a patient's tags."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_depth = 0
_saved = warnings.catch_warnings()


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore Python's warnings inside the block, in all threads.

    `warnings.catch_warnings` alone restores the wrong filters when two threads leave in the order they came;
    here the first one in saves and the last one out restores.
    """
    global _depth, _saved
    with _lock:
        if _depth == 0:
            _saved = warnings.catch_warnings()
            _saved.__enter__()
            warnings.simplefilter("ignore")
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _saved.__exit__(None, None, None)

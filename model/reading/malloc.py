"""How the C library keeps memory: a reader that has read a large picture must not hold its memory for ever."""

from __future__ import annotations

import ctypes
import sys

# Of mallopt(3).
_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


def give_freed_memory_back() -> None:
    """Let glibc return the memory of pictures as soon as they are freed; call it once in a process that reads.

    It raises the size from which it asks the system for a block of its own up to 32 MB as such blocks are freed, and
    keeps smaller ones: after ten radiographs of 15 MB as floats the app's server held 130 MB more than it used. A
    fixed size of 1 MB stops that. Other C libraries have no such call and need none.
    """
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)

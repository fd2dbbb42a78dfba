"""A watch on the server's memory: rather one file refused with a sentence than the server killed for all."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from interface.core.settings import number
from model.errors import Unreadable
from model.messages import Code, Message

MEGABYTES = "CXR_MEMORY_MEGABYTES"
# Of what a container may have; the rest is for one large picture that is being unpacked, and for the system.
SHARE = 0.8
# Where Linux says what a control group may have, version 2 and version 1.
_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_OWN = Path("/proc/self/statm")
# Version 1 writes a huge number where there is no limit.
_NO_LIMIT = 1 << 50


def limit() -> float | None:
    """Megabytes (of 1,000,000 bytes) that the server may have: CXR_MEMORY_MEGABYTES, else a share of its container's.

    Returns:
        The limit; None where nothing limits it.
    """
    if given := number(MEGABYTES, 0, 0):
        return given
    for path in _GROUP_LIMITS:
        try:
            allowed = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if allowed.isdigit() and int(allowed) < _NO_LIMIT:
            return SHARE * int(allowed) / 1e6
    return None


def resident() -> float | None:
    """Megabytes that this process holds; None where the system does not say so (it does on Linux)."""
    try:
        pages = int(_OWN.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def make_sure_of_room() -> None:
    """Refuse a file while the server holds more than it may.

    Raises:
        Unreadable: with a sentence for the visitor.
    """
    allowed = limit()
    if allowed is None or (resident() or 0.0) <= allowed:
        return
    # Sessions that ended can wait in circles of references for Python's collector.
    gc.collect()
    if (resident() or 0.0) > allowed:
        raise Unreadable(Message(Code.SERVER_FULL))

"""How much of the processor went to others while something was measured: a busy machine makes every figure worse."""

from __future__ import annotations

import os
import resource
from pathlib import Path

STAT = Path("/proc/stat")


class Bystanders:
    """Starts to look when it is made."""

    def __init__(self) -> None:
        self._busy, self._own, self._all = _busy(), _own(), _all()

    def share(self) -> float | None:
        """The share since then, 0 to 1; None where the system does not tell.

        Children count as others' until they have ended.
        """
        if not STAT.exists() or (passed := _all() - self._all) <= 0:
            return None
        return round(max(0.0, (_busy() - self._busy) - (_own() - self._own)) / passed, 3)


def _own() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _fields() -> list[float]:
    if not STAT.exists():
        return [0.0] * 8
    ticks = STAT.read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
    return [int(tick) / os.sysconf("SC_CLK_TCK") for tick in ticks]


def _busy() -> float:
    """Seconds in which a core worked: user, nice, system, interrupts and what the host took."""
    fields = _fields()
    return sum(fields) - fields[3] - fields[4]


def _all() -> float:
    return sum(_fields())

"""A limit on the memory of a program that is measured: a control group of Linux, where one can be made."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Runs before the program, in its process: what it allocates before it enters the group would not count.
_ENTER = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"


@dataclass
class Limit:
    """How a program's memory is bounded.

    Attributes:
        how: in words.
        group: folder of the control group; None where its resident memory is only watched.
        names: of the group's files, for version 1 or 2: highest use, and the one with the number of kills.
    """

    how: str
    group: Path | None = None
    names: tuple[str, str] = ("", "")

    def inside(self, program: list[str]) -> list[str]:
        """The command that runs a program under the limit; its first word is the path of a Python."""
        if self.group is None:
            return program
        return [sys.executable, "-c", _ENTER, str(self.group / "cgroup.procs"), *program]

    def found(self) -> dict[str, Any]:
        """What the group counted, page cache included, which is dropped before anything is killed."""
        if self.group is None:
            return {}
        peak = int((self.group / self.names[0]).read_text()) / 1e6
        lines = (self.group / self.names[1]).read_text().splitlines()
        kills = next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
        return {"peak_mb_with_page_cache": round(peak, 1), "kills": kills}


@contextmanager
def limited(megabytes: int) -> Iterator[Limit]:
    """Make a control group with a limit, or say that there is none; it is removed at the end, when it is empty.

    Args:
        megabytes: of 1,000,000 bytes.
    """
    top = Path("/sys/fs/cgroup")
    for parent, settings, names, version in (
        (top / "memory", {"memory.limit_in_bytes": megabytes, "memory.swappiness": 0},
         ("memory.max_usage_in_bytes", "memory.oom_control"), 1),
        (top, {"memory.max": megabytes, "memory.swap.max": 0}, ("memory.peak", "memory.events"), 2),
    ):  # fmt: skip
        group = parent / f"cxr-cloud-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            for name, value in settings.items():
                (group / name).write_text(str(value * 1_000_000))
        except OSError:
            group.rmdir()
            continue
        try:
            yield Limit(f"control group (version {version}) with {megabytes} MB and no swap", group, names)
        finally:
            # The last process needs a moment to be gone.
            for _ in range(50):
                try:
                    group.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)
        return
    yield Limit(f"none could be set: the highest resident memory is compared with {megabytes} MB")

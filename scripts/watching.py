"""What a Python process opens and whom it calls: an audit hook (PEP 578) put into a program from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Python imports a module of this name, if there is one, before the program begins.
_HOOK = """
import os, sys
log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def watch(event, arguments):
    if event == "open" and not isinstance(arguments[0], int):
        path, _, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        os.write(log, f"{{'w' if writes else 'r'}} {{os.fsdecode(path)}}\\n".encode(errors="replace"))
    elif event == "socket.connect":
        os.write(log, f"c {{arguments[1]}}\\n".encode())
sys.addaudithook(watch)
"""


@dataclass(frozen=True)
class Watch:
    """Give `environment` to the process.

    Attributes:
        environment: variables to add.
        log: what was opened or called, one line each.
    """

    environment: dict[str, str]
    log: Path

    def written(self) -> list[str]:
        """Paths that were opened for writing, temporary files without a name by their folder."""
        return self._opened("w ")

    def read(self, name: str) -> int:
        """How often files of this name were opened for reading."""
        return sum(Path(path).name == name for path in self._opened("r "))

    def called(self) -> list[str]:
        """Addresses that the process itself connected to."""
        return self._opened("c ")

    def _opened(self, kind: str) -> list[str]:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return [line[2:] for line in lines if line.startswith(kind) and line[2:] != "/dev/null"]


def watch(folder: Path) -> Watch:
    """Prepare to watch a process.

    Args:
        folder: empty, for the hook and its log.

    Returns:
        What to start the process with, and what will have been seen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "opened.log"
    (folder / "sitecustomize.py").write_text(_HOOK.format(log=str(log)), encoding="utf-8")
    # Compiled modules are written at the first import and are no news.
    return Watch({"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}, log)

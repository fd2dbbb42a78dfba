"""What the container's files say, and its commands run without Docker on a copy of what the image would hold."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PORT = "8501"


@dataclass(frozen=True)
class Image:
    """The Dockerfile.

    Attributes:
        instructions: name and rest of each, in their order; lines that go on are joined.
    """

    instructions: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """The rests of every instruction of this name."""
        return [rest for found, rest in self.instructions if found == name]

    @property
    def command(self) -> list[str]:
        """What it runs."""
        (found,) = self.all("CMD")
        return [str(word) for word in json.loads(found)]

    @property
    def health_check(self) -> list[str]:
        """What tells whether it is well."""
        (found,) = self.all("HEALTHCHECK")
        return [str(word) for word in json.loads(found.split("CMD", 1)[1])]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it sets."""
        return dict(word.split("=", 1) for rest in self.all("ENV") for word in shlex.split(rest))

    @property
    def sources(self) -> list[str]:
        """What it copies from the repository."""
        return [source for rest in self.all("COPY") for source in rest.split()[:-1]]

    def copy_into(self, folder: Path) -> None:
        """Do what its COPY instructions do."""
        for rest in self.all("COPY"):
            *sources, target = rest.split()
            for source in sources:
                to = folder / target / Path(source).name if target.endswith("/") else folder / target
                to.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy2(ROOT / source, to)


def read_image() -> Image:
    """Read the Dockerfile."""
    text = re.sub(r"^#.*\n", "", (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"), flags=re.M)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return Image(tuple((name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)))


@dataclass(frozen=True)
class Container:
    """A running copy.

    Attributes:
        port: where it answers, on this machine alone.
        process: of the server.
        folder: what the image would hold.
        image: that it was made of.
        environment: of its processes.
    """

    port: int
    process: subprocess.Popen[bytes]
    folder: Path
    image: Image
    environment: dict[str, str]

    def is_healthy(self) -> bool:
        """What the image's own check says."""
        command = _here(self.image.health_check, self.port)
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True).returncode == 0


@contextmanager
def run(image: Image, folder: Path, home: Path, port: int, patience: float = 120) -> Iterator[Container]:
    """Run the image's command in a folder until the block ends.

    Args:
        image: the Dockerfile.
        folder: with what it copies.
        home: stands for the container's /tmp.
        port: a free one.
        patience: seconds until the health check has to succeed.
    """
    set_there = {name: str(home) if value == "/tmp" else value for name, value in image.environment.items()}
    environment = os.environ | set_there | {"TMPDIR": str(home)}
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            _here(image.command, port), cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    container = Container(port, process, folder, image, environment)
    try:
        end = time.monotonic() + patience
        while not container.is_healthy():
            assert process.poll() is None and time.monotonic() < end, (home / "log.txt").read_text(errors="replace")
            time.sleep(0.1)
        yield container
    finally:
        process.terminate()
        process.wait(30)


def _here(command: list[str], port: int) -> list[str]:
    """The container's command with this environment's Python, on a port of this machine alone."""
    assert command[0] == "python"
    words = [word.replace(PORT, str(port)).replace("0.0.0.0", "127.0.0.1") for word in command[1:]]
    assert words != command[1:], f"the command names no port {PORT}"
    return [sys.executable, *words]

"""`python -m model read` as people run it: the first reading of a process, and a folder of JPEG files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

from benchmarks import images
from studies.engines.process import ROOT, environment

FEW = 16


def first_readings(runs: int) -> list[float]:
    """Seconds from the start of a process to the line with the reading of one PNG file.

    Args:
        runs: processes, one after the other.

    Returns:
        One number a process.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.png"
        path.write_bytes(images.as_png(images.sample()))
        return [_seconds([str(path)], until_line=True) for _ in range(runs)]


def jpeg_seconds(files: Path, count: int) -> tuple[float, int]:
    """Seconds a JPEG file once the reader runs: many files less a few, so that the start does not count.

    Args:
        files: folder with the list of files that the engines read too.
        count: of the files.

    Returns:
        Seconds a picture, and how many were read.
    """
    paths = json.loads((files / "paths.json").read_text(encoding="utf-8"))[: count + FEW]
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for name, part in (("few", paths[:FEW]), ("many", paths)):
            there = Path(folder) / name
            there.mkdir()
            for path in part:
                shutil.copy(path, there)
            times.append(_seconds([str(there), "--out", str(Path(folder) / f"{name}.jsonl")]))
    return (times[1] - times[0]) / (len(paths) - FEW), len(paths) - FEW


def _seconds(arguments: list[str], *, until_line: bool = False) -> float:
    began = monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "model", "read", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        if until_line:
            line = process.stdout.readline()
            seconds = monotonic() - began
            if not json.loads(line)["scores"]:
                raise RuntimeError("The sample radiograph was refused: there is no reading to time.")
        else:
            process.wait()
            seconds = monotonic() - began
    if process.returncode:
        raise RuntimeError(f"python -m model read ended with exit code {process.returncode}")
    return seconds

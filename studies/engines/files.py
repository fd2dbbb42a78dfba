"""This project's reader on files: `python -m model read` as people run it, and DICOM files against pydicom.

The DICOM files are decoded in a process: `python -m studies.engines.files ROUNDS` prints JSON.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import cv2
import numpy as np
from pydicom import dcmread
from pydicom.pixels import apply_rescale, apply_voi_lut
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEG2000Lossless, RLELossless

from benchmarks import images, machine
from model.errors import Unreadable
from model.files.formats import DEFAULT_LIMITS
from model.reading.radiograph import decode
from studies.engines.ways import THREADS
from studies.engines.worker import ROOT, environment

FEW = 16
OURS = "this project"


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


def main() -> None:
    """Measure every way of storing the sample that pydicom can write here."""
    cv2.setNumThreads(THREADS)
    rounds = int(sys.argv[1])
    print(json.dumps({name: _compare(data, rounds) for name, data in _files().items()}))


def _files() -> dict[str, bytes]:
    """The sample radiograph, uncompressed and compressed."""
    stored = {"uncompressed": images.sample()}
    for name, syntax in (("RLE", RLELossless), ("JPEG 2000", JPEG2000Lossless)):
        dataset = dcmread(io.BytesIO(stored["uncompressed"]))
        dataset.compress(syntax)
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        stored[name] = buffer.getvalue()
    return stored


def _compare(data: bytes, rounds: int) -> dict[str, Any]:
    try:
        decode(data, DEFAULT_LIMITS)
    except Unreadable as error:
        return {"problem": str(error)}
    dataset = dcmread(io.BytesIO(data))
    plugins = get_decoder(dataset.file_meta.TransferSyntaxUID).available_plugins or ("",)
    runs: dict[str, Callable[[], object]] = {OURS: lambda: decode(data, DEFAULT_LIMITS)}
    for plugin in plugins:
        name = f"pydicom {plugin}".strip()
        runs[name] = partial(_by_pydicom, data, plugin, window=True)
        runs[f"{name}, values alone"] = partial(_by_pydicom, data, plugin, window=False)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    order = random.Random(0)
    for number in range(rounds + 1):
        for name in order.sample([*runs], len(runs)):
            start = perf_counter()
            runs[name]()
            if number:  # the first one warms up
                seconds[name].append(perf_counter() - start)
    whole = [name for name in runs if name != OURS and not name.endswith("alone")]
    best = min(whole, key=lambda name: float(np.median(seconds[name])))
    values = min((set(runs) - {OURS, *whole}), key=lambda name: float(np.median(seconds[name])))
    return {
        "best": best,
        "milliseconds": {name: machine.spread(runs_of) for name, runs_of in seconds.items()},
        "ratio": machine.ratio(seconds[OURS], seconds[best]),
        "ratio_to_values_alone": machine.ratio(seconds[OURS], seconds[values]),
    }


def _by_pydicom(data: bytes, plugin: str, *, window: bool) -> object:
    """What its documentation shows: read, unpack, rescale, window."""
    dataset = dcmread(io.BytesIO(data))
    dataset.pixel_array_options(decoding_plugin=plugin)
    values = dataset.pixel_array
    return apply_voi_lut(apply_rescale(values, dataset), dataset) if window else values


if __name__ == "__main__":
    main()

"""DICOM file -> windowed grey picture: this project against pydicom with its quickest plugin; prints JSON.

A process of its own: `python -m studies.engines.dicom ROUNDS`.
"""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter
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

OURS = "this project"


def main() -> None:
    """Measure every way of storing the sample that pydicom can write here."""
    cv2.setNumThreads(THREADS)
    rounds = int(sys.argv[1])
    print(json.dumps({name: _compare(data, rounds) for name, data in _files().items()}))


def _files() -> dict[str, bytes]:
    """The sample radiograph, uncompressed and compressed."""
    found = {"uncompressed": images.sample()}
    for name, syntax in (("RLE", RLELossless), ("JPEG 2000", JPEG2000Lossless)):
        dataset = dcmread(io.BytesIO(found["uncompressed"]))
        dataset.compress(syntax)
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        found[name] = buffer.getvalue()
    return found


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
        "milliseconds": {name: machine.spread(found) for name, found in seconds.items()},
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

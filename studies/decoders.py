"""Which decoders give every pixel right, and how fast: those of `model/files` and those that pydicom can call.

Usage: python -m studies.decoders

Families and depths of DICOM's compressed syntaxes, PNG and JPEG: a radiograph is compressed without loss where the
family can, decoded by each package in turn, and compared. The calls are interleaved in one run, since the machine is
seldom quiet; a ratio is the median of the rounds'. Packages that are not installed are left out: pylibjpeg's three
(that for JPEG under GPL-3.0) are no part of the project any more.
"""

from __future__ import annotations

import importlib.util
import io
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs as _imagecodecs
import numpy as np
from PIL import Image

from benchmarks import machine
from model.files.dicom.codecs import run_lengths
from model.files.pictures import jpeg
from model.reading.radiograph import decode, to_input
from scripts.fuzz import formats, seeds

imagecodecs: Any = _imagecodecs
RESULTS = Path(__file__).with_suffix(".json")
SIDE, ROUNDS = 1792, 9
Decode = Callable[[bytes], np.ndarray]


def main() -> None:
    """Measure and write `studies/decoders.json`."""
    sample = next(seed.data for seed in seeds.collect() if seed.name == "RG1_UNCR.dcm")
    small = to_input(decode(sample).pixels, SIDE)[0, :, :, 0]
    grey = np.clip(np.rint(small + np.random.default_rng(0).normal(0, 1, small.shape)), 0, 255).astype(np.uint8)
    rows = []
    for family, bits, stream, expected in streams(grey):
        table = {name: call for name, (families, call) in decoders().items() if family in families}
        rows.append({"family": family, "bits": bits, **compare(stream, expected, table)})
        print(json.dumps(rows[-1]))
    content = {"machine": machine.describe(), "pixels": [SIDE, SIDE], "rounds": ROUNDS, "rows": rows}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def streams(grey: np.ndarray) -> list[tuple[str, int, bytes, np.ndarray]]:
    """(family, bits, stream, pixels)."""
    deep = {8: grey, 12: formats.deep(grey, 12), 16: grey.astype(np.uint16) * 257}
    rows = [("JPEG", 8, formats.encode(grey, "JPEG", quality=95), grey), ("PNG", 8, formats.encode(grey, "PNG"), grey)]
    twelve = imagecodecs.jpeg8_encode(deep[12], level=98, bitspersample=12)
    rows.append(("JPEG extended", 12, twelve, deep[12]))
    for bits, pixels in deep.items():
        rows += [
            ("JPEG Lossless", bits, imagecodecs.jpeg8_encode(pixels, lossless=True, bitspersample=bits), pixels),
            ("JPEG-LS", bits, imagecodecs.jpegls_encode(pixels), pixels),
            ("JPEG 2000", bits, imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", level=0), pixels),
            ("HTJ2K", bits, imagecodecs.htj2k_encode(pixels), pixels),
            ("RLE", bits, formats.run_lengths(pixels), pixels),
        ]
    return rows


def decoders() -> dict[str, tuple[set[str], Decode]]:
    """The families that a decoder is for, and how to call it; the first of a family is the project's."""
    jpegs = {"JPEG", "JPEG extended", "JPEG Lossless"}
    callables: dict[str, tuple[set[str], Decode]] = {
        "model.files.pictures.jpeg": (jpegs, jpeg.decode),
        "imagecodecs jpegls": ({"JPEG-LS"}, imagecodecs.jpegls_decode),
        "imagecodecs jpeg2k": ({"JPEG 2000", "HTJ2K"}, imagecodecs.jpeg2k_decode),
        "imagecodecs png": ({"PNG"}, imagecodecs.png_decode),
        "Pillow": ({"JPEG", "PNG"}, lambda stream: np.asarray(Image.open(io.BytesIO(stream)))),
    }
    if importlib.util.find_spec("rle"):
        from rle.utils import decode_frame

        def rust(stream: bytes) -> np.ndarray:
            segments = int.from_bytes(stream[:4], "little")
            pixels = np.frombuffer(decode_frame(stream, SIDE * SIDE, 8 * segments, "<"), f"<u{segments}")
            return pixels.reshape(SIDE, SIDE)

        callables["pylibjpeg-rle"] = ({"RLE"}, rust)
    callables["imagecodecs packbits"] = ({"RLE"}, packed_bits)
    for package, families in (("libjpeg", jpegs | {"JPEG-LS"}), ("openjpeg", {"JPEG 2000", "HTJ2K"})):
        if importlib.util.find_spec(package):
            callables[f"pylibjpeg-{package}"] = (families, importlib.import_module(package).decode)
    return callables


def packed_bits(stream: bytes) -> np.ndarray:
    """Run lengths of one sample a pixel."""
    return run_lengths(stream, SIDE, SIDE, 1, 8 * int.from_bytes(stream[:4], "little"))


def compare(stream: bytes, expected: np.ndarray, table: dict[str, Decode]) -> dict[str, Any]:
    """Whether pixels are right, and the median ratio of processor time to that of the first decoder."""
    seconds: dict[str, list[float]] = {name: [] for name in table}
    apart: dict[str, int | str] = {}
    for turn in range(ROUNDS):
        for name, call in table.items():
            try:
                before = time.process_time()
                pixels = call(stream)
                seconds[name].append(time.process_time() - before)
            except Exception as error:  # a decoder that can't is a result
                apart[name] = type(error).__name__
                continue
            if not turn:
                apart[name] = int(np.abs(np.asarray(pixels).astype(np.int64) - expected).max())
    first = next(iter(table))
    return {
        "largest_difference": apart,
        "milliseconds": {name: round(1000 * min(times), 1) for name, times in seconds.items() if times},
        "ratio": {
            name: round(statistics.median(a / b for a, b in zip(times, seconds[first], strict=True)), 2)
            for name, times in seconds.items()
            if len(times) == ROUNDS == len(seconds[first])
        },
    }


if __name__ == "__main__":
    main()

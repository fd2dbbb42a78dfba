"""Real radiographs to measure with: the sample DICOM file, windows of it, and the shared data where it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file

from model.reading.radiograph import decode

# Pixels a side of the small radiographs.
SIDE = 512
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def sample() -> bytes:
    """The chest radiograph that pydicom-data ships, as a DICOM file.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    path = get_testdata_file("RG1_UNCR.dcm", download=False)
    if not path:
        raise FileNotFoundError("The sample radiograph is missing: pip install pydicom-data.")
    return Path(str(path)).read_bytes()


def as_png(data: bytes, side: int = 1024) -> bytes:
    """A radiograph as most people have it: an 8-bit PNG of `side` x `side` pixels."""
    grey = decode(data).to_input(side)[0, :, :, 0]
    return cv2.imencode(".png", np.clip(np.rint(grey), 0, 255).astype(np.uint8))[1].tobytes()


def windowed(count: int, seed: int = 0) -> Iterator[bytes]:
    """DICOM files of parts of the sample under random windows: every one decodes to another picture.

    Args:
        count: how many.
        seed: of the random parts and windows.

    Yields:
        The bytes of one file.
    """
    rng = np.random.default_rng(seed)
    dataset = dcmread(io.BytesIO(sample()))
    whole = dataset.pixel_array
    low, high = np.percentile(whole, [1, 99])
    for _ in range(count):
        height, width = (int(side * rng.uniform(0.85, 1)) for side in whole.shape)
        top, left = (
            int(rng.integers(0, side - part + 1)) for side, part in zip(whole.shape, (height, width), strict=True)
        )
        dataset.Rows, dataset.Columns = height, width
        dataset.PixelData = np.ascontiguousarray(whole[top : top + height, left : left + width]).tobytes()
        # As people set them: a window that leaves no lung to be seen is refused by the input check.
        dataset.WindowCenter = round(float(low + rng.uniform(0.3, 0.6) * (high - low)))
        dataset.WindowWidth = round(float(rng.uniform(0.6, 1) * (high - low))) + 1
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        yield buffer.getvalue()


def crops(count: int, seed: int, side: int = SIDE) -> Iterator[NDArray[np.uint8]]:
    """Small radiographs that are quick to read: crops of the sample, each a little darker, none a copy of another.

    Args:
        count: how many.
        seed: of the crops.
        side: pixels.

    Yields:
        (side, side) grey.
    """
    rng = np.random.default_rng(seed)
    whole = _decoded_sample()
    for _ in range(count):
        height, width = (int(length * rng.uniform(0.92, 1)) for length in whole.shape)
        part = whole[-height:, :width] * rng.uniform(0.85, 1)
        yield cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8)


@cache
def _decoded_sample() -> NDArray[np.float32]:
    return decode(as_png(sample())).pixels


def shared(count: int, seed: int = 0) -> Iterator[bytes]:
    """Files of the shared data in a random order; none where the project stands alone.

    Args:
        count: at most so many.
        seed: of the order.

    Yields:
        The bytes of one file.
    """
    if not (SHARED / "manifest.csv").exists():
        return
    with (SHARED / "manifest.csv").open(encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    for path in np.random.default_rng(seed).permutation(paths)[:count]:
        yield (SHARED / str(path)).read_bytes()

"""Small radiographs in any number, made from the sample: all different, all real, all quick to read."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import images
from model.reading.radiograph import decode

SIDE = 512


def cuttings(count: int, seed: int, side: int = SIDE) -> Iterator[NDArray[np.uint8]]:
    """Different parts of the sample radiograph, each a little darker: real pictures that are no copies.

    Args:
        count: how many.
        seed: of the parts.
        side: pixels.

    Yields:
        (side, side) grey.
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        height, width = (int(length * rng.uniform(0.92, 1)) for length in _sample().shape)
        part = _sample()[-height:, :width] * rng.uniform(0.85, 1)
        yield cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8)


_SAMPLE: list[NDArray[np.float32]] = []


def _sample() -> NDArray[np.float32]:
    if not _SAMPLE:
        _SAMPLE.append(decode(images.as_png(images.sample())).pixels)
    return _SAMPLE[0]

"""Arrays of grey: stretch odd ranges to 0-255, shrink what is too large to hold."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Larger pictures are averaged down to this, a little more than the largest detector plates; as float they would
# need a quarter of a small server's memory, and a network of 224 pixels a side looks at a fraction of it.
WORKING_PIXELS = 20_000_000
# The share of pixels at each end that may be clipped, in per cent: burned-in letters and dead detector cells.
CLIPPED = 0.1
# More than this away from grey, in 0 to 255, counts as colour; compression alone tints by a few levels.
_TINT = 32
_SAMPLE = 250_000
# Shares of a range of bits that a picture must reach to be taken for one that fills it.
_LOWEST, _HIGHEST = 0.25, 0.6
_BLOCK = 500_000


def thin(values: NDArray[Any]) -> NDArray[Any]:
    """Every n-th row and column, so that some 250,000 pixels are left: enough for a picture's statistics."""
    step = max(1, int(math.sqrt(values.shape[0] * values.shape[1] / _SAMPLE)))
    return values[::step, ::step]


def value_range(values: NDArray[Any]) -> tuple[float, float]:
    """The range that holds all but the outermost 0.1 % of values at each end.

    Args:
        values: of any shape and kind of number; what is not finite does not count.

    Returns:
        Lowest and highest; (0, 0) if nothing counts.
    """
    counted = values.astype(np.float64).ravel()
    counted = counted[np.isfinite(counted)]
    if not counted.size:
        return 0.0, 0.0
    low, high = np.percentile(counted, (CLIPPED, 100 - CLIPPED))
    return float(low), float(high)


def display_range(values: NDArray[Any]) -> tuple[float, float]:
    """The values to show as black and as white in a picture that does not say.

    Numbers that fill most of a usual range, which are whole ones of so many bits and real ones from 0 to 1 or 255,
    keep that range: so a picture of 8 bits that was stored as other numbers stays as it was. All others are shown over
    `value_range`.

    Args:
        values: of any shape; a sample does.

    Returns:
        Lowest and highest.
    """
    low, high = value_range(values)
    if values.dtype.kind == "f":
        bottom, top = (0.0, 1.0) if high <= 1 else (0.0, 255.0)
    elif low >= 0:
        bottom, top = 0.0, 2.0 ** max(8, math.ceil(math.log2(high + 1))) - 1
    else:
        half = 2.0 ** max(7, math.ceil(math.log2(max(-low, high + 1))))
        bottom, top = -half, half - 1
    fills = bottom <= low <= bottom + _LOWEST * (top - bottom) and bottom + _HIGHEST * (top - bottom) <= high <= top
    return (bottom, top) if fills else (low, high)


def stretch(values: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """Map low to 0 and high to 255, linearly, and clip.

    Args:
        values: of any shape; what is not a number becomes 0.
        low: end of the range.
        high: the other end; if it is not above `low`, all becomes 0, as nothing can be told apart.

    Returns:
        The shape of `values`, float32.
    """
    if not high > low:
        return np.zeros(values.shape, np.float32)
    # In float64, block by block: a float picture may hold small differences on top of large values.
    grey = np.empty(values.shape, np.float32)
    for block, source in zip(_blocks(grey), _blocks(values), strict=True):
        with np.errstate(all="ignore"):
            scaled = (source.astype(np.float64) - low) * (255.0 / (high - low))
        block[...] = np.nan_to_num(np.clip(scaled, 0.0, 255.0), nan=0.0)
    return grey


def look_up(table: NDArray[np.float32], indices: NDArray[Any]) -> NDArray[np.float32]:
    """`table[indices]` in little memory: numpy would turn all indices into 64-bit ones at once."""
    mapped = np.empty(indices.shape, np.float32)
    for block, source in zip(_blocks(mapped), _blocks(indices), strict=True):
        block[...] = table[source]
    return mapped


def shrink_factor(pixels: int) -> int:
    """By what a picture of so many pixels is to be divided each way to stay within `WORKING_PIXELS`."""
    return max(1, math.ceil(math.sqrt(pixels / WORKING_PIXELS)))


def shrink(values: NDArray[Any], factor: int | None = None) -> NDArray[Any]:
    """Average squares of pixels.

    Args:
        values: (H, W) numbers.
        factor: pixels a side of a square; by default as many as `shrink_factor` says, often 1.

    Returns:
        (H // factor, W // factor); the values themselves if the factor is 1.
    """
    factor = factor or shrink_factor(values.size)
    if factor == 1:
        return values
    if values.dtype not in (np.uint8, np.uint16, np.int16, np.float32):  # the kinds that OpenCV averages
        values = values.astype(np.float32)
    height, width = values.shape
    size = (max(1, width // factor), max(1, height // factor))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def is_coloured(channels: NDArray[Any]) -> bool:
    """Whether more than 1 % of (H, W, 3) values from 0 to 255 are clearly not grey."""
    sample = thin(channels).astype(np.int16)
    return bool(np.mean(np.ptp(sample, axis=2) > _TINT) > 0.01)


def _blocks(values: NDArray[Any]) -> list[NDArray[Any]]:
    rows = max(1, _BLOCK * len(values) // max(1, values.size))
    return [values[start : start + rows] for start in range(0, len(values), rows)]

"""A decoded picture of any format -> grey from 0 to 255."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from model.files.formats import Limits
from model.files.pictures.grey import display_range, is_coloured, shrink, shrink_factor, stretch, thin
from model.messages import Code, Message

BT601 = np.array([0.299, 0.587, 0.114], np.float32)
# Bytes a pixel that `Limits.pixels` allows for.
_USUAL_BYTES = 4
_STRIP = 4_000_000
# What EXIF's Orientation asks for, to stand upright (EXIF 2.32, table 6).
_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda grey: grey[:, ::-1],
    3: lambda grey: grey[::-1, ::-1],
    4: lambda grey: grey[::-1],
    5: lambda grey: grey.T,
    6: lambda grey: np.rot90(grey, 3),
    7: lambda grey: grey[::-1, ::-1].T,
    8: lambda grey: np.rot90(grey),
}


@dataclass
class Picture:
    """What a decoder made of a file.

    Attributes:
        values: (H, W) grey or (H, W, 3) RGB, of any kind of number.
        alpha: (H, W) opacity, the largest value that occurs (255 for 8 bits) being opaque; None where there is none.
        orientation: as EXIF counts it.
        white_is_zero: the grey scale is inverted.
        full_size: (height, width) of the file's picture, which may be larger than that of `values`.
        notes: for the reader of the result.
    """

    values: NDArray[Any]
    alpha: NDArray[Any] | None = None
    orientation: int = 1
    white_is_zero: bool = False
    full_size: tuple[int, int] = (0, 0)
    notes: list[Message] = field(default_factory=list)


def from_channels(channels: NDArray[Any]) -> Picture:
    """A picture of (H, W), or of (H, W, C) with grey, grey and alpha, RGB, or RGB and alpha."""
    if channels.ndim == 2:
        return Picture(channels)
    count = channels.shape[2]
    values = channels[..., 0] if count <= 2 else channels[..., :3]
    return Picture(values, channels[..., -1] if count in (2, 4) else None)


def check_memory(limits: Limits, height: int, width: int, bytes_a_pixel: int) -> None:
    """Compare a picture's size with the limits, of which more than four bytes a pixel leave less.

    Raises:
        Unreadable: it is too large or too small.
    """
    pixels = limits.pixels * _USUAL_BYTES // max(_USUAL_BYTES, bytes_a_pixel)
    replace(limits, pixels=pixels).check_shape(height, width)


def to_grey(picture: Picture) -> tuple[NDArray[np.float32], list[Message]]:
    """Turn a picture into grey, upright, 0 to 255.

    Values of 8 bits stay as they are; others are mapped as `display_range` says. Colours become ITU-R BT.601's luma,
    and what is transparent is laid on black.

    Returns:
        (H, W) float32 and notes.
    """
    values, notes = picture.values, list(picture.notes)
    opacity = _opacity(picture)
    if opacity is not None:
        notes.append(Message(Code.TRANSPARENCY_DROPPED))
    eight_bits = values.dtype == np.uint8
    if values.ndim == 3 and is_coloured(_to_eight_bits(thin(values))):
        notes.append(Message(Code.COLOURS_DROPPED))

    def luma(rows: slice) -> NDArray[Any]:
        strip = values[rows]
        if strip.ndim == 3:
            strip = cv2.cvtColor(np.ascontiguousarray(strip), cv2.COLOR_RGB2GRAY) if eight_bits else _luma(strip)
        if opacity is not None:
            strip = strip * opacity(rows)
            strip = np.rint(strip).astype(np.uint8) if eight_bits else strip
        return strip

    height, width = values.shape[:2]
    shown = _in_strips(height, width, luma)
    if eight_bits:
        grey = shown.astype(np.float32)
    else:
        grey = stretch(shown, *display_range(thin(shown)))
        notes.append(Message(Code.RANGE_STRETCHED))
    if picture.white_is_zero:
        grey = np.float32(255) - grey
    if max(grey.shape) < max(picture.full_size):
        notes.append(Message(Code.SCALED_DOWN))
    if picture.orientation in _UPRIGHT:
        grey = np.ascontiguousarray(_UPRIGHT[picture.orientation](grey))
        notes.append(Message(Code.TURNED_UPRIGHT))
    return grey, notes


def _luma(strip: NDArray[Any]) -> NDArray[Any]:
    luma = strip @ BT601.astype(np.float64)
    return np.rint(luma).astype(strip.dtype) if strip.dtype.kind in "iu" else luma


def _opacity(picture: Picture) -> Callable[[slice], NDArray[Any]] | None:
    """Opacity from 0 to 1 of some rows; None where all of the picture is opaque."""
    alpha = picture.alpha
    if alpha is None:
        return None
    most = 255.0 if alpha.dtype == np.uint8 else float(alpha.max())
    if most > 0 and alpha.min() >= most:
        return None
    return lambda rows: alpha[rows] / np.float32(most or 1.0)


def _to_eight_bits(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype == np.uint8 else stretch(values, *display_range(values))


def _in_strips(height: int, width: int, convert: Callable[[slice], NDArray[Any]]) -> NDArray[Any]:
    """Convert a picture piece by piece and shrink a very large one on the way, in little more memory than its own."""
    factor = shrink_factor(height * width)
    rows = factor * max(1, _STRIP // (width * factor))
    tops = range(0, height - factor + 1, rows)
    strips = [shrink(convert(slice(top, min(top + rows, height))), factor) for top in tops]
    return strips[0] if len(strips) == 1 else np.concatenate(strips)

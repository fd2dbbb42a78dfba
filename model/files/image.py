"""PNG, JPEG, TIFF, WebP and BMP -> grey, through Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from model.errors import Unreadable
from model.files.formats import Limits
from model.files.grey import WORKING_PIXELS, is_coloured, shrink, shrink_factor, stretch, thin, value_range
from model.files.warnings_filter import quiet
from model.messages import Code, Message

ORIENTATION = 0x0112
PHOTOMETRIC = 262
_TURNED = range(2, 9)
_SAMPLE_SIDE = 500
_STRIP = 4_000_000
_WIDE = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def decode(data: bytes, kind: str, limits: Limits) -> tuple[NDArray[np.float32], list[Message]]:
    """Decode a picture file.

    Args:
        data: the file.
        kind: its format as `formats.sniff` tells it; no other decoder is tried.
        limits: checked against the header before pixels are unpacked.

    Returns:
        (H, W) float32 grey from 0 to 255 and notes.

    Raises:
        Unreadable: a limit is exceeded or the file is cut short. Pillow's own exceptions pass through.
    """
    with quiet():
        try:
            image = Image.open(io.BytesIO(data), formats=[kind.upper()])
        except Image.DecompressionBombError:
            raise Unreadable(Message(Code.PICTURE_FAR_TOO_LARGE)) from None
        with image:
            # The decoder of WebP holds four copies of the picture.
            allowed = replace(limits, pixels=limits.pixels // 4) if kind == "WebP" else limits
            allowed.check_shape(image.height, image.width)
            full = image.size
            notes: list[Message] = []
            upright = _is_upright(image)
            # Phones store a second, smaller picture in a JPEG (MPO); that is no animation.
            if kind != "JPEG" and getattr(image, "is_animated", False):
                notes.append(Message(Code.SEVERAL_PICTURES))
            # A JPEG decoder halves a picture for less than nothing.
            if kind == "JPEG" and image.width * image.height > WORKING_PIXELS:
                image.draft(image.mode, (image.width // 2, image.height // 2))
            try:
                image.load()
            except OSError as error:
                if "truncated" in str(error):
                    raise Unreadable(Message(Code.FILE_TRUNCATED, kind=kind)) from None
                raise
            if not upright:
                notes.append(Message(Code.TURNED_UPRIGHT))
            # Pillow turns TIFF itself.
            turned = image if upright or kind == "TIFF" else ImageOps.exif_transpose(image)
            grey = _grey(turned, notes)
    if max(grey.shape) < max(full):
        notes.append(Message(Code.SCALED_DOWN))
    return grey, notes


def _is_upright(image: Image.Image) -> bool:
    try:
        return image.getexif().get(ORIENTATION) not in _TURNED
    except Exception:  # damaged EXIF says nothing about the pixels
        return True


def _grey(image: Image.Image, notes: list[Message]) -> NDArray[np.float32]:
    if image.mode in _WIDE:
        return _wide_grey(image, notes)
    # A look at some of the pixels tells what to note; NEAREST takes them as they are, whatever the mode.
    size = (min(image.width, _SAMPLE_SIDE), min(image.height, _SAMPLE_SIDE))
    sample = image.resize(size, Image.Resampling.NEAREST)
    if image.has_transparency_data and np.asarray(sample.convert("RGBA"))[..., 3].min() < 255:
        notes.append(Message(Code.TRANSPARENCY_DROPPED))
    if image.mode not in ("1", "L", "LA", "LAB") and is_coloured(np.asarray(_opaque(sample).convert("RGB"))):
        notes.append(Message(Code.COLOURS_DROPPED))
    return _in_strips(image, lambda strip: np.asarray(_opaque(strip).convert("L"))).astype(np.float32)


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":
        return image.getchannel(0)  # its lightness
    if not image.has_transparency_data:
        return image
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    black.alpha_composite(image.convert("RGBA"))
    return black


def _wide_grey(image: Image.Image, notes: list[Message]) -> NDArray[np.float32]:
    kind = np.uint16 if image.mode.startswith("I;16") else np.float32
    values = _in_strips(image, lambda strip: np.asarray(strip).astype(kind))
    grey = stretch(values, *value_range(thin(values)))
    notes.append(Message(Code.RANGE_STRETCHED))
    # Pillow inverts "white is zero" for 8 bits alone.
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0:
        grey = 255.0 - grey
    return grey


def _in_strips(image: Image.Image, convert: Callable[[Image.Image], NDArray[Any]]) -> NDArray[Any]:
    """Convert a picture piece by piece and shrink a very large one on the way, in little more memory than its own."""
    factor = shrink_factor(image.width * image.height)
    rows = factor * max(1, _STRIP // (image.width * factor))
    strips = []
    for top in range(0, image.height - factor + 1, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        strips.append(shrink(convert(image.crop(box)), factor))
    return np.concatenate(strips)

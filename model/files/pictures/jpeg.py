"""JPEG streams (ITU-T T.81): every pixel right, or an exception; in a file of their own and inside DICOM."""

from __future__ import annotations

from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from model.files.pictures import jpeg_checks
from model.files.pictures.jpeg_headers import EOI, JPEG_LS, LOSSLESS, Frame, frame

_SEQUENTIAL = (0, 1)
# Faults of the header that say nothing against the pixels; telephones and old software write them.
_HARMLESS = ("Invalid SOS parameters", "Unknown Adobe color transform", "JFIF", "thumbnail")


def decode(stream: bytes, *, halve: bool = False, untransformed: bool = False) -> NDArray[Any]:
    """Decode a stream of any process but JPEG-LS.

    libjpeg itself fills up what is missing and goes on after what it can't make sense of; here its warnings count as
    errors. Of a lossless stream of more than 8 bits, which no Python package decodes with warnings, the length of the
    code is compared with what the pixels take; of another such stream the end is looked at.

    Args:
        stream: from the SOI marker on. Without an EOI marker it is decoded if nothing else is missing.
        halve: give a picture of half the height and width, in less time.
        untransformed: leave colours as they are coded; by default they become RGB, and inks stay CMYK.

    Returns:
        (H, W) or (H, W, components), uint8 up to 8 bits and uint16 above.

    Raises:
        ValueError: the stream is damaged, cut short or no JPEG.
        RuntimeError: the same, from libjpeg.
    """
    head = frame(stream)
    if head is None or head.process == JPEG_LS:
        raise ValueError("no JPEG frame header")
    stream = _with_end(stream)
    if head.precision <= 8 and not untransformed:
        pixels = _strict(stream, head, halve)
    else:
        from imagecodecs import jpeg8_decode

        space = "RGB" if untransformed and head.components == 3 else None
        pixels = jpeg8_decode(stream, colorspace=space, outcolorspace=space)
        if head.precision <= 8:
            _strict(stream, head, halve)
        elif head.process in _SEQUENTIAL:
            jpeg_checks.check_end(stream, pixels, jpeg8_decode)
    if head.process == LOSSLESS:
        jpeg_checks.check_length(stream, head, pixels)
    else:
        jpeg_checks.check_seams(pixels, head)
    return pixels


def _with_end(stream: bytes) -> bytes:
    """With an EOI marker, which gateways lose and DICOM pads with a zero."""
    bare = stream.rstrip(b"\0")
    return bare if bare.endswith(EOI) else stream if EOI in stream[-256:] else bare + EOI


def _strict(stream: bytes, head: Frame, halve: bool) -> NDArray[np.uint8]:
    space = {1: "GRAY", 4: "CMYK"}.get(head.components, "RGB")
    smaller = {"min_height": (head.height + 1) // 2, "min_width": (head.width + 1) // 2} if halve else {}
    try:
        pixels = simplejpeg.decode_jpeg(stream, space, **smaller)
    except ValueError as error:
        if not any(fault in str(error) for fault in _HARMLESS):
            raise
        pixels = simplejpeg.decode_jpeg(stream, space, strict=False, **smaller)
    return np.asarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)

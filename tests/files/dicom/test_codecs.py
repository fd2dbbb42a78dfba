"""Compressed streams inside DICOM: every family and depth, whole and damaged."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames

from model.reading.radiograph import decode
from scripts.fuzz import formats
from tests.files.builders import ramp, real

GREY = ramp(80, 64)

SIGNATURE = struct.pack(">I4sI", 12, b"jP  ", 0x0D0A870A)


def box(length: int, kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", length, kind) + content


def test_boxes_before_a_jpeg_2000_codestream_are_passed_over() -> None:
    """One of length 0, after which nothing can follow, would keep a reader of boxes busy for ever."""
    dataset = dcmread(io.BytesIO(real("GDCMJ2K_TextGBR.dcm")))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    plain = decode(real("GDCMJ2K_TextGBR.dcm"))
    dataset.PixelData = encapsulate([SIGNATURE + box(0, b"ftyp", b"jp2 ") + frame])
    file = io.BytesIO()
    dataset.save_as(file)
    assert np.array_equal(decode(file.getvalue()).pixels, plain.pixels)


# Bits stored, High Bit, and bits above it that hold something else, such as an overlay of old files.
LAYOUTS = [(12, 11, 0x1000), (12, 11, 0xF000), (12, 13, 0), (10, 11, 0x8000), (10, 15, 0), (8, 11, 0)]


@pytest.mark.parametrize("syntax", ["", ".1", ".2", ".5", ".4.70", ".4.80", ".4.90", ".4.201"])
@pytest.mark.parametrize(("stored", "high", "above"), LAYOUTS)
def test_values_lie_where_high_bit_says_in_every_syntax(syntax: str, stored: int, high: int, above: int) -> None:
    values = GREY.astype(np.uint16) if stored == 8 else formats.deep(GREY, stored)
    cells = values << (high + 1 - stored) | np.uint16(above)
    pack = {
        ".5": formats.run_lengths,
        ".4.70": lambda x: formats.imagecodecs.jpeg8_encode(x, lossless=True, bitspersample=16),
        ".4.80": formats.imagecodecs.jpegls_encode,
        ".4.90": lambda x: formats.imagecodecs.jpeg2k_encode(x, codecformat="j2k", level=0, bitspersample=16),
        ".4.201": formats.imagecodecs.htj2k_encode,
    }.get(syntax)
    stream = pack(cells) if pack else None
    window = {"WindowCenter": str(2 ** (stored - 1)), "WindowWidth": str(2**stored)}
    pixels = cells.astype(">u2") if syntax == ".2" else cells
    file = formats.dicom(pixels, stored, syntax, stream, HighBit=high, **window)
    assert np.abs(decode(file).pixels - GREY).max() <= 1

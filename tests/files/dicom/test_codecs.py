"""Compressed streams inside DICOM: every family and depth, whole and damaged."""

from __future__ import annotations

import io
import struct

import numpy as np
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames

from model.reading.radiograph import decode
from tests.files.builders import real

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

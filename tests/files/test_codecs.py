"""Compressed streams: what stands before a JPEG 2000 codestream must come to an end."""

from __future__ import annotations

import io
import struct

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames

from model.errors import Unreadable
from model.files.dicom.codecs import has_endless_box
from model.reading.radiograph import decode
from tests.files.builders import real

SIGNATURE = struct.pack(">I4sI", 12, b"jP  ", 0x0D0A870A)


def box(length: int, kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", length, kind) + content


def test_a_box_of_length_0_before_the_codestream_is_endless() -> None:
    stream = box(0, b"jp2c", b"\xff\x4f\xff\x51")
    assert not has_endless_box(SIGNATURE + box(12, b"ftyp", b"jp2 ") + stream)
    assert has_endless_box(SIGNATURE + box(0, b"ftyp", b"jp2 ") + stream)
    assert not has_endless_box(b"\xff\x4f\xff\x51" + bytes(40))
    assert not has_endless_box(SIGNATURE + box(200, b"ftyp"))


def test_a_dicom_file_with_such_a_box_ends_as_a_sentence() -> None:
    dataset = dcmread(io.BytesIO(real("GDCMJ2K_TextGBR.dcm")))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([SIGNATURE + box(0, b"ftyp", b"jp2 ") + frame])
    file = io.BytesIO()
    dataset.save_as(file)
    with pytest.raises(Unreadable, match="never ends"):
        decode(file.getvalue())

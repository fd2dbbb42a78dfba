"""TIFF of many layouts: the picture's own pixels, whichever page, order, packing or numbers they are stored in."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile

from model.messages import Code
from model.reading.radiograph import decode
from scripts.fuzz import formats
from tests.files.builders import encode, ramp

GREY = ramp(80, 64)
REAL = (GREY / 255).astype("f4")
TWELVE, SIXTEEN = formats.deep(GREY, 12), GREY.astype(np.uint16) * 257
Page = tuple[np.ndarray, dict[str, Any]]


def written(*pages: Page, **options: Any) -> bytes:
    """A file of pages; values of 8 bits are grey unless their options say more."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, **options) as writer:
        for array, page in pages:
            writer.write(array, **{"photometric": "minisblack", "metadata": None, "contiguous": False, **page})
    return buffer.getvalue()


def by_hand(bits: int, data: bytes, *more: tuple[int, int]) -> bytes:
    """A file of one strip that tifffile does not write: packed bits, and tags of one number each."""
    entries = {254: 0, 256: GREY.shape[1], 257: GREY.shape[0], 258: bits, 259: 1, 262: 1, 273: 8, 277: 1}
    entries |= {278: GREY.shape[0], 279: len(data)} | dict(more)
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    data += b"\0" * (len(data) % 2)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(entries)) + directory + bytes(4)


def packed(values: np.ndarray, bits: int) -> bytes:
    """Rows of values of fewer bits than a byte or two, the highest bit first."""
    wide = np.unpackbits(values.astype(">u2").view(np.uint8).reshape(*values.shape, 2), axis=2)
    return np.packbits(wide[:, :, 16 - bits :].reshape(len(values), -1), axis=1).tobytes()


COLOURS = {"photometric": "rgb"}
TOGETHER = {"planarconfig": "contig"}
APART = {"photometric": "rgb", "planarconfig": "separate"}
FILES: dict[str, bytes] = {
    "strips of 7 rows": written((GREY, {"rowsperstrip": 7, "compression": "lzw"})),
    "tiles that reach beyond": written((GREY, {"tile": (48, 48), "compression": "lzw"})),
    "tiles of run lengths": written((GREY, {"tile": (48, 48), "compression": "packbits"})),
    "differences in tiles": written((GREY, {"tile": (32, 32), "compression": "deflate", "predictor": True})),
    "differences of real numbers": written((REAL, {"compression": "deflate", "predictor": 3})),
    "differences, big-endian": written((SIXTEEN, {"compression": "lzw", "predictor": True}), byteorder=">"),
    "colours apart in tiles": written((np.stack([SIXTEEN] * 3), APART | {"tile": (64, 64)})),
    "colours apart, packed": written((np.stack([GREY] * 3), APART | {"compression": "lzw"})),
    "real colours": written((np.dstack([REAL] * 3), COLOURS)),
    "BigTIFF of tiles": written((SIXTEEN, {"tile": (64, 64)}), bigtiff=True),
    "signed 32": written(((GREY.astype(np.int64) * 0x01010101 - 2**31).astype("i4"), {})),
    "signed 64": written((GREY.astype("i8"), {})),
    "4 bits": by_hand(4, packed(GREY >> 4, 4)),
    "10 bits": by_hand(10, packed(formats.deep(GREY, 10), 10)),
    "12 bits": by_hand(12, packed(TWELVE, 12)),
    "12 bits, white is zero": by_hand(12, packed(4095 - TWELVE, 12), (262, 0)),
    "numbers of no stated kind": by_hand(16, SIXTEEN.tobytes(), (339, 4)),
    "bytes after the strip": by_hand(8, GREY.tobytes() + bytes(50)),
    "premultiplied alpha": written((np.dstack([GREY, GREY | 255]), TOGETHER | {"extrasamples": ["assocalpha"]})),
    "a channel of something": written((np.dstack([GREY, GREY[::-1]]), TOGETHER | {"extrasamples": ["unspecified"]})),
    "inks of 16 bits": written((np.dstack([0 * SIXTEEN] * 3 + [65535 - SIXTEEN]), {"photometric": "separated"})),
    "turned by its tag": encode(np.rot90(GREY).copy(), "TIFF", tiffinfo={274: 6}),
    "a mask first": written((np.ones_like(GREY, bool), {"subfiletype": 4}), (GREY, {})),
    "copies behind": written((GREY, {}), (GREY[::2, ::2], {"subfiletype": 1}), (GREY[::4, ::4], {"subfiletype": 1})),
    "copies before, BigTIFF": written((GREY[::4, ::4], {"subfiletype": 1}), (GREY, {}), bigtiff=True),
    "a coloured thumbnail": written((np.dstack([GREY[::4, ::4]] * 3), COLOURS), (SIXTEEN, {})),
    "a pyramid below": written((GREY, {"subifds": 1}), (GREY[::2, ::2], {"subfiletype": 1})),
    "nothing but a copy": written((GREY, {"subfiletype": 1})),
    "pages of a document": written((GREY, {"subfiletype": 2}), (255 - GREY, {"subfiletype": 2})),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_pixels_are_those_of_the_picture(name: str) -> None:
    wanted = GREY >> 4 if name == "4 bits" else GREY
    picture = decode(FILES[name])
    assert picture.pixels.shape == GREY.shape
    assert np.abs(picture.pixels - wanted * (17.0 if name == "4 bits" else 1.0)).max() <= 1.01


def test_only_several_pictures_are_told_of() -> None:
    def is_told(name: str) -> bool:
        return Code.SEVERAL_PICTURES in [note.code for note in decode(FILES[name]).notes]

    assert is_told("pages of a document") and not is_told("copies behind") and not is_told("a pyramid below")


@pytest.mark.parametrize("bits", [1, 2])
def test_bits_of_a_byte_in_either_order(bits: int) -> None:
    data = packed(GREY >> (8 - bits), bits)
    turned = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8)), bitorder="little").tobytes()
    wanted = (GREY >> (8 - bits)) * (255.0 / (2**bits - 1))
    assert np.array_equal(decode(by_hand(bits, data)).pixels, wanted)
    if bits == 1:
        assert np.array_equal(decode(by_hand(bits, turned, (266, 2))).pixels, wanted)

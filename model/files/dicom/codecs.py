"""How DICOM pixel data are compressed (PS3.5, section 10 and annex A.4), and the decoders for it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import Unreadable
from model.files.pictures import jpeg, jpeg_headers
from model.messages import Code, Message

JPEG2000_START = b"\xff\x4f\xff\x51"
_PREFIX = "1.2.840.10008.1.2."
# What is known of transfer syntaxes that can't be read; the longest prefix counts.
_REFUSED = {
    "4.94": Code.IS_ON_SERVER,
    "4.95": Code.IS_ON_SERVER,
    "4.10": Code.IS_VIDEO,
    "4.11": Code.IS_JPEG_XL,
    "7": Code.IS_VIDEO,
    "": Code.IS_UNKNOWN_CODEC,
}


@dataclass(frozen=True)
class Stream:
    """What a compressed stream says about its picture: pixels a side, samples a pixel, and bits a sample."""

    height: int
    width: int
    samples: int
    precision: int


@dataclass(frozen=True)
class Codec:
    """A family of transfer syntaxes.

    Attributes:
        name: for people.
        inspect: reads the stream's headers, or gives nothing for streams that have none.
        decode: unpacks it, given whether colours are stored as RGB; raises any exception if it is damaged.
    """

    name: str
    inspect: Callable[[bytes], Stream | None]
    decode: Callable[[bytes, bool], NDArray[Any]]


def _inspect_jpeg(stream: bytes) -> Stream | None:
    frame = jpeg_headers.frame(stream)
    return Stream(frame.height, frame.width, frame.components, frame.precision) if frame else None


def _inspect_jpeg2000(stream: bytes) -> Stream | None:
    """The SIZ segment (ISO/IEC 15444-1, A.5.1)."""
    at = stream.find(JPEG2000_START)
    if at < 0 or at + 43 > len(stream):
        return None
    right, bottom, left, top = (int.from_bytes(stream[p : p + 4], "big") for p in range(at + 8, at + 24, 4))
    samples, depth = int.from_bytes(stream[at + 40 : at + 42], "big"), stream[at + 42]
    return Stream(bottom - top, right - left, samples, (depth & 127) + 1)


def _decode_jpeg(stream: bytes, is_rgb: bool) -> NDArray[Any]:
    frame = jpeg_headers.frame(stream)
    return jpeg.decode(stream, untransformed=is_rgb and frame is not None and not frame.has_transform)


def _decode_jpeg_ls(stream: bytes, is_rgb: bool) -> NDArray[Any]:
    from imagecodecs import jpegls_decode

    return np.asarray(jpegls_decode(stream))


def _decode_jpeg2000(stream: bytes, is_rgb: bool) -> NDArray[Any]:
    from imagecodecs import jpeg2k_decode

    # Decoys: whatever stands before the codestream, and a second one after it, could claim another size.
    return np.asarray(jpeg2k_decode(stream[stream.find(JPEG2000_START) :]))


_JPEG = Codec("JPEG", _inspect_jpeg, _decode_jpeg)
_JPEG_LS = Codec("JPEG-LS", _inspect_jpeg, _decode_jpeg_ls)
_JPEG2000 = Codec("JPEG 2000", _inspect_jpeg2000, _decode_jpeg2000)
_CODECS = {
    # With the retired processes of JPEG, which some old files use.
    **{f"4.{number}": _JPEG for number in (*range(50, 67), 70)},
    **dict.fromkeys(("4.80", "4.81"), _JPEG_LS),
    **dict.fromkeys(("4.90", "4.91", "4.201", "4.202", "4.203"), _JPEG2000),
}
# Run lengths and deflated frames state no size of their own: they are unpacked to that of the data set.
RLE, DEFLATED_FRAMES = _PREFIX + "5", _PREFIX + "8.1"
_NATIVE = ("1.2.840.10008.1.2", *(_PREFIX + end for end in ("1", "1.99", "2")))


def codec(transfer_syntax: str) -> Codec | None:
    """The codec of a transfer syntax UID; None if pixels are not compressed, or as run lengths or deflated frames.

    Raises:
        Unreadable: it is none that can be read; the sentence says what it is.
    """
    if transfer_syntax in (*_NATIVE, RLE, DEFLATED_FRAMES):
        return None
    if not transfer_syntax.startswith(_PREFIX):
        what = Code.IS_PRIVATE if transfer_syntax else _REFUSED[""]
    else:
        end = transfer_syntax.removeprefix(_PREFIX)
        if end in _CODECS:
            return _CODECS[end]
        what = next(code for prefix, code in _REFUSED.items() if end.startswith(prefix))
    raise Unreadable(Message(Code.DICOM_UNSUPPORTED, what=what))


def inflate(stream: bytes, size: int) -> bytes:
    """Unpack a deflated frame (PS3.5, A.4.13).

    Args:
        stream: raw deflate.
        size: bytes of the unpacked frame, with or without one of padding.

    Raises:
        ValueError: it unpacks to more or less. zlib's errors pass through.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pixels = inflater.decompress(stream, size + 2)
    if not inflater.eof or len(pixels) not in (size, size + 1):
        raise ValueError("the frame is not as long as it should be")
    return pixels[:size]


def run_lengths(frame: bytes, rows: int, columns: int, samples: int, bits: int) -> NDArray[Any]:
    """Unpack a run-length coded frame (PS3.5, annex G): a segment for each byte of a cell, the upper one first.

    Args:
        frame: the frame.
        rows: of the picture.
        columns: of the picture.
        samples: of a pixel.
        bits: of a cell, a multiple of 8.

    Returns:
        (rows, columns) or (rows, columns, samples), unsigned.

    Raises:
        ValueError: a segment is missing or too short. imagecodecs' errors pass through.
    """
    from imagecodecs import packbits_decode

    size, count = bits // 8, rows * columns
    starts = [int.from_bytes(frame[at : at + 4], "little") for at in range(4, 64, 4)][: size * samples]
    if int.from_bytes(frame[:4], "little") != size * samples or not 64 <= starts[0] <= len(frame):
        raise ValueError("another count of segments than of bytes a pixel")
    cells = np.empty((count, samples, size), np.uint8)
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(frame)], strict=True)):
        segment = np.frombuffer(packbits_decode(frame[start:end], out=count), np.uint8)
        if segment.size != count:
            raise ValueError("a segment is too short")
        cells[:, number // size, size - 1 - number % size] = segment
    pixels = cells.view(f"<u{size}").reshape(rows, columns, samples)
    return pixels[..., 0] if samples == 1 else pixels


def align(values: NDArray[Any], precision: int, stored: int, high: int, signed: bool) -> NDArray[Any]:
    """The stored values of a decoded stream, which holds cells of which they may fill a part (PS3.5, 8.1.1).

    Args:
        values: as decoded.
        precision: bits a sample in the stream.
        stored: Bits Stored.
        high: High Bit.
        signed: Pixel Representation is two's complement, which no JPEG stream says of itself.

    Returns:
        The values, moved down where they lie higher, without the bits above them, and with their sign.
    """
    stored = min(stored, precision)
    unused = high + 1 - stored
    shift = unused if unused > 0 and precision >= stored + unused else 0
    bits = 8 * values.dtype.itemsize
    if bits == stored and not signed and values.dtype.kind == "u":
        return values
    kind = np.dtype(f"{'i' if signed else 'u'}{values.dtype.itemsize}")
    # To the upper end of the cell and back, which brings the sign along.
    return (values << (bits - stored - shift)).view(kind) >> (bits - stored)

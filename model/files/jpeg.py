"""JPEG streams (ITU-T T.81): every pixel right, or an exception; in a file of their own and inside DICOM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

EOI = b"\xff\xd9"
LOSSLESS, JPEG_LS = 3, 55
_SOS, _DHT, _DRI, _APP14, _SOF55 = 0xDA, 0xC4, 0xDD, 0xEE, 0xF7
# Frame headers are 0xC0 to 0xCF, but for tables (C4), extensions (C8) and arithmetic conditioning (CC).
_NO_FRAME = (0xC4, 0xC8, 0xCC)
# Bytes at the end of a scan, and the most blocks that they make.
_LAST_BYTES, _LAST_BLOCKS = 2, 6
_SEQUENTIAL = (0, 1)
# Of a lossless scan that are looked at together: what stays in the cache.
_ROWS = 64
# Faults of the header that say nothing against the pixels; telephones and old software write them.
_HARMLESS = ("Invalid SOS parameters", "Unknown Adobe color transform", "JFIF", "thumbnail")


@dataclass(frozen=True)
class Frame:
    """What a stream's frame header says.

    Attributes:
        process: the number of the SOF marker: 0 baseline, 1 extended, 2 progressive, 3 lossless; 55 is JPEG-LS.
        precision: bits a sample.
        height, width: in pixels.
        components: 1 for grey, 3 for colours, 4 for inks.
        has_transform: whether an Adobe or JFIF segment says how colours are coded.
    """

    process: int
    precision: int
    height: int
    width: int
    components: int
    has_transform: bool = False


def frame(stream: bytes) -> Frame | None:
    """Read the frame header; None where there is none before the first scan."""
    has_transform = False
    for marker, content, _ in segments(stream):
        has_transform = has_transform or (marker == _APP14 and content[:5] == b"Adobe") or content[:5] == b"JFIF\0"
        if marker == _SOF55 or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME):
            if len(content) < 6:
                return None
            process = JPEG_LS if marker == _SOF55 else marker - 0xC0
            height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
            return Frame(process, content[0], height, width, content[5], has_transform)
    return None


def segments(stream: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The marker segments up to the first scan: (marker, content, offset of what follows)."""
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:  # fill bytes may stand before any marker
            at += 1
            continue
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        yield marker, stream[at + 4 : end], end
        if marker == _SOS:
            return
        at = end


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
            _check_end(stream, pixels, jpeg8_decode)
    if head.process == LOSSLESS:
        _check_length(stream, head, pixels)
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


def _check_end(stream: bytes, pixels: NDArray[Any], decode_again: Callable[[bytes], NDArray[Any]]) -> None:
    """See that the last bytes of a scan make the last blocks of its picture.

    Where libjpeg ran out of data or had some left, they make earlier blocks, or none.

    Raises:
        ValueError: they do not.
    """
    end = stream.rindex(EOI)
    changed = np.argwhere(
        (pixels != decode_again(stream[: end - _LAST_BYTES] + EOI)).reshape(*pixels.shape[:2], -1).any(2)
    )
    height, width = pixels.shape[:2]
    side = 8 if pixels.ndim == 2 else 16
    if not len(changed):
        # Blocks like the one before look the same without their code.
        if np.ptp(pixels[(height - 1) // side * side :, max(0, width - _LAST_BLOCKS * side) :]) == 0:
            return
        raise ValueError("there is more code than the picture takes")
    a_row = -(-width // side)
    last = a_row * -(-height // side) - 1
    if int((changed[:, 0] // side * a_row + changed[:, 1] // side).min()) < last - _LAST_BLOCKS:
        raise ValueError("the code ends before the picture")


def _check_length(stream: bytes, head: Frame, pixels: NDArray[Any]) -> None:
    """Compare the bits of a lossless scan with those that its pixels take (T.81, annex H).

    A decoder that ran out of data has filled up, and one that lost its place has left some over. Streams of several
    components or scans, or with restart markers, are not counted.

    Raises:
        ValueError: they differ.
    """
    scan = _scan(stream)
    if scan is None or head.components != 1:
        return
    code = np.frombuffer(stream, np.uint8)[scan.start : stream.index(EOI, scan.start)]
    after = code[np.flatnonzero(code[:-1] == 0xFF) + 1]
    available = 8 * (len(code) - len(after))
    # Up to 8 bits the decoder drops the upper byte of samples that their encoder held as negative ones, in which the
    # differences are others.
    for signed in (False, True) if pixels.dtype == np.uint8 else (False,):
        samples = (pixels.view(np.int8).astype(np.int16).view(np.uint16) if signed else pixels) >> np.uint16(scan.shift)
        wanted = _bits_taken(samples, scan, 1 << (head.precision - scan.shift - 1))
        # 0xFF in the code is followed by a zero, and the last byte is filled up.
        if not after.any() and wanted <= available < wanted + 8:
            return
    raise ValueError("the scan's length does not fit its pixels")


def _bits_taken(samples: NDArray[np.uint16], scan: _Scan, first: int) -> int:
    counts = np.zeros(17, np.int64)
    for row in range(0, len(samples), _ROWS):
        part = samples[max(0, row - 1) : row + _ROWS].astype(np.uint16, copy=False)
        counts += _categories(_differences(part, scan.predictor, first, row > 0))
    return int(counts @ scan.bits)


@dataclass(frozen=True)
class _Scan:
    """A lossless scan: predictor, point transform, bits that a difference of each category takes, and its start."""

    predictor: int
    shift: int
    bits: NDArray[np.int64]
    start: int


def _scan(stream: bytes) -> _Scan | None:
    """The first scan; None if it has several components, restart markers, or no prediction or table that is known."""
    tables: dict[int, NDArray[np.int64]] = {}
    for marker, content, end in segments(stream):
        if marker == _DHT:
            while len(content) >= 17:
                counts = list(content[1:17])
                symbols = content[17 : 17 + sum(counts)]
                table = np.zeros(256, np.int64)
                table[list(symbols)] = np.repeat(np.arange(1, 17), counts)[: len(symbols)]
                tables[content[0]] = table
                content = content[17 + sum(counts) :]
        elif marker == _DRI and content[:2] != b"\0\0":
            return None
        elif marker == _SOS and len(content) >= 6 and content[0] == 1:
            sizes, predictor, shift = tables.get(content[2] >> 4), content[3], content[5] & 15
            if sizes is None or not 1 <= predictor <= 7:
                return None
            # The difference 32768 is a category of its own and has no further bits.
            return _Scan(predictor, shift, sizes[:17] + np.array([*range(16), 0]), end)
    return None


def _differences(x: NDArray[np.uint16], predictor: int, first: int, has_row_above: bool) -> NDArray[np.uint16]:
    """Samples less their predictions, modulo 65536 (T.81, table H.1); without those of a row that is only above."""
    top, left, above, corner = x[0], x[1:, :-1], x[:-1, 1:], x[:-1, :-1]
    guess = np.empty(x[1:].shape, np.uint16)
    guess[:, 0] = x[:-1, 0]
    if predictor <= 3:
        guess[:, 1:] = (left, above, corner)[predictor - 1]
    elif predictor == 4:
        guess[:, 1:] = left + above - corner
    else:
        l, a, c = (part.astype(np.int32) for part in (left, above, corner))  # noqa: E741 - as the standard has it
        halves = {5: l + ((a - c) >> 1), 6: a + ((l - c) >> 1), 7: (l + a) >> 1}
        guess[:, 1:] = halves[predictor].astype(np.uint16)
    rest = x[1:] - guess
    if has_row_above:
        return rest
    first_row = np.concatenate([top[:1] - np.uint16(first), top[1:] - top[:-1]])
    return np.concatenate([first_row[None], rest])


def _categories(differences: NDArray[np.uint16]) -> NDArray[np.int64]:
    """How many differences need 0, 1, ... 16 bits for their magnitude."""
    magnitudes = np.abs(differences.view(np.int16)).view(np.uint16)
    at_least = [magnitudes.size]
    for bits in range(1, 17):
        at_least.append(int(np.count_nonzero(magnitudes >= 1 << (bits - 1))) if at_least[-1] else 0)
    return np.asarray(-np.diff([*at_least, 0]))

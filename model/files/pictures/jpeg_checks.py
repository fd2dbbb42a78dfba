"""What tells that a JPEG stream is damaged though its decoder saw nothing: ends, lengths, and seams in the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from model.files.pictures.jpeg_headers import DHT, DRI, EOI, SOS, Frame, segments

# Bytes at the end of a scan, and the most blocks that they make.
_LAST_BYTES, _LAST_BLOCKS = 2, 6
# Units at a side of the picture among which a seam's end is not looked for.
_LEAST = 2
# Steps are cut to so many levels of 256 when places are compared; the mean step is at least this share of the mean
# height of all steps in its two rows, and so many places are looked at closely.
_HIGHEST_STEP, _LEAST_CONTRAST, _CANDIDATES = 64, 0.3, 2
# A seam, in standard errors: of 16,571 real files none reaches 4.6. Rounding alone gives half a level of spread.
_LEAST_SEAM, _LEAST_SPREAD = 6, 0.5
# Of a lossless scan that are looked at together: what stays in the cache.
_ROWS = 64


def check_end(stream: bytes, pixels: NDArray[Any], decode_again: Callable[[bytes], NDArray[Any]]) -> None:
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


def check_length(stream: bytes, head: Frame, pixels: NDArray[Any]) -> None:
    """Compare the bits of a lossless scan with those that its pixels take (T.81, annex H).

    A decoder that ran out of data has filled up, and one that lost its place has left some over. Streams of several
    components or scans, or with restart markers, are not counted.

    Raises:
        ValueError: they differ, or a sample takes more bits than the header says.
    """
    low, high = (int(end) for end in cv2.minMaxLoc(pixels.view(np.int16))[:2]) if pixels.itemsize == 2 else (0, 0)
    half = 1 << (head.precision - 1)
    # Their encoder may have held the samples as signed numbers.
    if head.precision < 16 and not (0 <= low <= high < 2 * half or -half <= low <= high < half):
        raise ValueError("samples lie beyond their precision")
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
        # 0xFF in the code is followed by a zero, and the last byte is filled up with equal bits.
        left = available - wanted
        if not after.any() and 0 <= left < 8 and (_last_byte(code) + 1) % (1 << left) <= 1:
            return
    raise ValueError("the scan's length does not fit its pixels")


def _last_byte(code: NDArray[np.uint8]) -> int:
    return 0xFF if code[-2:].tolist() == [0xFF, 0] else int(code[-1])


def _bits_taken(samples: NDArray[np.uint16], scan: _Scan, first: int) -> int:
    counts = np.zeros(17, np.int64)
    for row in range(0, len(samples), _ROWS):
        part = samples[max(0, row - 1) : row + _ROWS].astype(np.uint16, copy=False)
        counts += _categories(_differences(part, scan.predictor, first, row > 0))
    return int(counts @ scan.bits)


def check_seams(pixels: NDArray[Any], head: Frame) -> None:
    """Look for the step that one wrong bit leaves in a picture of DCT blocks whose code goes on as if nothing was.

    The mean of a block is coded as the difference from the block before (T.81, F.1.1.5.1), so that all blocks after a
    wrong one are lighter or darker, in the order of reading: the step lies above the rest of one row of blocks and
    above the beginning of the next row, equal in both, and there is none in the remainder of either. No edge of a
    body, a collimator or a label has that shape; a shift in the first or last row, or close to a side, is not seen.

    Args:
        pixels: (H, W) or (H, W, components), perhaps smaller than the stream's.
        head: of the stream.

    Raises:
        ValueError: there is such a step.
    """
    scale = max(1, round(head.height / len(pixels)))
    steps = _steps(pixels, head.unit[0] // scale, head.unit[1] // scale)
    steps *= np.float32(2.0 ** (8 - max(8, head.precision)))
    rows, columns = steps.shape
    if rows < 2 or columns < 4 * _LEAST:
        return
    clipped = np.clip(steps, -_HIGHEST_STEP, _HIGHEST_STEP)
    sums = np.cumsum(clipped, axis=1)
    before = sums[:, _LEAST - 1 : columns - _LEAST]
    after = sums[:, -1:] - before
    roughness = np.abs(clipped, out=clipped).mean(axis=1) + np.float32(0.15)
    # The rest of a row and the beginning of the next, less the remainder of both.
    contrast = np.abs(after[:-1] + before[1:]) - np.abs(before[:-1] + after[1:])
    contrast /= (roughness[:-1] + roughness[1:])[:, None]
    for _ in range(_CANDIDATES):
        row, place = divmod(int(contrast.argmax()), contrast.shape[1])
        if contrast[row, place] < _LEAST_CONTRAST * columns:
            return
        if _strength(steps[row], steps[row + 1], place + _LEAST) > _LEAST_SEAM:
            raise ValueError("all blocks after one are lighter or darker")
        contrast[row, place] = 0


def _steps(pixels: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """(rows, columns) mean step across each upper border of the units below the first row, less the slope beside it."""
    rows, columns = (len(pixels) - 2) // height, pixels.shape[1] // width
    if rows < 1 or columns < 1:
        return np.zeros((0, 0), np.float32)
    # Of colours the green, which has the most of the brightness.
    channel = pixels if pixels.ndim == 2 else pixels[..., min(1, pixels.shape[2] - 1)]
    above, over, below, under = (channel[height + offset :: height, : columns * width] for offset in (-1, -2, 0, 1))
    kind = cv2.CV_16S if pixels.itemsize == 1 else cv2.CV_32F
    step, slope = (
        cv2.subtract(np.ascontiguousarray(low[:rows]), np.ascontiguousarray(high[:rows]), dtype=kind)
        for low, high in ((below, above), (under, over))
    )
    doubled = cv2.addWeighted(step, 3, slope, -1, 0, dtype=kind)
    return np.asarray(cv2.resize(doubled, (columns, rows), interpolation=cv2.INTER_AREA) / np.float32(2), np.float32)


def _strength(upper: NDArray[np.float32], lower: NDArray[np.float32], place: int) -> float:
    """By how many standard errors the weaker part of a step is above what is beside it."""
    inside, outside = (upper[place:], lower[:place]), (upper[:place], lower[place:])
    joined = np.concatenate(inside), np.concatenate(outside)
    middle, spread = float(np.median(joined[0])), 0.0
    for values in joined:
        spread += 0.74 * float(np.median(np.abs(values - np.median(values))))
    lowest = min(float(np.median(values)) * np.sign(middle) for values in inside)
    highest = max(abs(float(np.median(values))) for values in outside)
    shortest = min(len(values) for values in inside)
    return float((lowest - highest) * np.sqrt(shortest) / (spread + _LEAST_SPREAD))


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
        if marker == DHT:
            while len(content) >= 17:
                counts = list(content[1:17])
                symbols = content[17 : 17 + sum(counts)]
                table = np.zeros(256, np.int64)
                table[list(symbols)] = np.repeat(np.arange(1, 17), counts)[: len(symbols)]
                tables[content[0]] = table
                content = content[17 + sum(counts) :]
        elif marker == DRI and content[:2] != b"\0\0":
            return None
        elif marker == SOS and len(content) >= 6 and content[0] == 1:
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

"""Notes on the quality of a radiograph: never a refusal, but a reason to trust its reading less."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.messages import Code, Message
from model.reading.input_check import Screening
from model.reading.lungs import Lungs
from model.reading.radiograph import Radiograph, average

# Fewer pixels a side than the network takes: it then reads what enlarging made up.
_FEWEST_PIXELS = 200
_BLACK, _WHITE = 6, 249
# Shares of pixels at the end of the grey scale above which detail must have been lost. Black borders are common.
_MOST_BLACK, _MOST_WHITE = 0.6, 0.3
_LEAST_SPREAD = 45.0
# Steps between neighbouring pixels across JPEG's 8 x 8 blocks against those inside: 1 without compression.
_BLOCKS = 2.0
# Pixels a side of the part that is looked at for blocks: several thousand steps tell as well as millions.
_BLOCKS_SIDE = 224
_TOUCHING = 0.12
_UNLIKE = 0.995
# Degrees: the lungs of patients who sit straight seldom lie so far from level, whose heart lifts one of them a little.
_TILTED = 18.0
# Letters of burned-in text: their height as a share of the longer side, and how many make a line.
_LETTER_HEIGHT, _LETTERS = (0.007, 0.05), 5
_TEXT_SIDE = 1024
_STROKE = 90
# Of the picture in which text is looked for, a preview has to be no larger than this to save time.
_MUCH_SMALLER = 0.75


@dataclass(frozen=True)
class Note:
    """A message about the picture, and whether it makes its reading less certain."""

    message: Message
    lessens: bool = True


WHOLE_PICTURE = Note(Message(Code.WHOLE_PICTURE))


def notes(
    radiograph: Radiograph, seen: Screening | None = None, lungs: Lungs | None = None, mirrored: bool = False
) -> tuple[Note, ...]:
    """What about this picture makes a reading less certain.

    Args:
        radiograph: decoded.
        seen: what the input check found, if there was one.
        lungs: where they are, if they were looked for.
        mirrored: whether it seems so.

    Returns:
        The notes; none for a good picture.
    """
    black, white, spread = greys(radiograph.overview)
    found = []
    if min(radiograph.pixels.shape) < _FEWEST_PIXELS:
        height, width = radiograph.pixels.shape
        found.append(Note(Message(Code.FEW_PIXELS, width=width, height=height)))
    if black > _MOST_BLACK:
        found.append(Note(Message(Code.MOSTLY_BLACK)))
    if white > _MOST_WHITE:
        found.append(Note(Message(Code.MUCH_WHITE)))
    if spread < _LEAST_SPREAD:
        found.append(Note(Message(Code.LOW_CONTRAST)))
    if blockiness(radiograph.pixels) > _BLOCKS:
        found.append(Note(Message(Code.COMPRESSED)))
    if has_text(radiograph):
        found.append(Note(Message(Code.HAS_TEXT), lessens=False))
    if seen is not None and seen.accepted and seen.unlike > _UNLIKE:
        found.append(Note(Message(Code.UNLIKE_TRAINING)))
    found += _of_lungs(lungs)
    if mirrored:
        # The network learned from pictures of both kinds alike, so its answer is no less certain.
        found.append(Note(Message(Code.MIRRORED), lessens=False))
    return tuple(found)


def _of_lungs(lungs: Lungs | None) -> list[Note]:
    if lungs is None:
        return []
    if not lungs.found:
        return [Note(Message(Code.NO_LUNGS))]
    found = []
    if lungs.cropped > _TOUCHING:
        found.append(Note(Message(Code.LUNGS_CROPPED)))
    if (tilt := lungs.tilt) is not None and abs(tilt) > _TILTED:
        found.append(Note(Message(Code.TILTED, degrees=round(abs(tilt)))))
    return found


def greys(pixels: NDArray[np.float32]) -> tuple[float, float, float]:
    """How a picture fills the grey scale.

    Args:
        pixels: (H, W) grey, 0 to 255.

    Returns:
        Shares of pixels that are nearly black and nearly white, and the greys between the 5th and 95th percentile.
    """
    counts = cv2.calcHist([pixels], [0], None, [256], [0, 256]).ravel()
    reached = np.cumsum(counts) / pixels.size
    low, high = np.searchsorted(reached, [0.05, 0.95])
    return float(reached[_BLACK]), 1 - float(reached[_WHITE - 1]), float(high - low)


def blockiness(pixels: NDArray[np.float32]) -> float:
    """Mean step across the borders of 8 x 8 blocks over the mean step elsewhere, about 1 for what is no coarse JPEG.

    Args:
        pixels: (H, W) grey, as they were decoded: resizing hides the blocks.
    """
    height, width = pixels.shape
    if min(height, width) < 64:
        return 1.0
    rows, columns = (min(side // 2, _BLOCKS_SIDE) & ~7 for side in (height, width))
    top, left = ((side - part) // 2 & ~7 for side, part in ((height, rows), (width, columns)))
    middle = pixels[top : top + rows, left : left + columns]
    ratios = []
    for axis, steps in enumerate((cv2.absdiff(middle[1:], middle[:-1]), cv2.absdiff(middle[:, 1:], middle[:, :-1]))):
        means = cv2.reduce(steps, 1 - axis, cv2.REDUCE_AVG).ravel()
        across, count = means[7::8], len(means)
        elsewhere = (means.sum() - across.sum()) / (count - len(across))
        ratios.append((float(across.mean()) + 0.05) / (float(elsewhere) + 0.05))
    return min(ratios)


def has_text(radiograph: Radiograph) -> bool:
    """Whether there seem to be lines of burned-in letters: small bright strokes of one height side by side."""
    pixels, small = radiograph.pixels, radiograph.preview
    factor = max(1, round(max(pixels.shape) / _TEXT_SIDE))
    side = max(pixels.shape) // factor
    paler = len(small) * factor / len(pixels)
    if paler > _MUCH_SMALLER:
        return _has_lines(_strokes(average(pixels, factor), side), side)
    # Most pictures have no letters, which a smaller copy tells in a fifth of the time: there strokes are paler.
    rows = _strokes(small, max(small.shape), 0.85 * paler).max(axis=1)
    reach = 3 * _reach(max(small.shape))
    places = np.flatnonzero(cv2.dilate(rows, np.ones((reach | 1, 1), np.uint8)))
    ends = np.flatnonzero(np.diff(places) > 1)
    scale = len(pixels) / len(small)
    for first, last in zip(places[np.r_[0, ends + 1]], places[np.r_[ends, -1]], strict=True) if len(places) else ():
        band = average(pixels[int(first * scale) : int((last + 1) * scale)], factor)
        if _has_lines(_strokes(band, side), side):
            return True
    return False


def _reach(side: int) -> int:
    return max(3, round(side * 0.012)) | 1


def _strokes(pixels: NDArray[np.float32], side: int, share: float = 1.0) -> NDArray[np.uint8]:
    """1 where a picture, or some rows of one of `side` pixels, is brighter than around it by a share of `_STROKE`."""
    reach = _reach(side)
    above = cv2.morphologyEx(cv2.convertScaleAbs(pixels), cv2.MORPH_TOPHAT, np.ones((reach, reach), np.uint8))
    return np.asarray(cv2.threshold(above, round(share * _STROKE), 1, cv2.THRESH_BINARY)[1], np.uint8)


def _has_lines(strokes: NDArray[np.uint8], side: int) -> bool:
    """Whether some strokes stand side by side as letters do."""
    # Outlines take a thirtieth of the time of connected components with statistics; those of holes have a parent.
    outlines, hierarchy = cv2.findContours(strokes, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parents = () if hierarchy is None else hierarchy[0, :, 3].tolist()
    parts = [cv2.boundingRect(outline) for outline, parent in zip(outlines, parents, strict=True) if parent < 0]
    lefts, tops, wide, tall = np.array(parts, np.int32).reshape(-1, 4).T
    lowest, highest = (share * side for share in _LETTER_HEIGHT)
    letters = (tall >= max(lowest, 5)) & (tall <= highest) & (wide <= 1.6 * tall)
    lefts, bottoms, heights = lefts[letters], (tops + tall)[letters], tall[letters]
    for bottom, height in zip(bottoms.tolist(), heights.tolist(), strict=True):
        same = (np.abs(bottoms - bottom) <= 0.2 * height) & (np.abs(heights - height) <= 0.25 * height)
        gaps = np.diff(np.sort(lefts[same]))
        # A run of letters without a gap of more than three letters.
        run = longest = 1
        for gap in gaps.tolist():
            run = run + 1 if gap <= 3 * height else 1
            longest = max(longest, run)
        if longest >= _LETTERS:
            return True
    return False

"""Notes on the quality of a radiograph: never a refusal, but a reason to trust its reading less."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.messages import Code, Message
from model.reading.heatmap import fit
from model.reading.input_check import Screening
from model.reading.lungs import Lungs
from model.reading.radiograph import Radiograph

# Fewer pixels a side than the network takes: it then reads what enlarging made up.
_FEWEST_PIXELS = 200
_BLACK, _WHITE = 6.0, 249.0
# Shares of pixels at the end of the grey scale above which detail must have been lost. Black borders are common.
_MOST_BLACK, _MOST_WHITE = 0.6, 0.3
_LEAST_SPREAD = 45.0
# Steps between neighbouring pixels across JPEG's 8 x 8 blocks against those inside: 1 without compression.
_BLOCKS = 2.0
_TOUCHING = 0.12
_UNLIKE = 0.995
# Degrees: the lungs of patients who sit straight seldom lie so far from level, whose heart lifts one of them a little.
_TILTED = 18.0
# Letters of burned-in text: their height as a share of the longer side, and how many make a line.
_LETTER_HEIGHT, _LETTERS = (0.007, 0.05), 5
_TEXT_SIDE = 1024


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
    pixels = radiograph.preview
    found = []
    if min(radiograph.pixels.shape) < _FEWEST_PIXELS:
        height, width = radiograph.pixels.shape
        found.append(Note(Message(Code.FEW_PIXELS, width=width, height=height)))
    if float((pixels <= _BLACK).mean()) > _MOST_BLACK:
        found.append(Note(Message(Code.MOSTLY_BLACK)))
    if float((pixels >= _WHITE).mean()) > _MOST_WHITE:
        found.append(Note(Message(Code.MUCH_WHITE)))
    # Every fourth pixel tells the spread as well as all of them, which take a millisecond.
    low, high = np.percentile(pixels[::2, ::2], [5, 95])
    if high - low < _LEAST_SPREAD:
        found.append(Note(Message(Code.LOW_CONTRAST)))
    if blockiness(radiograph.pixels) > _BLOCKS:
        found.append(Note(Message(Code.COMPRESSED)))
    if has_text(radiograph.pixels):
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


def blockiness(pixels: NDArray[np.float32]) -> float:
    """Mean step across the borders of 8 x 8 blocks over the mean step elsewhere, about 1 for what is no coarse JPEG.

    Args:
        pixels: (H, W) grey, as they were decoded: resizing hides the blocks.
    """
    height, width = pixels.shape
    if min(height, width) < 64:
        return 1.0
    middle = pixels[(height // 4) & ~7 : (3 * height // 4) & ~7, (width // 4) & ~7 : (3 * width // 4) & ~7]
    ratios = []
    for steps in (np.abs(np.diff(middle, axis=0)).mean(axis=1), np.abs(np.diff(middle, axis=1)).mean(axis=0)):
        across = np.arange(len(steps)) % 8 == 7
        ratios.append(float(steps[across].mean() + 0.05) / float(steps[~across].mean() + 0.05))
    return min(ratios)


def has_text(pixels: NDArray[np.float32]) -> bool:
    """Whether there seem to be lines of burned-in letters: small bright strokes of one height side by side.

    Args:
        pixels: (H, W) grey, 0 to 255.
    """
    grey = np.clip(fit(pixels, _TEXT_SIDE), 0, 255).astype(np.uint8)
    side = max(grey.shape)
    reach = max(3, round(side * 0.012)) | 1
    strokes = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((reach, reach), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats((strokes > 90).astype(np.uint8), connectivity=8)
    lowest, highest = (share * side for share in _LETTER_HEIGHT)
    tall, wide = stats[1:, cv2.CC_STAT_HEIGHT], stats[1:, cv2.CC_STAT_WIDTH]
    letters = stats[1:][(tall >= max(lowest, 5)) & (tall <= highest) & (wide <= 1.6 * tall)]
    bottoms, heights = letters[:, cv2.CC_STAT_TOP] + letters[:, cv2.CC_STAT_HEIGHT], letters[:, cv2.CC_STAT_HEIGHT]
    lefts = letters[:, cv2.CC_STAT_LEFT]
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

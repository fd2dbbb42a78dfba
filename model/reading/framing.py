"""The part of a radiograph that the network looks at: the lungs with a margin, brought to one sharpness.

Training and reading both go through `frame`, so that they can't differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.reading.card import Framing
from model.reading.lungs import Lungs
from model.reading.radiograph import to_input

# A box of lungs that makes no sense is not used: shares of the picture squashed to a square. Looked at on every source
# of the training data.
LEAST_WIDTH, LEAST_HEIGHT, LEAST_AREA = 0.35, 0.25, 0.14
WIDEST, NARROWEST = 2.4, 0.6
# Parts of the mask that are smaller than this share of the largest one are not counted.
SMALL_PART = 0.12
# Cells a side of a heatmap over the whole picture: several times as fine as the network's own.
GRID = 28


@dataclass(frozen=True)
class Box:
    """A rectangle, in shares of the picture's width and height: 0 is the left or upper edge, 1 the right or lower."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Share of the picture's width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Share of the picture's height."""
        return self.bottom - self.top

    def widened(self, margin: float) -> Box:
        """With `margin` times its width and height more on each side, as far as the picture goes."""
        x, y = margin * self.width, margin * self.height
        return Box(max(0.0, self.left - x), max(0.0, self.top - y), min(1.0, self.right + x), min(1.0, self.bottom + y))

    def slices(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of a picture of (height, width) pixels that lie in the box; at least one of each."""
        top, left = min(round(self.top * height), height - 1), min(round(self.left * width), width - 1)
        bottom, right = max(round(self.bottom * height), top + 1), max(round(self.right * width), left + 1)
        return slice(top, bottom), slice(left, right)


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def lungs_box(lungs: Lungs) -> Box | None:
    """The rectangle around both lungs.

    Args:
        lungs: as the lung network finds them in the whole picture.

    Returns:
        The rectangle; None where it makes no sense, such as where one lung was found or next to none.
    """
    side = lungs.mask.shape[0]
    parts, _ = lungs.parts
    if not len(parts):
        return None
    kept = parts[parts[:, cv2.CC_STAT_AREA] >= SMALL_PART * parts[:, cv2.CC_STAT_AREA].max()]
    left, top = kept[:, cv2.CC_STAT_LEFT], kept[:, cv2.CC_STAT_TOP]
    right, bottom = left + kept[:, cv2.CC_STAT_WIDTH], top + kept[:, cv2.CC_STAT_HEIGHT]
    box = Box(*(float(edge) / side for edge in (left.min(), top.min(), right.max(), bottom.max())))
    big_enough = box.width >= LEAST_WIDTH and box.height >= LEAST_HEIGHT and box.width * box.height >= LEAST_AREA
    return box if big_enough and NARROWEST <= box.width / box.height <= WIDEST else None


def frame(pixels: NDArray[np.float32], box: Box | None, framing: Framing) -> NDArray[np.float32]:
    """What the network looks at.

    Args:
        pixels: (H, W) float32 grey, 0 to 255.
        box: of the lungs, without a margin; None for the whole picture.
        framing: from the bundle's card.

    Returns:
        (1, size, size, 1) float32, 0 to 255.
    """
    if box is not None and framing.margin is not None:
        pixels = pixels[box.widened(framing.margin).slices(*pixels.shape)]
    return enlarge(to_input(pixels, framing.detail), framing.size)


def enlarge(pictures: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """(N, detail, detail, 1) float32 pictures of one sharpness -> (N, size, size, 1)."""
    if pictures.shape[1] == size:
        return pictures
    larger = [cv2.resize(one[:, :, 0], (size, size), interpolation=cv2.INTER_LINEAR) for one in pictures]
    return np.stack(larger)[..., None]


def place(maps: NDArray[np.float32], box: Box | None, framing: Framing, grid: int = GRID) -> NDArray[np.float32]:
    """Put the maps of what the network looked at back at their place on the whole picture.

    Args:
        maps: (h, w, C), what each cell of the network's input added to each logit.
        box: of the lungs, as `frame` had it.
        framing: the same.
        grid: cells a side over the whole picture.

    Returns:
        (grid, grid, C) where the network saw a part of the picture, 0 outside it: what each of these smaller cells
        added, so that they still add up to the same but for rounding at the border. `maps` itself where the network
        saw the whole picture.
    """
    if box is None or framing.margin is None:
        return maps
    part = box.widened(framing.margin)
    height, width, classes = maps.shape
    middles = (np.arange(grid, dtype=np.float32) + 0.5) / grid
    # Where the middle of each small cell lies among the network's cells.
    x = (middles - part.left) / part.width * width - 0.5
    y = (middles - part.top) / part.height * height - 0.5
    columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    placed = cv2.remap(maps, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    placed = placed.reshape(grid, grid, classes)
    inside = (middles >= part.left) & (middles < part.right), (middles >= part.top) & (middles < part.bottom)
    share = (height * width) / (grid * grid * part.width * part.height)
    return np.asarray(placed * (share * inside[1][:, None, None] * inside[0][None, :, None]), dtype=np.float32)

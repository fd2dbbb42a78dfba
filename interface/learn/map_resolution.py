"""A small experiment: what is left of a round spot's outline when even a perfect map has only so many cells."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Coarse:
    """A spot, and what a map of few cells can say of it.

    Attributes:
        spot: (S, S) bool.
        cells: (n, n) float32, the share of each cell that the spot covers: what a perfect map would know.
        outline: (S, S) bool, the best outline that can be drawn from the enlarged cells.
        overlap: intersection over union of spot and outline.
        area: of the outline, as a multiple of the spot's.
    """

    spot: NDArray[np.bool_]
    cells: NDArray[np.float32]
    outline: NDArray[np.bool_]
    overlap: float
    area: float


def look(diameter: int, cells: int, size: int = 224, across: float = 0.35, down: float = 0.6) -> Coarse:
    """Show a round spot to a perfect map.

    Args:
        diameter: of the spot, in pixels.
        cells: of the map, a side.
        size: pixels a side of the picture, a multiple of `cells`.
        across: centre of the spot, as a share of the side.
        down: likewise.

    Returns:
        The spot, the cells, and the outline at that threshold (of 50) which overlaps the spot most.
    """
    y, x = np.mgrid[0:size, 0:size] + 0.5
    spot = (x - across * size) ** 2 + (y - down * size) ** 2 <= (diameter / 2) ** 2
    step = size // cells
    known = spot.reshape(cells, step, cells, step).mean(axis=(1, 3)).astype(np.float32)
    smooth = cv2.resize(known, (size, size), interpolation=cv2.INTER_LINEAR)
    best = (0.0, np.zeros_like(spot))
    for threshold in np.linspace(0, 1, 51)[:-1] * float(smooth.max()):
        outline = smooth > threshold
        overlap = float((spot & outline).sum() / (spot | outline).sum())
        best = max(best, (overlap, outline), key=lambda pair: pair[0])
    return Coarse(spot, known, best[1], best[0], float(best[1].sum() / spot.sum()))


def picture(seen: NDArray[np.uint8], coarse: Coarse) -> NDArray[np.uint8]:
    """The spot and its best outline on the picture, (3 S, 3 S, 3) RGB: filled in orange, outlined in blue."""
    size = seen.shape[0]
    large = cv2.cvtColor(cv2.resize(seen, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR), cv2.COLOR_GRAY2RGB)
    for mask, colour, width in ((coarse.spot, (213, 94, 0), cv2.FILLED), (coarse.outline, (86, 180, 233), 5)):
        enlarged = cv2.resize(mask.astype(np.uint8), (3 * size, 3 * size), interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(enlarged, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if width > 0:
            cv2.drawContours(large, outlines, -1, (0, 0, 0), width + 4)
        cv2.drawContours(large, outlines, -1, colour, width)
    return np.asarray(large, dtype=np.uint8)

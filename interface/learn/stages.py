"""What the stages make of the picture at hand: a few of each one's maps as a picture, and figures about all of them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from interface.components.images import to_grey
from interface.core import queue
from interface.core.memory import make_sure_of_room
from interface.learn.architecture import Stage
from model.reading.card import Card, chosen, read_model
from model.reading.network import feature_maps

COLUMNS, ROWS = 6, 3
# Pixels a side of one map, and between two.
TILE, GAP = 112, 4
# Lines that stand out from any grey: one for the cell, one for its square, of different widths too.
_CELL, _SQUARE = (213, 94, 0), (86, 180, 233)


@dataclass(frozen=True)
class Maps:
    """One stage's feature maps of one picture.

    Attributes:
        side: cells a side.
        count: how many maps there are.
        mosaic: (H, W) uint8, `COLUMNS` times `ROWS` maps that vary most over the picture, each from its least value
            (black) to its largest (white).
        zero: share of all values that are 0.
        silent: number of maps that are 0 everywhere on this picture.
    """

    side: int
    count: int
    mosaic: NDArray[np.uint8]
    zero: float
    silent: int


def look(seen: NDArray[np.uint8], card: Card) -> list[Maps]:
    """Run the loaded bundle's file once more and keep what lies between its stages.

    Args:
        seen: (S, S) uint8, the picture as the network received it.
        card: of the loaded bundle.

    Returns:
        The stages from the picture up.

    Raises:
        Unreadable: the server has no memory to spare.
        model.reading.card.BundleError: the bundle was changed since it was loaded.
        ValueError: the file has no stages.
    """
    with queue.turn():
        make_sure_of_room()
        model = read_model(chosen(), card)
        return [summary(values) for values in feature_maps(model, seen[None, :, :, None].astype(np.float32))]


def summary(values: NDArray[np.float32]) -> Maps:
    """A stage's (h, w, K) values as a page shows them."""
    spread = values.std(axis=(0, 1))
    liveliest = np.argsort(-spread)[: COLUMNS * ROWS]
    rows = -(-len(liveliest) // COLUMNS)
    mosaic = np.zeros((rows * (TILE + GAP) - GAP, COLUMNS * (TILE + GAP) - GAP), np.uint8)
    for place, number in enumerate(liveliest):
        cells = values[:, :, number]
        grey = (cells - cells.min()) * (255 / max(float(np.ptp(cells)), 1e-12))
        # Cells as they are: smooth enlarging would hide how few there are.
        y, x = (TILE + GAP) * (place // COLUMNS), (TILE + GAP) * (place % COLUMNS)
        mosaic[y : y + TILE, x : x + TILE] = cv2.resize(to_grey(grey), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    silent = int((values.max(axis=(0, 1)) <= 0).sum())
    return Maps(values.shape[0], values.shape[2], mosaic, float((values == 0).mean()), silent)


def draw_square(seen: NDArray[np.uint8], stage: Stage, row: int, column: int) -> tuple[NDArray[np.uint8], float]:
    """Mark what one value of a stage stands for, and what it can depend on.

    Args:
        seen: (S, S) uint8, the picture as the network received it.
        stage: of a network for pictures of this size.
        row: of the value, 0 to `stage.side` - 1.
        column: likewise.

    Returns:
        A (3 S, 3 S, 3) RGB picture with both squares, and the share of the picture in the larger one.
    """
    side = seen.shape[0]
    enlarged = cv2.resize(seen, None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    large = np.asarray(cv2.cvtColor(enlarged, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    (top, bottom), (left, right) = stage.square(row), stage.square(column)
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, side), min(right, side)
    cell = side // stage.side
    for width, inner in ((9, False), (5, True)):  # first a dark rim, so that the lines stand out from white bone
        _rectangle(large, (left, top, right, bottom), _SQUARE if inner else (0, 0, 0), width)
        corner = (column * cell, row * cell, (column + 1) * cell, (row + 1) * cell)
        _rectangle(large, corner, _CELL if inner else (0, 0, 0), max(3, width - 2))
    return large, (bottom - top) * (right - left) / side**2


def _rectangle(
    picture: NDArray[np.uint8], corners: tuple[int, int, int, int], colour: tuple[int, int, int], width: int
) -> None:
    left, top, right, bottom = (3 * value for value in corners)
    # Inside the picture, also where the square reaches its edge.
    inset = width // 2
    high = (max(left + inset, right - 1 - inset), max(top + inset, bottom - 1 - inset))
    cv2.rectangle(picture, (left + inset, top + inset), high, colour, width)

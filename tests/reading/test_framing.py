"""The lungs' box, what the network looks at, and its maps back in their place."""

from __future__ import annotations

import numpy as np
import pytest

from model.reading.card import Framing
from model.reading.framing import GRID, Box, enlarge, frame, lungs_box, place
from model.reading.lungs import Lungs
from model.reading.radiograph import to_input


def two_lungs(side: int = 128, width: float = 0.25) -> np.ndarray:
    mask = np.zeros((side, side), np.float32)
    reach = round(width * side)
    mask[round(0.2 * side) : round(0.7 * side), round(0.15 * side) : round(0.15 * side) + reach] = 1
    mask[round(0.2 * side) : round(0.7 * side), round(0.85 * side) - reach : round(0.85 * side)] = 1
    return mask


def test_box_holds_both_lungs_and_no_specks() -> None:
    mask = two_lungs()
    mask[120:124, 120:124] = 1
    box = lungs_box(Lungs(mask))
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.15, 0.2, 0.85, 0.7), abs=0.01)


@pytest.mark.parametrize(
    "mask", [np.zeros((128, 128), np.float32), two_lungs()[:, ::-1] * np.r_[np.ones(64), np.zeros(64)]]
)
def test_no_box_without_two_lungs(mask: np.ndarray) -> None:
    assert lungs_box(Lungs(mask.astype(np.float32))) is None


def test_whole_picture_at_its_own_sharpness_is_the_plain_input() -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (300, 260)).astype(np.float32)
    assert np.array_equal(frame(pixels, Box(0.2, 0.2, 0.8, 0.8), Framing(64, 64, None)), to_input(pixels, 64))
    assert np.array_equal(frame(pixels, None, Framing(64, 64, 0.1)), to_input(pixels, 64))


def test_frame_cuts_the_box_with_its_margin() -> None:
    pixels = np.zeros((200, 100), np.float32)
    # The box with a margin of a tenth on each side.
    pixels[40:160, 20:80] = 200
    seen = frame(pixels, Box(0.25, 0.25, 0.75, 0.75), Framing(32, 32, 0.1))
    assert seen.shape == (1, 32, 32, 1) and seen.min() == 200


def test_every_file_gets_one_sharpness() -> None:
    sharp = np.random.default_rng(0).uniform(0, 255, (512, 512)).astype(np.float32)
    framing = Framing(96, 32, None)
    small = to_input(sharp, 32)[0, :, :, 0]
    assert np.allclose(frame(sharp, None, framing), frame(small, None, framing), atol=1e-3)
    assert enlarge(small[None, :, :, None], 96).shape == (1, 96, 96, 1)


def test_maps_are_put_back_in_their_place_and_add_up() -> None:
    maps = np.ones((4, 4, 3), np.float32) * [1, 2, -1]
    box = Box(0.25, 0.5, 0.75, 0.9)
    placed = place(maps.astype(np.float32), box, Framing(128, 128, 0.0))
    assert placed.shape == (GRID, GRID, 3)
    assert placed.sum(axis=(0, 1)) == pytest.approx(maps.sum(axis=(0, 1)), rel=0.1)
    rows, columns = np.nonzero(placed[:, :, 0])
    assert rows.min() == GRID // 2 and rows.max() < 0.9 * GRID
    assert columns.min() == GRID // 4 and columns.max() < 0.75 * GRID
    assert place(maps.astype(np.float32), None, Framing(128, 128, 0.0)) is not None

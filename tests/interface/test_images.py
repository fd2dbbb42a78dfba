"""Pictures for the page: bounded, in their own shape and colours."""

from __future__ import annotations

import cv2
import numpy as np

from interface.components import images
from interface.components.images import LONGEST_SIDE
from tests.conftest import draw_chest


def test_display_copy_is_bounded_and_keeps_its_shape() -> None:
    wide = images.for_display(np.full((1000, 4000), 130.4, np.float32))
    assert wide.shape == (LONGEST_SIDE // 4, LONGEST_SIDE)
    assert wide.dtype == np.uint8
    assert (wide == 130).all()
    assert images.for_display(np.zeros((20, 30), np.float32)).shape == (20, 30)


def test_the_page_shows_what_the_array_holds() -> None:
    chest = draw_chest(np.random.default_rng(2), "other", 300)
    back = np.asarray(cv2.imdecode(np.frombuffer(images.jpeg(chest), np.uint8), cv2.IMREAD_UNCHANGED))
    assert back.shape == chest.shape
    assert np.abs(back.astype(int) - chest).mean() < 3


def test_red_stays_red() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[:, :, 0] = 200
    back = np.asarray(cv2.imdecode(np.frombuffer(images.jpeg(red), np.uint8), cv2.IMREAD_COLOR))[:, :, ::-1]
    assert np.abs(back.reshape(-1, 3).mean(axis=0) - [200, 0, 0]).max() < 5

"""The heatmap over the picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from model.reading import heatmap

MAP = np.zeros((7, 7), np.float32)
MAP[1, 5], MAP[5, 1] = 2.0, -4.0
GREY = np.full((140, 210), 100, np.float32)


def test_evidence_is_the_positive_part_as_a_share_of_the_strongest() -> None:
    found = heatmap.evidence(MAP + 1)
    assert found is not None
    assert found.max() == 1 and found[1, 5] == 1
    assert found[0, 0] == pytest.approx(1 / 3) and found[5, 1] == 0


@pytest.mark.parametrize("class_map", [-np.ones((7, 7)), np.zeros((7, 7)), np.full((7, 7), np.nan), np.zeros((0, 0))])
def test_no_evidence_is_none_and_leaves_the_picture_alone(class_map: np.ndarray) -> None:
    class_map = class_map.astype(np.float32)
    assert heatmap.evidence(class_map) is None
    assert np.array_equal(heatmap.overlay(GREY, class_map), np.full((140, 210, 3), 100))


def test_the_overlay_colours_where_the_evidence_is() -> None:
    found = heatmap.overlay(GREY, MAP, opacity=1.0)
    assert found.shape == (140, 210, 3) and found.dtype == np.uint8
    changed = np.ptp(found.astype(int), axis=2)
    assert changed[30, 165] > 50  # the middle of cell (1, 5)
    assert changed[110, 45] == 0  # evidence against the class shows nothing
    assert np.array_equal(found[60:, :90], np.full((80, 90, 3), 100))


def test_opacity_scales_the_change() -> None:
    strong, half = (heatmap.overlay(GREY, MAP, opacity).astype(float) - 100 for opacity in (1.0, 0.5))
    assert np.abs(strong - 2 * half).max() <= 2
    assert np.array_equal(heatmap.overlay(GREY, MAP, 0.0), np.full((140, 210, 3), 100))
    assert np.array_equal(heatmap.overlay(GREY, MAP, 7.0), heatmap.overlay(GREY, MAP, 1.0))


def test_the_heatmap_has_no_edges() -> None:
    found = heatmap.overlay(np.zeros((700, 700), np.float32), MAP, 1.0).astype(int)
    assert np.abs(np.diff(found, axis=0)).max() < 12 and np.abs(np.diff(found, axis=1)).max() < 12


@pytest.mark.parametrize("opacity", [0.3, 1.0])
def test_the_layer_laid_over_the_picture_is_the_overlay(opacity: float) -> None:
    found = heatmap.layer(MAP, 140, 210)
    assert found is not None and found.shape == (140, 210, 4)
    share = found[:, :, 3:] / 255 * opacity
    laid = GREY[:, :, None] * (1 - share) + found[:, :, :3] * share
    assert np.abs(laid - heatmap.overlay(GREY, MAP, opacity)).max() <= 1
    assert heatmap.layer(-np.ones((7, 7), np.float32), 140, 210) is None


def test_the_border_of_what_the_network_saw_has_no_bright_rim() -> None:
    placed = np.zeros((28, 28), np.float32)
    placed[6:20, 6:20] = 0.6
    shown = heatmap.layer(placed, 256, 256, strongest=1.0)
    assert shown is not None and shown[..., 3].max() == round(0.6 * 255)


def test_pictures_of_eight_bits_will_do() -> None:
    assert np.array_equal(heatmap.overlay(GREY.astype(np.uint8), MAP), heatmap.overlay(GREY, MAP))


def test_the_colours_grow_steadily_lighter() -> None:
    ramp = heatmap.layer(np.linspace(0, 1, 100, dtype=np.float32)[None], 1, 100)
    assert ramp is not None
    colours = ramp[0, :, :3]
    assert np.all(np.diff(colours @ [0.2126, 0.7152, 0.0722]) > 0)
    assert colours[0].max() < 10 and colours[-1].min() > 100


def test_png_keeps_grey_and_colours() -> None:
    colours = heatmap.overlay(GREY, MAP)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(heatmap.png(colours)))), colours)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(heatmap.png(GREY)))), GREY)
    layer = heatmap.layer(MAP, 30, 40)
    assert layer is not None
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(heatmap.png(layer)))), layer)


def test_an_empty_picture_is_no_png() -> None:
    with pytest.raises(ValueError, match="can't be written"):
        heatmap.png(np.zeros((0, 0)))


def test_fit_keeps_the_aspect_and_never_enlarges() -> None:
    assert heatmap.fit(np.ones((2000, 1000), np.float32), 500).shape == (500, 250)
    assert heatmap.fit(np.ones((9000, 1), np.float32), 500).shape == (500, 1)
    small = np.ones((20, 10), np.float32)
    assert heatmap.fit(small, 500) is small

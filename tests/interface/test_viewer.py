"""What the viewer in the browser gets: the picture once, the colours of the evidence, presets, outlines."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from interface.components import viewer, viewer_panels
from interface.components.images import jpeg
from model.reading import heatmap
from model.reading.lungs import Lungs

PICTURE = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
MAP = np.zeros((7, 7), np.float32)
MAP[1, 5] = 2
SHARES = (("lungs", viewer_panels.DARK), ("bones", viewer_panels.LIGHT))


def decoded(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))


def heated(class_map: NDArray[np.float32] = MAP) -> viewer.Panel:
    """The picture with one heatmap."""
    return viewer.Panel("The picture", "b", PICTURE, layers=(viewer.Layer("x", "With a heatmap", "y", class_map),))


def sent(*panels: viewer.Panel) -> dict[str, Any]:
    """The payload as the browser reads it."""
    found: dict[str, Any] = json.loads(json.dumps(viewer.payload(panels, "one")))
    return found


def test_one_picture_in_two_panels_is_sent_once() -> None:
    found = sent(viewer.Panel("The picture", "a", PICTURE), heated())
    assert [panel["picture"] for panel in found["panels"]] == [0, 0]
    (picture,) = found["pictures"]
    assert np.abs(np.asarray(decoded(picture)).astype(int) - PICTURE).max() < 8
    assert found["shape"] == "200 / 100" and found["panels"][0]["size"] == [200, 100]
    other = sent(viewer.Panel("One", "a", PICTURE), viewer.Panel("Other", "b", PICTURE.T.copy()))
    assert [panel["picture"] for panel in other["panels"]] == [0, 1] and len(other["pictures"]) == 2


def test_the_colours_are_those_of_the_rendering_in_the_picture_s_shape() -> None:
    content = sent(viewer.Panel("x", "y", PICTURE), heated(), heated(-MAP))
    bare, coloured, nothing = content["panels"]
    assert bare["layers"] == [] and nothing["layers"][0]["heat"] is None
    layer = heatmap.layer(MAP, 128, 256)
    assert layer is not None and np.array_equal(np.asarray(decoded(coloured["layers"][0]["heat"])), layer)
    assert coloured["caption"] == "The picture" and coloured["layers"][0]["caption"] == "With a heatmap"
    assert content["classes"] == [], "one heatmap is no choice"


def test_all_classes_of_a_picture_have_one_scale() -> None:
    layers = tuple(viewer.Layer(name, name, name, factor * MAP) for name, factor in (("a", 1.0), ("b", 0.25)))
    content = sent(viewer.Panel("x", "y", PICTURE, layers=layers, chosen=1))
    (panel,) = content["panels"]
    strong, weak = (np.asarray(decoded(layer["heat"]))[:, :, 3].max() for layer in panel["layers"])
    assert strong == 255 and weak == pytest.approx(64, abs=2)
    assert panel["chosen"] == 1 and [one["name"] for one in content["classes"]] == ["a", "b"]
    assert content["scale"]["caption"] == viewer.ONE_SCALE
    assert sent(heated())["scale"]["caption"] == viewer.OWN_SCALE


def test_the_colour_bar_runs_from_nothing_to_the_strongest() -> None:
    ramp = np.asarray(decoded(sent(viewer.Panel("x", "y", PICTURE))["scale"]["picture"]))
    assert ramp.shape[2] == 4
    assert (ramp[0, 0, 3], ramp[0, -1, 3]) == (0, 255)
    assert np.all(np.diff(ramp[0, :, 3].astype(int)) >= 0)


@pytest.mark.parametrize("picture", [PICTURE, (PICTURE // 2).astype(np.uint8), (255 - PICTURE // 4).astype(np.uint8)])
def test_presets_bring_lungs_or_bones_nearer_to_the_middle_and_cut_no_grey_off(picture: np.ndarray) -> None:
    curves = viewer_panels.curves(picture, None)
    greys = np.linspace(0, 255, viewer_panels.STEPS)
    inside = (greys >= picture.min()) & (greys <= picture.max())
    for values in curves.values():
        assert np.all(np.diff(np.array(values)[inside]) > 0), "two greys became one"
        assert min(values) >= 0 and max(values) <= 1
    spread = (greys - picture.min()) / (int(picture.max()) - int(picture.min()))
    for name, share in SHARES:
        before, after = (np.interp(np.quantile(picture, share), greys, values) for values in (spread, curves[name]))
        assert abs(after - 0.5) < abs(before - 0.5)


def test_the_lungs_preset_follows_the_lungs_where_they_were_found() -> None:
    mask = np.zeros((64, 64), np.float32)
    mask[:, :12] = 1  # the darkest part of the picture
    with_lungs, without = viewer_panels.curves(PICTURE, Lungs(mask)), viewer_panels.curves(PICTURE, None)
    assert sum(with_lungs["lungs"]) > sum(without["lungs"]) and with_lungs["bones"] == without["bones"]


def test_a_picture_of_one_grey_has_presets_that_change_nothing() -> None:
    for values in viewer_panels.curves(np.full((9, 9), 255, np.uint8), None).values():
        assert np.allclose(values, np.linspace(0, 1, viewer_panels.STEPS), atol=1e-3)


def test_lungs_are_a_closed_smooth_path_in_the_picture_s_pixels() -> None:
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 8:24] = mask[16:48, 40:56] = 1
    path = sent(viewer.Panel("x", "y", PICTURE, Lungs(mask)))["panels"][0]["outline"]
    assert path.count("M") == path.count("Z") == 2 and "L" not in path
    x, y = np.array([float(number) for number in re.findall(r"[\d.]+", path)]).reshape(-1, 2).T
    assert abs(x.min() - 25) <= 4 and abs(x.max() - 174) <= 4
    assert abs(y.min() - 25) <= 4 and abs(y.max() - 74) <= 4


def test_a_strip_names_its_pictures_and_the_one_at_hand() -> None:
    strip = [viewer.Thumbnail(key, f"{key}: Normal", jpeg(PICTURE)) for key in "ab"]
    content = viewer.payload([heated()], "x", strip, "b", "Result: Normal.")
    assert content["current"] == "b" and content["status"] == "Result: Normal."
    assert [one["label"] for one in json.loads(json.dumps(content))["strip"]] == ["a: Normal", "b: Normal"]

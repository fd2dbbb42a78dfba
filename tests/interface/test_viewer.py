"""What the viewer in the browser gets: the picture once, the colours of the evidence, presets, outlines."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from interface.components import viewer
from model.reading import heatmap
from model.reading.lungs import Lungs

PICTURE = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
MAP = np.zeros((7, 7), np.float32)
MAP[1, 5] = 2


def decoded(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))


def sent(*panels: viewer.Panel) -> dict[str, Any]:
    """The payload as the browser reads it."""
    found: dict[str, Any] = json.loads(json.dumps(viewer.payload(panels, "one")))
    return found


def test_one_picture_in_two_panels_is_sent_once() -> None:
    found = sent(viewer.Panel("The picture", "a", PICTURE), viewer.Panel("With a heatmap", "b", PICTURE, MAP))
    assert [panel["picture"] for panel in found["panels"]] == [0, 0]
    (picture,) = found["pictures"]
    assert np.abs(np.asarray(decoded(picture)).astype(int) - PICTURE).max() < 8
    assert found["shape"] == "200 / 100" and found["panels"][0]["box"] == "0 0 200 100"
    other = sent(viewer.Panel("One", "a", PICTURE), viewer.Panel("Other", "b", PICTURE.T.copy()))
    assert [panel["picture"] for panel in other["panels"]] == [0, 1] and len(other["pictures"]) == 2


def test_the_colours_are_those_of_the_rendering_in_the_picture_s_shape() -> None:
    bare, heated, nothing = sent(*(viewer.Panel("x", "y", PICTURE, one) for one in (None, MAP, -MAP)))["panels"]
    assert bare["heat"] is None and nothing["heat"] is None
    layer = heatmap.layer(MAP, 128, 256)
    assert layer is not None and np.array_equal(np.asarray(decoded(heated["heat"])), layer)


def test_the_colour_bar_runs_from_nothing_to_the_strongest() -> None:
    ramp = np.asarray(decoded(sent(viewer.Panel("x", "y", PICTURE))["scale"]["picture"]))
    assert ramp.shape[2] == 4
    assert (ramp[0, 0, 3], ramp[0, -1, 3]) == (0, 255)
    assert np.all(np.diff(ramp[0, :, 3].astype(int)) >= 0)


def test_presets_follow_the_greys_of_the_picture_and_are_never_empty() -> None:
    found = viewer.windows(PICTURE)
    assert found["lungs"][0] < found["bones"][0] < found["lungs"][1] < found["bones"][1] <= 199 / 255
    dark = viewer.windows((PICTURE // 2).astype(np.uint8))
    assert all(dark[name][1] < found[name][1] for name in found)
    for low, high in viewer.windows(np.full((9, 9), 255, np.uint8)).values():
        assert high - low >= 0.1 - 1e-9


def test_lungs_are_a_closed_path_in_the_picture_s_own_pixels() -> None:
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 8:24] = mask[16:48, 40:56] = 1
    path = sent(viewer.Panel("x", "y", PICTURE, None, Lungs(mask)))["panels"][0]["outline"]
    assert path.count("M") == path.count("Z") == 2
    points = np.array([point.split() for part in path.replace("M", "").split("Z") if part for point in part.split("L")])
    x, y = points.astype(float).T
    assert abs(x.min() - 25) <= 2 and abs(x.max() - 174) <= 2
    assert abs(y.min() - 25) <= 2 and abs(y.max() - 74) <= 2

"""A panel of the viewer as JSON holds it: its heatmaps, the outline of the lungs, and the curves of its presets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from interface.components import viewer
from interface.core.language import tr
from model.reading import heatmap
from model.reading.lungs import Lungs

if TYPE_CHECKING:
    from interface.components.viewer import Panel

# Points of a preset's curve; the browser draws straight lines between them.
STEPS = 33
# Shares of the pixels below the grey that a preset brings to the middle, where no lungs were found.
DARK, LIGHT = 0.3, 0.85
# Exponents beyond these would leave either end without contrast.
LEAST_EXPONENT, MOST_EXPONENT = 0.45, 2.5
# Standard deviation of the blur that takes the stairs out of the mask, and the distance between two points of the
# outline, as shares of the mask's and the picture's side.
BLUR, APART = 0.02, 0.03


def described(panel: Panel, number: int) -> dict[str, object]:
    """A panel.

    Args:
        panel: to show.
        number: of its picture among those that are sent.

    Returns:
        What `viewer.js` reads.
    """
    height, width = panel.picture.shape
    # One scale for all of them, or a class without much evidence would look as strong as any.
    strongest = max((float(layer.class_map.max()) for layer in panel.layers), default=0.0)
    summary = panel.summary
    return {
        "caption": panel.caption,
        "alt": panel.alt,
        "picture": number,
        "size": [width, height],
        "spacing": panel.spacing,
        "plane": tr("at the detector"),
        "outline": None if panel.lungs is None else outline(panel.lungs, height, width),
        "curves": curves(panel.picture, panel.lungs),
        "layers": [
            {"caption": layer.caption, "alt": layer.alt, "heat": _colours(layer.class_map, strongest, height, width)}
            for layer in panel.layers
        ],
        "chosen": panel.chosen,
        "summary": summary and {"headline": summary.headline, "sentence": summary.sentence, "scores": summary.scores},
    }


def _colours(class_map: NDArray[np.float32], strongest: float, height: int, width: int) -> str | None:
    shrunk = viewer.HEAT_SIDE / max(height, width)
    heat = heatmap.layer(class_map, max(1, round(height * shrunk)), max(1, round(width * shrunk)), strongest)
    return None if heat is None else viewer.data_url(heatmap.png(heat), "png")


def curves(picture: NDArray[np.uint8], lungs: Lungs | None) -> dict[str, list[float]]:
    """The presets of a picture, which come from its greys because exposures differ.

    A preset is a power of the grey's place between the darkest and the lightest of the picture: it brings the lungs,
    or the bones, to the middle, and no two greys become the same.

    Args:
        picture: (H, W) grey.
        lungs: of it, if they were found.

    Returns:
        By name, what becomes of `STEPS` greys evenly spread from black to white, 0 to 1.
    """
    low, high = int(picture.min()), int(picture.max())
    if high == low:
        return {name: np.linspace(0, 1, STEPS).round(4).tolist() for name in ("lungs", "bones")}
    sample = picture[::4, ::4]
    middles = {"lungs": float(np.quantile(sample, DARK)), "bones": float(np.quantile(sample, LIGHT))}
    if lungs is not None:
        inside = cv2.resize(lungs.mask, picture.shape[::-1], interpolation=cv2.INTER_LINEAR)[::4, ::4] > 0.5
        if inside.any():
            middles["lungs"] = float(np.median(sample[inside]))
    places = np.clip((np.linspace(0, 255, STEPS) - low) / (high - low), 0, 1)
    bounds = {"lungs": (LEAST_EXPONENT, 1.0), "bones": (1.0, MOST_EXPONENT)}
    presets = {}
    for name, middle in middles.items():
        share = min(max((middle - low) / (high - low), 0.01), 0.99)
        exponent = min(max(math.log(0.5) / math.log(share), bounds[name][0]), bounds[name][1])
        presets[name] = (places**exponent).round(4).tolist()
    return presets


def outline(lungs: Lungs, height: int, width: int) -> str:
    """The outlines as an SVG path of curves (quadratic splines), without the stairs of the mask.

    Args:
        lungs: with the mask.
        height: of the picture in pixels.
        width: of the picture in pixels.

    Returns:
        The value of a path's attribute `d`.
    """
    smooth = Lungs(np.asarray(cv2.GaussianBlur(lungs.mask, (0, 0), BLUR * lungs.mask.shape[0]), np.float32))
    step = max(1, round(APART * max(height, width)))
    return "".join(_spline(part[::step, 0].astype(float)) for part in smooth.outline(height, width))


def _spline(points: NDArray[np.float64]) -> str:
    """A closed curve that touches each side of the polygon at its middle."""
    middles = (points + np.roll(points, -1, axis=0)) / 2
    ends = np.roll(middles, 1, axis=0)[0]
    bends = "".join(f"Q{x:.1f} {y:.1f} {u:.1f} {v:.1f}" for (x, y), (u, v) in zip(points, middles, strict=True))
    return f"M{ends[0]:.1f} {ends[1]:.1f}{bends}Z"

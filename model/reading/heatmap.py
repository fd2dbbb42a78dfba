"""A class' map over the radiograph, in perceptual colours."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# matplotlib's inferno, which OpenCV has built in: as light as strong, also for the colour-blind and in print. Jet
# would draw borders where there are none (Borland and Taylor 2007, doi:10.1109/MCG.2007.323435).
_COLOURS: NDArray[np.uint8] = np.asarray(
    cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[:, 0, ::-1]
)
# Cells a side from which a map is fine enough to be enlarged linearly.
_SMALL_CELLS = 20
# Mild compression: half the file of none, in a fifth of the time that the strongest takes.
_PNG_LEVEL = 3
# OpenCV writes blue first.
_TO_BLUE_FIRST = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


def evidence(class_map: NDArray[np.float32], strongest: float | None = None) -> NDArray[np.float32] | None:
    """Heatmap for a class, as a share of the strongest part (Grad-CAM's ReLU: Selvaraju et al. 2017, section 3).

    Args:
        class_map: (h, w) what each cell added to the logit.
        strongest: what counts as 1, such as the largest value of all classes' maps; default is this map's largest.

    Returns:
        (h, w) from 0 to 1, or None if no cell speaks for the class.
    """
    largest = float(class_map.max()) if class_map.size else 0.0
    if not largest > 0:
        return None
    return np.asarray(np.clip(class_map, 0, None) / max(largest, strongest or 0.0), dtype=np.float32)


def fit(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Shrink a picture so that no side is above a length; the aspect ratio is kept.

    Args:
        pixels: (H, W) grey.
        side: in pixels.

    Returns:
        (h, w); the picture itself if it is small enough.
    """
    scale = side / max(pixels.shape)
    if scale >= 1:
        return pixels
    height, width = (max(1, round(length * scale)) for length in pixels.shape)
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def overlay(
    pixels: NDArray[Any], class_map: NDArray[np.float32], opacity: float = 0.55, strongest: float | None = None
) -> NDArray[np.uint8]:
    """Lay the evidence for a class over the picture.

    Colour and opacity both follow the evidence, enlarged smoothly: one cell covers a large square of the picture, so
    there are no contours to mistake for an outline.

    Args:
        pixels: (H, W) grey from 0 to 255.
        class_map: (h, w) what each cell added to the logit.
        opacity: of the strongest part, 0 to 1.
        strongest: as for `evidence`.

    Returns:
        (H, W, 3) uint8 RGB; the bare picture if nothing speaks for the class.
    """
    grey = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    picture = cv2.merge([grey, grey, grey])
    strength = evidence(class_map, strongest)
    if strength is None:
        return np.asarray(picture, dtype=np.uint8)
    step = _steps(strength, *grey.shape)
    # What a step of evidence leaves of the grey and what it adds of its colour, looked up: a slider can follow.
    share = np.linspace(0, np.clip(opacity, 0, 1), 256, dtype=np.float32)[:, None]
    left, added = np.repeat(1 - share, 3, axis=1), _COLOURS * share
    steps = cv2.merge([step, step, step])
    mixed = cv2.add(cv2.multiply(picture, cv2.LUT(steps, left[None]), dtype=cv2.CV_32F), cv2.LUT(steps, added[None]))
    return np.asarray(cv2.convertScaleAbs(mixed), dtype=np.uint8)


def layer(
    class_map: NDArray[np.float32], height: int, width: int, strongest: float | None = None
) -> NDArray[np.uint8] | None:
    """The colours of the evidence alone, to lay over the picture elsewhere: as `overlay` does it at full opacity.

    Args:
        class_map: (h, w) what each cell added to the logit.
        height: in pixels; it may be far less than the picture's, as the colours have no edges.
        width: in pixels.
        strongest: as for `evidence`.

    Returns:
        (height, width, 4) uint8 RGBA, as opaque as the evidence is strong; None if nothing speaks for the class.
    """
    strength = evidence(class_map, strongest)
    if strength is None:
        return None
    step = _steps(strength, height, width)
    return np.dstack([_COLOURS[step], step])


def _steps(strength: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """Evidence from 0 to 255, enlarged smoothly."""
    # The network's own cells are large, and linear creases would show them. A map that was placed on the picture has
    # small ones and a border, along which a cubic spline overshoots to a bright rim.
    kind = cv2.INTER_CUBIC if max(strength.shape) < _SMALL_CELLS else cv2.INTER_LINEAR
    smooth = np.clip(cv2.resize(strength, (width, height), interpolation=kind), 0.0, 1.0)
    return np.asarray(cv2.convertScaleAbs(smooth, alpha=255), dtype=np.uint8)


def png(picture: NDArray[Any]) -> bytes:
    """Encode a picture as PNG.

    Args:
        picture: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, 0 to 255.

    Returns:
        The file.

    Raises:
        ValueError: the picture has no pixels.
    """
    if not picture.size:
        raise ValueError(f"a picture of shape {picture.shape} can't be written as PNG")
    values = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if values.ndim == 3:
        values = np.asarray(cv2.cvtColor(values, _TO_BLUE_FIRST[values.shape[2]]), dtype=np.uint8)
    _, coded = cv2.imencode(".png", values, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    return coded.tobytes()

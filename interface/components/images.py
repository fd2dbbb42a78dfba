"""Pictures for the page: small enough to send, as close to the file as an eye can tell."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from model.reading import heatmap

# More than any screen shows of one of two pictures side by side.
LONGEST_SIDE = 1024
# Of a picture in a strip of several, at two pixels of a screen for each of a layout.
THUMBNAIL_SIDE = 144
# No difference to be seen beside the PNG, in a tenth of the time and a third of the bytes: a slider can follow.
JPEG_QUALITY = 92


def for_display(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Grey 0-255 (H, W) float -> uint8 with no side above `LONGEST_SIDE`, aspect kept."""
    return to_grey(heatmap.fit(pixels, LONGEST_SIDE))


def to_grey(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Rounded to whole grey levels of 0 to 255."""
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A (H, W) grey or (H, W, 3) RGB picture as the page sends it; what is downloaded is PNG."""
    ordered = picture if picture.ndim == 2 else np.ascontiguousarray(picture[:, :, ::-1])  # OpenCV takes blue first
    done, coded = cv2.imencode(".jpg", ordered, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} can't be written as JPEG")
    return coded.tobytes()


def pack(picture: NDArray[np.uint8]) -> bytes:
    """A (H, W) grey picture as PNG, every pixel as it was, packed in little time."""
    done, coded = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} can't be written as PNG")
    return coded.tobytes()


def grey(data: bytes) -> NDArray[np.uint8]:
    """A grey picture that `jpeg` wrote, (H, W) uint8."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError(f"{len(data)} bytes are no JPEG picture")
    return np.asarray(picture, np.uint8)


def thumbnail(picture: NDArray[np.uint8]) -> bytes:
    """A (H, W) grey picture as a JPEG with no side above `THUMBNAIL_SIDE`."""
    return jpeg(to_grey(heatmap.fit(picture.astype(np.float32), THUMBNAIL_SIDE)))

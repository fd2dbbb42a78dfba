"""Augmentation for the auxiliary networks: milder than the classifier's degradations, with more geometry."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """How strongly training images are varied; each probability is per image.

    Attributes:
        rotation: largest rotation in degrees.
        shift: largest shift as a share of the side.
        zoom: smallest and largest scale; below 1 shows a border, above 1 crops borders and their markers.
        squash: largest change of the aspect ratio (one source was resized to squares, others were not).
        gamma: largest |log2| of the gamma exponent.
        contrast: largest S-curve strength, 0..1.
        range: largest share of the grey range that is lost at each end.
        equalise: probability of CLAHE (contrast-limited histogram equalisation), as many viewers and phones apply.
        blur, noise, jpeg: probability of a Gaussian blur, of noise, and of JPEG compression at quality 30 to 90.
        borders: probability of covering strips along the borders, where side markers and names are.
        cutout: probability of covering one to three rectangles anywhere (DeVries and Taylor 2017).
        flip: probability of a horizontal flip. No class depends on the side, and every lung is seen in two
            positions; mirrored radiographs are detected by a network of their own.
    """

    rotation: float = 8.0
    shift: float = 0.06
    zoom: tuple[float, float] = (0.9, 1.2)
    squash: float = 0.1
    gamma: float = 0.6
    contrast: float = 0.5
    range: float = 0.15
    equalise: float = 0.2
    blur: float = 0.25
    noise: float = 0.25
    jpeg: float = 0.25
    borders: float = 0.3
    cutout: float = 0.3
    flip: float = 0.5


def augment(picture: np.ndarray, size: int, rng: np.random.Generator, how: Augmentation) -> np.ndarray:
    """Vary one radiograph.

    Args:
        picture: (S, S) uint8 grey.
        size: pixels a side of the result.
        rng: random generator; the same state gives the same image.
        how: the strengths.

    Returns:
        (size, size) float32 grey, 0-255.
    """
    moved = _move(picture, size, rng, how)
    if rng.random() < how.equalise:
        moved = cv2.createCLAHE(rng.uniform(1.0, 4.0), (8, 8)).apply(moved)
    grey = regrade(moved.astype(np.float32), rng, how)
    if rng.random() < how.blur:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.4, 1.5) * size / 224)
    if rng.random() < how.noise:
        grey = grey + rng.normal(0.0, rng.uniform(1.0, 10.0), grey.shape).astype(np.float32)
    if rng.random() < how.jpeg:
        grey = _compress(grey, int(rng.integers(30, 91)))
    _cover(grey, rng, how)
    return np.clip(grey, 0.0, 255.0)


def _move(picture: np.ndarray, size: int, rng: np.random.Generator, how: Augmentation) -> np.ndarray:
    side = picture.shape[0]
    centre = (side - 1) / 2
    angle = np.deg2rad(rng.uniform(-how.rotation, how.rotation))
    scale = np.exp(rng.uniform(np.log(how.zoom[0]), np.log(how.zoom[1]))) * size / side
    aspect = np.exp(rng.uniform(-how.squash, how.squash) / 2)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = np.diag([scale * aspect, scale / aspect]) @ linear
    if rng.random() < how.flip:
        linear[:, 0] *= -1
    target = (size - 1) / 2 + rng.uniform(-how.shift, how.shift, 2) * size
    matrix = np.hstack([linear, (target - linear @ [centre, centre])[:, None]])
    return cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def regrade(grey: np.ndarray, rng: np.random.Generator, how: Augmentation) -> np.ndarray:
    """Change gamma, contrast and range of an (H, W) float32 image of 0-255, as films, exports and viewers do."""
    unit = np.clip(grey / 255.0, 0.0, 1.0) ** np.float32(2.0 ** rng.uniform(-how.gamma, how.gamma))
    strength = np.float32(rng.uniform(-how.contrast, how.contrast))
    # Mixed with a smoothstep (or its mirror about the diagonal), as film curves and viewers' windows bend grey.
    curve = unit * unit * (3.0 - 2.0 * unit)
    unit = unit + strength * (curve - unit)
    low, high = rng.uniform(0.0, how.range), 1.0 - rng.uniform(0.0, how.range)
    return np.asarray((low + unit * (high - low)) * 255.0, dtype=np.float32)


def _compress(grey: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode(".jpg", np.clip(grey, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.float32)


def _cover(grey: np.ndarray, rng: np.random.Generator, how: Augmentation) -> None:
    size = grey.shape[0]
    if rng.random() < how.borders:
        top, bottom, left, right = (rng.uniform(0.0, 0.1, 4) * size).astype(int)
        fill = rng.choice([0.0, 255.0, float(grey.mean())], p=[0.6, 0.1, 0.3])
        grey[:top] = grey[size - bottom :] = grey[:, :left] = grey[:, size - right :] = fill
    if rng.random() < how.cutout:
        for _ in range(rng.integers(1, 4)):
            height, width = (rng.uniform(0.05, 0.25, 2) * size).astype(int)
            y, x = rng.integers(0, size - height), rng.integers(0, size - width)
            grey[y : y + height, x : x + width] = rng.uniform(0.0, 255.0)

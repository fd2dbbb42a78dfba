"""Background augmentation: replace what is outside the lungs, which identifies the hospital and with it the class."""

from __future__ import annotations

import cv2
import numpy as np

from model.reading.lungs import Segmenter
from model.reading.radiograph import to_input

# Pixels a side of the lung masks, the lung network's resolution.
SIDE = 128
# Share of the side by which the lungs are dilated: the heart's border and the recesses behind the diaphragm stay.
DILATION = 0.05
# Share of the side over which the change fades in, so that there is no edge to learn.
FADE = 0.02


def find_lungs(pictures: np.ndarray, segmenter: Segmenter) -> np.ndarray:
    """Segment the lungs.

    Args:
        pictures: (N, S, S) uint8.
        segmenter: finds them.

    Returns:
        (N, SIDE, SIDE) uint8, from 0 (outside) to 255 (the dilated lungs). All 255 where no lungs were found, so that
        nothing is changed.
    """
    reach = 2 * round(DILATION * SIDE) + 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    masks = np.full((len(pictures), SIDE, SIDE), 255, np.uint8)
    for i, picture in enumerate(pictures):
        lungs = segmenter.find_in(to_input(picture.astype(np.float32), segmenter.size))
        if lungs.found:
            mask = cv2.resize(lungs.mask, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
            widened = cv2.dilate((mask > 0.5).astype(np.uint8) * 255, ellipse)
            masks[i] = cv2.GaussianBlur(widened, (0, 0), FADE * SIDE)
    return masks


def replace(picture: np.ndarray, lungs: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace the background of a radiograph.

    By one of three at random: the background of another radiograph, matched in mean and contrast; a blurred copy; or
    one grey value. DeGrave et al. 2021 show that networks learn borders and markers.

    Args:
        picture: (S, S) uint8.
        lungs: (SIDE, SIDE) uint8, as `find_lungs` returns them.
        other: (S, S) uint8, another radiograph.
        rng: random generator.

    Returns:
        (S, S) uint8.
    """
    side = len(picture)
    grey = picture.astype(np.float32)
    kind = rng.integers(3)
    outside: np.ndarray
    if kind == 0:
        spread = max(float(other.std()), 1.0)
        outside = (other.astype(np.float32) - float(other.mean())) / spread * float(grey.std()) + float(grey.mean())
    elif kind == 1:
        outside = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.04, 0.1) * side)
    else:
        outside = np.full_like(grey, rng.uniform(0.0, 255.0))
    stays = cv2.resize(lungs, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255.0
    return np.clip(outside + stays * (grey - outside), 0.0, 255.0).astype(np.uint8)

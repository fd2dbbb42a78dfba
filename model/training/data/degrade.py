"""What happens to a radiograph on its way to a reader: codecs, sizes, viewers, pens.

Where one class comes compressed and another sharp, a network learns the file format. So strong changes of the file, and
of what people paint into it, are made on most training pictures of every source, and none of them tells the class.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from model.reading.framing import Box

_LETTERS = list("LRlrABCDEFPS0123456789:./-")
_WORDS = (
    "PORTABLE",
    "AP",
    "PA",
    "ERECT",
    "SUPINE",
    "L",
    "R",
    "AP SEMI",
    "MOBILE",
    "DAY 3",
    "12:40",
    "(a)",
    "b",
    "CHEST",
)
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


@dataclass(frozen=True)
class Degradation:
    """Chances of each change, and how strong the strongest is.

    Attributes:
        grey: largest |log2| of the gamma exponent; windows and film curves follow it.
        equalise: chance of CLAHE.
        soften, sharpen: chances of a blur and of an unsharp mask.
        reduce: chance of a smaller picture that is enlarged again, to a quarter of its sides at least.
        noise: chance of grain of up to 16 grey levels.
        jpeg: chance of JPEG compression at quality 10 to 95.
        paint: chance of text and arrows anywhere.
        corners: chance of corners and borders painted over.
        cutout: chance of one to three grey rectangles anywhere.
        turn: chance of a rotation by up to 12 degrees.
        jitter: largest shift of each side of the lungs' box, as a share of its width or height.
    """

    grey: float = 0.7
    equalise: float = 0.15
    soften: float = 0.25
    sharpen: float = 0.2
    reduce: float = 0.4
    noise: float = 0.35
    jpeg: float = 0.55
    paint: float = 0.25
    corners: float = 0.35
    cutout: float = 0.2
    turn: float = 0.4
    jitter: float = 0.07

    def eased(self, share: float) -> Degradation:
        """The same with every chance and strength multiplied by `share`, from 0 to 1."""
        return Degradation(**{name: value * share for name, value in vars(self).items()})


def degrade(picture: np.ndarray, rng: np.random.Generator, how: Degradation) -> np.ndarray:
    """Change one picture.

    Args:
        picture: (S, S) uint8 grey.
        rng: where chance comes from.
        how: chances and strengths.

    Returns:
        (S, S) uint8 grey.
    """
    changes = (
        (how.equalise, _equalise),
        (how.paint, _paint),
        (how.corners, _cover_corners),
        (how.cutout, _cut_out),
        (how.sharpen, _sharpen),
    )
    picture = cv2.LUT(picture, _curve(rng, how.grey))
    for chance, change in changes:
        if rng.random() < chance:
            picture = change(picture, rng)
    side = picture.shape[0]
    if rng.random() < how.reduce:
        small = round(side * np.exp(rng.uniform(np.log(0.28), 0.0)))
        picture = cv2.resize(picture, (small, small), interpolation=int(rng.choice(_SHRINKING)))
    if rng.random() < how.soften:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 2.2) * picture.shape[0] / side)
    if rng.random() < how.noise:
        picture = _grain(picture, rng)
    if rng.random() < how.jpeg:
        picture = _compress(picture, int(rng.integers(10, 96)))
    if picture.shape[0] != side:
        picture = cv2.resize(picture, (side, side), interpolation=int(rng.choice(_ENLARGING)))
    return picture


_SHRINKING = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
_ENLARGING = (cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)


def jitter(box: Box, rng: np.random.Generator, most: float) -> Box:
    """The box with each side moved in or out, within the picture."""
    moves = rng.uniform(-most, most, 4)
    left, right = box.left + moves[0] * box.width, box.right + moves[1] * box.width
    top, bottom = box.top + moves[2] * box.height, box.bottom + moves[3] * box.height
    return Box(max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom))


def turn(picture: np.ndarray, rng: np.random.Generator, chance: float) -> np.ndarray:
    """The picture, rotated by up to 12 degrees and zoomed a little by chance."""
    if rng.random() >= chance:
        return picture
    side = picture.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-12, 12), rng.uniform(0.95, 1.1))
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR))


def mirror(picture: np.ndarray, rng: np.random.Generator, chance: float) -> np.ndarray:
    """The picture, left and right swapped by chance."""
    return np.ascontiguousarray(picture[:, ::-1]) if rng.random() < chance else picture


def _curve(rng: np.random.Generator, strength: float) -> np.ndarray:
    """A table of 256 grey values, uint8: gamma of up to 2 to the power of `strength`, a film's curve, a window."""
    unit = np.linspace(0, 1, 256) ** (2.0 ** rng.uniform(-strength, strength))
    unit = unit + rng.uniform(-strength, strength) * (unit * unit * (3 - 2 * unit) - unit)
    low, high = rng.uniform(-0.25, 0.25, 2) * strength
    # A narrower window cuts both ends off, a wider one leaves them grey.
    unit = (unit - low) / (1 + high - low)
    return np.clip(np.rint(unit * 255), 0, 255).astype(np.uint8)


def _equalise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.createCLAHE(rng.uniform(1.0, 5.0), (8, 8)).apply(picture)


def _sharpen(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    soft, amount = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.8, 3.0)), rng.uniform(0.4, 2.5)
    return np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0))


def _compress(picture: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))


def _grain(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = picture.shape[0]
    grain = rng.standard_normal((side, side), dtype=np.float32)
    if rng.random() < 0.3:
        grain = 2.0 * cv2.GaussianBlur(grain, (0, 0), 0.7)
    return np.clip(picture + rng.uniform(1.0, 16.0) * grain, 0, 255).astype(np.uint8)


def _paint(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side, painted = picture.shape[0], picture.copy()
    grey = float(rng.choice([255.0, 0.0, rng.uniform(0, 255)], p=[0.7, 0.15, 0.15]))
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.integers(0, side, 2).tolist()
        kind, weight = rng.random(), int(rng.integers(1, 4))
        if kind < 0.6:
            letters = "".join(rng.choice(_LETTERS, size=int(rng.integers(1, 9))))
            text = str(rng.choice(_WORDS)) if rng.random() < 0.5 else letters
            cv2.putText(painted, text, (x - side // 8, y), int(rng.choice(_FONTS)), rng.uniform(0.3, 1.2), grey, weight)
        elif kind < 0.85:
            end = (x + int(rng.integers(-40, 41)), y + int(rng.integers(-40, 41)))
            cv2.arrowedLine(painted, (x, y), end, grey, weight, tipLength=rng.uniform(0.1, 0.5))
        else:
            size = (x + int(rng.integers(10, 90)), y + int(rng.integers(10, 90)))
            cv2.rectangle(painted, (x, y), size, grey, weight)
    return painted


def _cover_corners(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side, covered = picture.shape[0], picture.copy()
    fill = float(rng.choice([0.0, 255.0, float(picture.mean())], p=[0.5, 0.15, 0.35]))
    if rng.random() < 0.5:
        top, bottom, left, right = (rng.uniform(0.0, 0.12, 4) * side).astype(int)
        covered[:top] = covered[side - bottom :] = covered[:, :left] = covered[:, side - right :] = fill
    for down in (False, True):
        for across in (False, True):
            if rng.random() < 0.6:
                height, width = (rng.uniform(0.05, 0.3, 2) * side).astype(int)
                rows = slice(side - height, side) if down else slice(0, height)
                columns = slice(side - width, side) if across else slice(0, width)
                covered[rows, columns] = fill
    return covered


def _cut_out(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side, cut = picture.shape[0], picture.copy()
    for _ in range(int(rng.integers(1, 4))):
        height, width = (rng.uniform(0.05, 0.25, 2) * side).astype(int)
        y, x = rng.integers(0, side - height), rng.integers(0, side - width)
        cut[y : y + height, x : x + width] = int(rng.uniform(0, 255))
    return cut

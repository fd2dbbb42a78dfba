"""How far the ranking and the decisions move when a radiograph is compressed, resized, rotated, or written on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from model.evaluation.metrics import Rows, auc_of, mean_row, row
from model.evaluation.study import PictureSet, Study, sample

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Disturbance:
    """One way to change a picture.

    Attributes:
        kind: such as "JPEG".
        setting: such as "quality 10".
        apply: (H, W) float32 grey 0-255 -> (H', W') float32 grey 0-255.
    """

    kind: str
    setting: str
    apply: Change


def jpeg(quality: int) -> Change:
    """Compress a picture as JPEG and decode it again."""

    def apply(grey: np.ndarray) -> np.ndarray:
        coded = cv2.imencode(".jpg", np.rint(grey).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.float32)

    return apply


def _resize(grey: np.ndarray, width: int, height: int) -> np.ndarray:
    shrinks = width * height < grey.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (max(1, width), max(1, height)), interpolation=how), dtype=np.float32)


def longest_side(pixels: int) -> Change:
    """Resize so that the longest side has so many pixels."""

    def apply(grey: np.ndarray) -> np.ndarray:
        scale = pixels / max(grey.shape)
        return _resize(grey, round(grey.shape[1] * scale), round(grey.shape[0] * scale))

    return apply


def _brighter(levels: float) -> Change:
    return lambda grey: np.clip(grey + np.float32(levels), 0, 255)


def _gamma(exponent: float) -> Change:
    return lambda grey: np.asarray(255 * (np.clip(grey, 0, 255) / 255) ** np.float32(exponent), dtype=np.float32)


def _rotate(degrees: float) -> Change:
    def apply(grey: np.ndarray) -> np.ndarray:
        height, width = grey.shape
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
        return np.asarray(cv2.warpAffine(grey, turn, (width, height), flags=cv2.INTER_LINEAR), dtype=np.float32)

    return apply


def noise(spread: float) -> Change:
    """Add normal noise: the same for the same size, so that a second run gives the same figures."""

    def apply(grey: np.ndarray) -> np.ndarray:
        grain = np.random.default_rng(0).standard_normal(grey.shape, dtype=np.float32)
        return np.clip(grey + np.float32(spread) * grain, 0, 255)

    return apply


def _text(grey: np.ndarray) -> np.ndarray:
    height, width = grey.shape
    written = np.zeros((height, width), np.uint8)
    scale, weight = width / 420, max(1, round(width / 200))
    font = cv2.FONT_HERSHEY_SIMPLEX
    for text, x, y in (("L", 0.9, 0.1), ("PORTABLE AP", 0.02, 0.06), ("ERECT 12:40", 0.02, 0.98)):
        cv2.putText(written, text, (round(x * width), round(y * height)), font, scale, 255, weight, cv2.LINE_AA)
    return np.maximum(grey, written.astype(np.float32))


def _stretch(across: float, down: float) -> Change:
    return lambda grey: _resize(grey, round(grey.shape[1] * across), round(grey.shape[0] * down))


def _letterbox(across: float, down: float) -> Change:
    """Black bars, as where a picture was put on a screen or page of another shape."""

    def apply(grey: np.ndarray) -> np.ndarray:
        height, width = grey.shape
        x, y = round(width * (across - 1) / 2), round(height * (down - 1) / 2)
        return np.asarray(cv2.copyMakeBorder(grey, y, y, x, x, cv2.BORDER_CONSTANT, value=0.0), dtype=np.float32)

    return apply


DISTURBANCES = (
    *(Disturbance("JPEG", f"quality {q}", jpeg(q)) for q in (95, 80, 60, 40, 20, 10)),
    *(Disturbance("longest side", f"{p} px", longest_side(p)) for p in (1024, 512, 256, 192, 128)),
    *(Disturbance("brightness", f"{b:+d} of 255", _brighter(b)) for b in (-80, -40, 40, 80)),
    *(Disturbance("gamma", f"{g}", _gamma(g)) for g in (0.5, 0.7, 1.5, 2.0)),
    *(Disturbance("rotation", f"{d:+d} degrees", _rotate(d)) for d in (-10, -5, -2, 2, 5, 10)),
    *(Disturbance("noise", f"spread {s} of 255", noise(s)) for s in (5, 10, 20)),
    Disturbance("inverted grey", "as MONOCHROME1 misread", lambda grey: 255 - grey),
    Disturbance("mirrored", "left and right swapped", lambda grey: np.ascontiguousarray(grey[:, ::-1])),
    Disturbance("border text", "side marker and two lines", _text),
    Disturbance("squashed", "to 3/4 of the height", _stretch(1.0, 0.75)),
    Disturbance("squashed", "to 3/4 of the width", _stretch(0.75, 1.0)),
    Disturbance("letterboxed", "bars at the sides, a third wider", _letterbox(4 / 3, 1.0)),
    Disturbance("letterboxed", "bars above and below, a third higher", _letterbox(1.0, 4 / 3)),
)
# Forms in which one and the same radiograph reaches a reader.
FORMS: dict[str, Change] = {
    "JPEG of quality 20 at 256 px": lambda grey: jpeg(20)(longest_side(256)(grey)),
    "128 px": longest_side(128),
    "light blur": lambda grey: np.asarray(cv2.GaussianBlur(grey, (0, 0), max(grey.shape) / 256)),
    "grain of 8 grey levels": noise(8),
}
UNTOUCHED = Disturbance("untouched", "as it came", lambda grey: grey)
SAMPLE = 120


def measure(study: Study) -> dict[str, Any]:
    """AUC, accuracy and changed decisions under each disturbance, on a fixed sample of one set inside and one outside.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", each with its "kind" and "setting".
    """
    figures: Rows = []
    for split in ("external", "test"):
        sets = study.with_both(split)
        if sets:
            # The one with most classes, then most pictures: SIIM inside, Cohen's outside.
            largest = max(sets, key=lambda chosen: (len(set(chosen.labels.tolist())), len(chosen.labels)))
            kept = sample(np.arange(len(largest.labels)), largest.labels, SAMPLE // 10 if study.quick else SAMPLE)
            figures += _disturb(study, largest.part(kept))
    return {"figures": figures}


def _disturb(study: Study, chosen: PictureSet) -> Rows:
    pixels = study.pixels(chosen)
    card, ill = study.bundle.card, chosen.labels == study.positive
    rows: Rows = []
    untouched: np.ndarray | None = None
    tried = DISTURBANCES[::5] if study.quick else DISTURBANCES
    for how in tqdm((UNTOUCHED, *tried), f"disturbing {chosen.source}", leave=False, disable=None):
        scores = study.scores(study.passes.logits(study.frame([how.apply(grey) for grey in pixels])))
        decided, _ = study.decide(scores)
        untouched = decided if untouched is None else untouched
        key = f"{chosen.source}.{how.kind}.{how.setting}".replace(" ", "_")
        score = scores[:, study.positive]
        part = (ill, score, chosen.groups)
        what = f"{card.positive} against all others"
        figures = row(f"{key}.auc", chosen.where, "AUC", what, auc_of(ill, score), part)
        shares = [("accuracy", f"of {len(card.classes)} classes", decided == chosen.labels)]
        if how is not UNTOUCHED:
            changed = decided != untouched
            to_positive = changed & (decided == study.positive)
            shares.append(("flips", "decisions that change", changed))
            shares.append((f"to {card.positive}", f"decisions that change to {card.positive}", to_positive))
        for metric, what, values in shares:
            stem = f"{key}.{metric.replace(' ', '_')}"
            figures += mean_row(stem, chosen.where, metric, what, values.astype(float), chosen.groups)
        rows += [figure | {"kind": how.kind, "setting": how.setting} for figure in figures]
    return rows

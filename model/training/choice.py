"""The one number that networks are chosen by (docs/choosing.md), on hospitals that training never sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from model.reading.card import Framing
from model.reading.framing import enlarge, frame, lungs_box
from model.reading.lungs import Segmenter
from model.reading.radiograph import decode, to_input
from model.training.dataset import Dataset
from model.training.manifest import CHOICE_SOURCES

SAMPLE = 240


def _longest(grey: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(grey.shape)
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def _as_jpeg(grey: np.ndarray) -> np.ndarray:
    small = np.rint(_longest(grey, 256)).astype(np.uint8)
    coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.float32)


def _with_grain(grey: np.ndarray) -> np.ndarray:
    # The same grain for the same picture size, so that a second run gives the same figures.
    grain = np.random.default_rng(0).standard_normal(grey.shape, dtype=np.float32)
    return np.clip(grey + 8 * grain, 0, 255)


# The forms that one picture comes in: (H, W) float32 of 0-255 -> the same.
FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG of quality 20 at 256 px": _as_jpeg,
    "128 px": lambda grey: _longest(grey, 128),
    "light blur": lambda grey: cv2.GaussianBlur(grey, (0, 0), max(grey.shape) / 256),
    "grain of 8 grey levels": _with_grain,
}


@dataclass(frozen=True)
class Chosen:
    """Pictures to choose by, framed.

    Attributes:
        pictures: (n, D, D, 1) float32, D the framing's detail.
        labels: (n,) class numbers.
        sources: (n,) names.
        places: (m,) positions of the sample whose forms are compared.
        forms: by name of a form, (m, D, D, 1) of that sample.
    """

    pictures: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    places: np.ndarray
    forms: dict[str, np.ndarray]


def gather(data: Dataset, segmenter: Segmenter, framing: Framing, seed: int = 0) -> Chosen:
    """Frame SIIM's validation part and the pictures of the hospitals to choose by; the lungs are found in each form.

    Args:
        data: the radiographs, those hospitals among the external ones.
        segmenter: finds the lungs.
        framing: of the network's input.
        seed: of the sample.
    """
    outside = [i for i in data.indices("external") if data.records[i].source in CHOICE_SOURCES]
    chosen = np.array([*data.indices("validation", "siim"), *outside])
    sources = np.array([data.records[i].source for i in chosen])
    labels = data.labels(chosen)
    pixels = [decode(data.records[i].path.read_bytes()).pixels for i in chosen]
    places = draw(sources, labels, seed)
    detail = Framing(framing.detail, framing.detail, framing.margin)

    def framed(grey: np.ndarray) -> np.ndarray:
        return frame(grey, lungs_box(segmenter.find_in(to_input(grey, segmenter.size))), detail)

    forms = {name: np.concatenate([framed(change(pixels[i])) for i in places]) for name, change in FORMS.items()}
    return Chosen(np.concatenate([framed(grey) for grey in pixels]), labels, sources, places, forms)


def draw(sources: np.ndarray, labels: np.ndarray, seed: int = 0, size: int = SAMPLE) -> np.ndarray:
    """Positions of pictures to choose by, as equal by source and class as there are pictures.

    Args:
        sources: (n,) names.
        labels: (n,) class numbers.
        seed: of the draw.
        size: pictures at most.

    Returns:
        (m,) ascending.
    """
    rng = np.random.default_rng(seed)
    outside = np.flatnonzero(np.isin(sources, CHOICE_SOURCES))
    keys = [f"{sources[i]} {labels[i]}" for i in outside]
    queues = {key: rng.permutation(outside[[k == key for k in keys]]).tolist() for key in sorted(set(keys))}
    drawn: list[int] = []
    while len(drawn) < min(size, len(outside)):
        for queue in queues.values():
            if queue and len(drawn) < size:
                drawn.append(queue.pop())
    return np.array(sorted(drawn))


def judge(
    predict: Callable[[np.ndarray], np.ndarray], chosen: Chosen, size: int, classes: tuple[str, ...]
) -> dict[str, float]:
    """The rule's number and what it is made of.

    Args:
        predict: (n, size, size, 1) float32 -> (n, C) scores that add up to 1.
        chosen: as `gather` returns it.
        size: of the network's input.
        classes: names, in the order of the scores; "normal", "other" and "covid19".

    Returns:
        "score", the six AUCs, "flips" and one a form, "ill", and shares by source: what of it is called what.
    """
    scores = predict(enlarge(chosen.pictures, size))
    normal, covid = classes.index("normal"), classes.index("covid19")
    source, label = chosen.sources, chosen.labels
    hannover, ricord, tb = source == "hannover", source == "ricord", source == "tb_nlm"
    healthy = np.isin(source, ("rsna", "rsna_normal")) & (label == normal)
    pneumonia = (source == "rsna") & (label != normal)

    def auc(ill: np.ndarray, well: np.ndarray, score: np.ndarray) -> float:
        return float(roc_auc_score(ill[ill | well], score[ill | well]))

    siim, unwell = source == "siim", 1 - scores[:, normal]
    found = {
        "siim": auc(siim & (label == covid), siim & (label == normal), scores[:, covid]),
        "hannover v normal": auc(hannover, healthy, scores[:, covid]),
        "hannover v tb": auc(hannover, tb, scores[:, covid]),
        "ricord v pneumonia": auc(ricord, pneumonia, scores[:, covid]),
        "normal v ill": auc(pneumonia | tb, healthy, unwell),
        "normal v covid": auc(hannover | ricord, healthy, unwell),
    }
    mean = float(np.mean(list(found.values())))
    largest = scores.argmax(axis=1)
    for name, pictures in chosen.forms.items():
        changed = predict(enlarge(pictures, size)).argmax(axis=1) != largest[chosen.places]
        found[f"flips {name}"] = float(changed.mean())
    flips = float(np.mean([found[f"flips {name}"] for name in chosen.forms]))
    ill = float((largest[healthy] != normal).mean())
    found |= {"hannover covid": float((largest[hannover] == covid).mean())}
    found |= {"ricord covid": float((largest[ricord] == covid).mean())}
    for name, own in (("healthy", healthy), ("tb", tb), ("pneumonia", pneumonia)):
        found |= {f"{name} {c}": float((largest[own] == k).mean()) for k, c in enumerate(classes) if k != normal}
    return {"score": mean - flips / 2 - ill / 4, "mean AUC": mean, "flips": flips, "ill": ill, **found}

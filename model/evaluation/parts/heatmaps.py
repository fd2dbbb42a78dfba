"""Whether the heatmap lies on the lungs, and whether what it marks is what the score comes from."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from model.evaluation.metrics import Rows, mean_row
from model.evaluation.parts.shortcuts import masks_of
from model.evaluation.study import PictureSet, Study, sample
from model.reading.framing import place
from model.reading.heatmap import evidence

SAMPLE = 50
STEPS = 12
MAP, RANDOM, CENTRE = "the heatmap", "a random order", "a blob in the centre"


def measure(study: Study) -> dict[str, Any]:
    """The share of the heatmap inside the lungs, and deletion and insertion (Petsiuk et al. 2018).

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures" and the mean "curves".
    """
    figures = _inside_lungs(study)
    curves = []
    for chosen in study.with_both("external", "test"):
        ill = chosen.part(chosen.labels == study.positive)
        size = SAMPLE // 10 if study.quick else SAMPLE
        rows, lines = _faithfulness(study, ill.part(sample(np.arange(len(ill.labels)), ill.labels, size)))
        figures += rows
        curves += lines
    return {"figures": figures, "curves": curves}


def _inside_lungs(study: Study) -> Rows:
    size = study.bundle.card.size
    blob = centre_blob(size, size)
    rows: Rows = []
    for chosen in study.sets("external", "test"):
        known = masks_of(study, chosen, size)
        if not known:
            continue
        framing, positive = study.bundle.card.framing, study.positive
        boxes = study.boxes(study.pixels(chosen))
        maps = study.read(chosen).maps
        strengths = {i: evidence(place(maps[i], boxes[i], framing)[..., positive]) for i in known}
        kept = np.array([i for i in sorted(strengths) if strengths[i] is not None], int)
        if not len(kept):
            continue
        part = chosen.part(kept)
        inside, flat, boxed, centre = [], [], [], []
        for i in kept:
            mask, strength = known[i], strengths[i]
            # Enlarged as the app shows it, over the whole radiograph.
            shown = np.clip(cv2.resize(np.asarray(strength), (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)
            inside.append(float(shown[mask].sum() / shown.sum()))
            flat.append(float(mask.mean()))
            box = boxes[i]
            seen = (
                mask if box is None or framing.margin is None else mask[box.widened(framing.margin).slices(size, size)]
            )
            boxed.append(float(seen.mean()))
            centre.append(float(blob[mask].sum() / blob.sum()))
        name = study.bundle.card.positive
        values = {
            MAP: ("share inside the lungs", inside),
            "a flat map": ("share inside the lungs", flat),
            "a flat map of what the network sees": ("share inside the lungs", boxed),
            CENTRE: ("share inside the lungs", centre),
            "the heatmap above a flat map": ("difference", np.subtract(inside, flat).tolist()),
        }
        for map_name, (metric, shares) in values.items():
            key = f"{chosen.source}.inside.{map_name.replace(' ', '_')}"
            figures = mean_row(key, part.where, metric, f"heatmap of {name}", np.array(shares), part.groups)
            rows += [figure | {"map": map_name, "without_evidence": len(known) - len(kept)} for figure in figures]
    return rows


def centre_blob(height: int, width: int) -> np.ndarray:
    """A Gaussian in the middle, a quarter of each side wide: (height, width)."""
    y, x = np.mgrid[0:height, 0:width]
    across, down = (x - (width - 1) / 2) / (width / 4), (y - (height - 1) / 2) / (height / 4)
    return np.asarray(np.exp(-(across**2 + down**2) / 2))


def _faithfulness(study: Study, chosen: PictureSet) -> tuple[Rows, Rows]:
    """Blur cells of the heatmap's grid in its order (deletion), or bring them back into a blurred picture."""
    pictures = study.inputs(chosen)[..., 0]
    maps = study.passes.run(pictures[..., None]).maps[..., study.positive]
    rng = np.random.default_rng(0)
    areas: dict[tuple[str, str], list[float]] = {}
    lines: dict[tuple[str, str], list[np.ndarray]] = {}
    for picture, class_map in tqdm(
        zip(pictures, maps, strict=True), f"deleting {chosen.source}", len(maps), leave=False, disable=None
    ):
        orders = {
            MAP: -class_map.ravel(),
            RANDOM: rng.random(class_map.size),
            CENTRE: -centre_blob(*class_map.shape).ravel(),
        }
        varied = np.concatenate([_vary(picture, np.argsort(order), class_map.shape) for order in orders.values()])
        scores = study.scores(study.passes.logits(varied[..., None]))[:, study.positive].reshape(len(orders), 2, -1)
        for name, both in zip(orders, scores, strict=True):
            for kind, line in zip(("deletion", "insertion"), both, strict=True):
                areas.setdefault((kind, name), []).append(float(np.trapezoid(line, dx=1 / (len(line) - 1))))
                lines.setdefault((kind, name), []).append(line)
    rows: Rows = []
    name = study.bundle.card.positive
    for (kind, order), values in areas.items():
        key = f"{chosen.source}.{kind}.{order.split()[-1]}"
        figures = mean_row(key, chosen.where, f"{kind} area", f"score of {name}", np.array(values), chosen.groups)
        if order != MAP:
            gap = np.array(areas[kind, MAP]) - np.array(values)
            what = f"the heatmap less {order}"
            figures += mean_row(f"{key}.gap", chosen.where, f"{kind} difference", what, gap, chosen.groups)
        rows += [figure | {"map": order} for figure in figures]
    mean_lines = [
        {**chosen.where, "kind": kind, "map": order, "scores": np.mean(scores, axis=0).round(4).tolist()}
        for (kind, order), scores in lines.items()
    ]
    return rows, mean_lines


def _vary(picture: np.ndarray, order: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """A (S, S) picture with more and more cells blurred, then a blurred one with more and more restored."""
    size = len(picture)
    blurred = cv2.GaussianBlur(picture, (0, 0), size / 10)
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    ranks = cv2.resize(rank.reshape(grid).astype(np.float32), (size, size), interpolation=cv2.INTER_NEAREST)
    counts = np.linspace(0, len(order), STEPS + 1).round()
    gone = [np.where(ranks < count, blurred, picture) for count in counts]
    back = [np.where(ranks < count, picture, blurred) for count in counts]
    return np.stack(gone + back)

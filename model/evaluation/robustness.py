"""How far the ranking and the decisions move when a picture is disturbed on its way."""

from __future__ import annotations

from typing import Any

import numpy as np
from tqdm import tqdm

from model.evaluation.disturbances import DISTURBANCES, Disturbance
from model.evaluation.metrics import auc_of, mean_row, row
from model.evaluation.study import PictureSet, Study, sample
from model.reading.radiograph import decode, to_input
from model.training import calibration

SAMPLE = 200
UNTOUCHED = Disturbance("untouched", "as it came", lambda grey: grey)


def measure(study: Study) -> dict[str, Any]:
    """AUC, accuracy and flipped decisions under each disturbance, on a fixed sample of an internal and an external set.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", each with its "kind" and "setting".
    """
    figures: list[dict[str, Any]] = []
    for split in ("external", "test"):
        sets = study.with_both(split)
        if sets:
            # The one with most classes, then most pictures: SIIM inside, Cohen's outside.
            largest = max(sets, key=lambda one: (len(set(one.labels.tolist())), len(one.labels)))
            kept = sample(np.arange(len(largest.labels)), largest.labels, SAMPLE // 10 if study.quick else SAMPLE)
            figures += _disturb(study, largest.part(kept))
    return {"figures": figures}


def _disturb(study: Study, chosen: PictureSet) -> list[dict[str, Any]]:
    pixels = [decode(study.data.records[i].path.read_bytes()).pixels for i in chosen.indices]
    size = study.bundle.card.size
    ill = chosen.labels == study.positive
    rows: list[dict[str, Any]] = []
    first: np.ndarray | None = None
    tried = DISTURBANCES[::5] if study.quick else DISTURBANCES
    for how in tqdm((UNTOUCHED, *tried), f"disturbing {chosen.source}", leave=False, disable=None):
        pictures = np.concatenate([to_input(how.apply(grey), size) for grey in pixels])
        scores = study.scores(study.passes.logits(pictures))
        decided, _ = calibration.confidences(scores, study.positive, study.threshold)
        first = decided if first is None else first
        key = f"{chosen.source}.{how.kind}.{how.setting}".replace(" ", "_")
        score = scores[:, study.positive]
        name = study.bundle.card.positive
        part = (ill, score, chosen.groups)
        found = row(f"{key}.auc", chosen.where, "AUC", f"{name} against all others", auc_of(ill, score), part)
        measured = [("accuracy", f"of {len(study.bundle.card.classes)} classes", decided == chosen.labels)]
        if how is not UNTOUCHED:
            flipped = decided != first
            measured.append(("flips", "decisions that change", flipped))
            measured.append((f"to {name}", f"decisions that change to {name}", flipped & (decided == study.positive)))
        for metric, what, values in measured:
            stem = f"{key}.{metric.replace(' ', '_')}"
            found += mean_row(stem, chosen.where, metric, what, values.astype(float), chosen.groups)
        rows += [one | {"kind": how.kind, "setting": how.setting} for one in found]
    return rows

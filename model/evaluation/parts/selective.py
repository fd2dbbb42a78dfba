"""Errors of the decided class: what "uncertain" costs and saves, risk against coverage, the most confident errors."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from model.evaluation.metrics import Rows, row
from model.evaluation.study import PictureSet, Study
from model.training.data.targets import make_weights
from model.training.export import calibration

# An error is a confident one where the odds are this many times those at the decision boundary.
CONFIDENT_ODDS = 10
LISTED_ERRORS = 10


def measure(study: Study) -> dict[str, Any]:
    """Abstention and error with and without it, per source, and on the internal test as the margin was chosen.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", and the "curves" of risk against coverage.
    """
    figures: Rows = []
    curves = []
    internal = []
    for chosen in study.sets("external", "test"):
        scores = study.scores(study.read(chosen).logits)
        decided, confidence = study.decide(scores)
        wrong = decided != chosen.labels
        figures += _figures(study, chosen.source, chosen.where, wrong, confidence, chosen.groups, np.ones(len(wrong)))
        rows = calibration.risk_and_coverage(confidence, ~wrong)
        rounded = [{k: round(v, 4) if math.isfinite(v) else None for k, v in point.items()} for point in rows]
        curves.append({**chosen.where, "n": len(wrong), "points": rounded})
        if chosen.split == "test":
            internal.append((chosen, wrong, confidence))
    return {"margin": study.bundle.card.margin, "figures": _whole(study, internal) + figures, "curves": curves}


def _whole(study: Study, internal: list[tuple[PictureSet, np.ndarray, np.ndarray]]) -> Rows:
    """All internal sources, weighed by class and source as the validation pictures were when the margin was chosen."""
    if not internal:
        return []
    indices = np.concatenate([chosen.indices for chosen, _, _ in internal])
    weights = make_weights(study.data, indices).astype(float)
    where = {
        "set": "internal test, balanced by class and source",
        "source": "internal",
        "role": "internal",
    }
    wrong, confidence = (np.concatenate([part[number] for part in internal]) for number in (1, 2))
    groups = [group for chosen, _, _ in internal for group in chosen.groups]
    return _figures(study, "internal", where, wrong, confidence, groups, weights)


def _figures(
    study: Study,
    key: str,
    where: dict[str, str],
    wrong: np.ndarray,
    confidence: np.ndarray,
    groups: tuple[str, ...] | list[str],
    weights: np.ndarray,
) -> Rows:
    kept = confidence >= study.bundle.card.margin

    def share(flags: np.ndarray, among: np.ndarray, weight: np.ndarray) -> float:
        counted = weights * weight * among
        return float((counted * flags).sum() / counted.sum()) if counted.sum() else math.nan

    everything = np.ones(len(wrong), bool)

    def abstained(_t: np.ndarray, _s: np.ndarray, weight: np.ndarray) -> float:
        return share(~kept, everything, weight)

    def before(_t: np.ndarray, _s: np.ndarray, weight: np.ndarray) -> float:
        return share(wrong, everything, weight)

    def after(_t: np.ndarray, _s: np.ndarray, weight: np.ndarray) -> float:
        return share(wrong, kept, weight)

    def lowered(_t: np.ndarray, _s: np.ndarray, weight: np.ndarray) -> float:
        error = share(wrong, everything, weight)
        return 1 - share(wrong, kept, weight) / error if error else math.nan

    part = (wrong, confidence, groups)
    rows: Rows = []
    rows += row(f"{key}.abstained", where, "abstained", "share called uncertain", abstained, part)
    rows += row(f"{key}.error.all", where, "error of all", "wrong class, nothing called uncertain", before, part)
    rows += row(f"{key}.error.decided", where, "error of decided", "wrong class among those decided on", after, part)
    rows += row(f"{key}.error.lowered", where, "error lowered by", "share of the error that goes", lowered, part)
    return rows


def errors(study: Study, paths: Path | None = None) -> dict[str, Any]:
    """Errors by source and finding, and the most confident ones: counts, never a picture or its name.

    Args:
        study: the bundle and its pictures.
        paths: a file for the paths of the `LISTED_ERRORS` most confident errors inside and outside, for whoever wants
            to look at them; not to be committed.

    Returns:
        "kinds" (rows with counts) and "most_confident" (rows without a name).
    """
    kinds: Rows = []
    wrong: Rows = []
    for chosen in study.sets("external", "test"):
        scores = study.scores(study.read(chosen).logits)
        decided, confidence = study.decide(scores)
        described = [_describe(study, chosen, i, decided) for i in range(len(decided))]
        pictures = Counter((error["finding"], error["truth"]) for error in described)
        of_kind: dict[tuple[str, ...], list[int]] = {}
        for i in np.flatnonzero(decided != chosen.labels).tolist():
            of_kind.setdefault(tuple(described[i].values()), []).append(i)
            path = study.data.records[chosen.indices[i]].path.as_posix()
            score = round(float(scores[i, decided[i]]), 3)
            far = round(float(confidence[i]), 3)
            wrong.append(
                {"role": chosen.where["role"], **described[i], "score": score, "confidence": far, "path": path}
            )
        kinds += [
            described[members[0]]
            | {
                "role": chosen.where["role"],
                "errors": len(members),
                "confident": int((confidence[members] >= np.log(CONFIDENT_ODDS)).sum()),
                "n": pictures[key[1], key[2]],
            }
            for key, members in of_kind.items()
        ]
    wrong.sort(key=lambda error: -error["confidence"])
    kinds.sort(key=lambda kind: (-kind["confident"], -kind["errors"]))
    worst = [e for role in ("external", "internal") for e in [e for e in wrong if e["role"] == role][:LISTED_ERRORS]]
    if paths and worst:
        with paths.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(worst[0]))
            writer.writeheader()
            writer.writerows(worst)
    nameless = [{key: value for key, value in error.items() if key != "path"} for error in worst]
    return {"odds": CONFIDENT_ODDS, "kinds": kinds, "most_confident": nameless}


def _describe(study: Study, chosen: PictureSet, i: int, decided: np.ndarray) -> dict[str, Any]:
    classes = study.card.classes
    return {
        "source": chosen.source,
        "finding": chosen.findings[i] or "not stated",
        "truth": classes[chosen.labels[i]],
        "decided": classes[decided[i]],
    }

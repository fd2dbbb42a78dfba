"""Whether a score means what it says, before and after the temperature, for each source."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.evaluation.metrics import calibration_of, row
from model.evaluation.study import Study
from model.training import calibration


def measure(study: Study) -> dict[str, Any]:
    """Expected and maximum calibration error, of the positive class' score and of the largest score.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", and the points of the "reliability" diagrams of the positive class' score.
    """
    figures: list[dict[str, Any]] = []
    diagrams = []
    temperatures = {"before": 1.0, "after": study.bundle.card.temperature}
    for chosen in study.sets("external", "test", "validation"):
        logits = study.read(chosen).logits
        for when, temperature in temperatures.items():
            scores = calibration.scores_of(logits, temperature)
            kinds = {
                study.bundle.card.positive: (chosen.labels == study.positive, scores[:, study.positive]),
                "the largest score": (scores.argmax(axis=1) == chosen.labels, scores.max(axis=1)),
            }
            for kind, (truth, score) in kinds.items():
                key = f"{chosen.source}.{chosen.split}.{when}.{kind.split()[-1]}"
                what = f"score of {kind}" if kind == study.bundle.card.positive else kind
                for metric, largest in (("ECE", False), ("MCE", True)):
                    how = calibration_of(truth, score, largest=largest)
                    part = (truth, score, chosen.groups)
                    found = row(f"{key}.{metric.lower()}", chosen.where, metric, what, how, part)
                    figures += [one | {"when": when, "kind": kind} for one in found]
            truth, score = kinds[study.bundle.card.positive]
            points = calibration.reliability(truth, score, np.ones(len(score)))
            diagrams.append({**chosen.where, "when": when, "n": len(score), "points": _rounded(points)})
    return {
        "method": study.card["calibration"].get("method"),
        "temperature": study.bundle.card.temperature,
        "figures": figures,
        "reliability": diagrams,
    }


def _rounded(points: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: round(value, 4) for name, value in point.items()} for point in points]

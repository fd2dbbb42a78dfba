"""The errors that it is most sure of, by source and finding: counts, never a picture or a name of one."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from model.evaluation.study import PictureSet, Study
from model.training import calibration

# An error is a confident one where the odds are this many times those at the boundary.
CONFIDENT = np.log(10)
SHOWN = 10


def measure(study: Study, listed: Path | None = None) -> dict[str, Any]:
    """Errors by source and finding, and the ten most confident ones of the internal and of the external sets.

    Args:
        study: the bundle and its pictures.
        listed: a file for the paths of those ten and ten, for whoever wants to look at them; not to be committed.

    Returns:
        "kinds" (rows with counts) and "most_confident" (rows without a name).
    """
    kinds: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for chosen in study.sets("external", "test"):
        scores = study.scores(study.read(chosen).logits)
        decided, confidence = calibration.confidences(scores, study.positive, study.threshold)
        kinds += _kinds(study, chosen, decided, confidence)
        errors += [
            {
                "role": chosen.where["role"],
                **_words(study, chosen, int(i), decided),
                "score": round(float(scores[i, decided[i]]), 3),
                "confidence": round(float(confidence[i]), 3),
                "path": study.data.records[chosen.indices[i]].path.as_posix(),
            }
            for i in np.flatnonzero(decided != chosen.labels)
        ]
    errors.sort(key=lambda one: -one["confidence"])
    worst = [e for role in ("external", "internal") for e in [e for e in errors if e["role"] == role][:SHOWN]]
    if listed and worst:
        with listed.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(worst[0]))
            writer.writeheader()
            writer.writerows(worst)
    kinds.sort(key=lambda one: (-one["confident"], -one["errors"]))
    return {
        "odds": 10,
        "kinds": kinds,
        "most_confident": [{k: v for k, v in one.items() if k != "path"} for one in worst],
    }


def _words(study: Study, chosen: PictureSet, i: int, decided: np.ndarray) -> dict[str, str]:
    classes = study.bundle.card.classes
    finding = chosen.findings[i] or "not stated"
    return {
        "source": chosen.source,
        "finding": finding,
        "truth": classes[chosen.labels[i]],
        "decided": classes[decided[i]],
    }


def _kinds(study: Study, chosen: PictureSet, decided: np.ndarray, confidence: np.ndarray) -> list[dict[str, str | int]]:
    members: dict[tuple[str, ...], list[int]] = defaultdict(list)
    of_finding: dict[tuple[str, str], int] = defaultdict(int)
    for i in range(len(decided)):
        words = _words(study, chosen, i, decided)
        of_finding[words["finding"], words["truth"]] += 1
        if words["truth"] != words["decided"]:
            members[tuple(words.values())].append(i)
    return [
        {
            **dict(zip(("source", "finding", "truth", "decided"), key, strict=True)),
            "role": chosen.where["role"],
            "errors": len(own),
            "confident": int((confidence[own] >= CONFIDENT).sum()),
            "n": of_finding[key[1], key[2]],
        }
        for key, own in members.items()
    ]

"""The codec control: the same radiographs as files of another form, and how far the answers move.

A network that reads lungs answers alike whether a radiograph came sharp from the archive or small through a chat
application. Every form goes through a file and through the whole reader, as a visitor's would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from model.evaluation.metrics import Rows, mean_row
from model.evaluation.parts.robustness import FORMS
from model.evaluation.study import PictureSet, Study, sample
from model.reading.bundle import Bundle
from model.reading.decision import log_odds
from model.reading.radiograph import decode
from model.reading.reader import Reader, Reading

# Radiographs per source at most: about 280 together, whose shares are known to 6 percentage points.
SAMPLE = 60
CHANGED, LARGEST, SHIFT = "decisions changed", "largest class changed", "log-odds shift"


def _png(grey: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", np.rint(np.clip(grey, 0, 255)).astype(np.uint8))[1])


def measure(study: Study, others: Sequence[Bundle] = ()) -> dict[str, Any]:
    """How many decisions change with the form of the file, per source and for all sources of a role together.

    Args:
        study: the bundle, and the radiographs of sources that it never saw.
        others: bundles to compare with; each is measured on the sources that it never saw either.

    Returns:
        "figures", each with its "form" and "bundle" (name and version): the share of decisions that change
        ("uncertain" and "refused" are decisions too; the checks of the picture's quality are left out), the share
        whose largest score is of another class, and the mean shift of the log-odds of the positive class. "bundles"
        and "forms" name them in their order.
    """
    sets = []
    for chosen in study.sets("external"):
        kept = sample(np.arange(len(chosen.labels)), chosen.labels, SAMPLE // 6 if study.quick else SAMPLE)
        sets.append(chosen.part(kept))
    figures: Rows = []
    for bundle in (study.bundle, *others):
        figures += _of_bundle(study, bundle, [chosen for chosen in sets if not _learned(bundle, chosen.source)])
    titles = [bundle.card.title for bundle in (study.bundle, *others)]
    return {"bundles": titles, "forms": list(FORMS), "figures": figures}


def _learned(bundle: Bundle, source: str) -> bool:
    return any(s.source == source and not s.is_external for s in bundle.card.training.sources)


def _of_bundle(study: Study, bundle: Bundle, sets: list[PictureSet]) -> Rows:
    reader, title = Reader(bundle), bundle.card.title
    rows: Rows = []
    # By form and metric: the values and the patients of each role, its sources together.
    together: dict[tuple[str, str, str], tuple[list[float], list[str]]] = {}
    for chosen in sets:
        values = _compare(study, reader, chosen)
        for (form, metric), row in values.items():
            rows += _rows(title, chosen.where, form, metric, row, chosen.groups)
            pooled = together.setdefault((chosen.where["role"], form, metric), ([], []))
            pooled[0].extend(row)
            pooled[1].extend(chosen.groups)
    for role in dict.fromkeys(chosen.where["role"] for chosen in sets):
        if sum(chosen.where["role"] == role for chosen in sets) > 1:
            words = {"choice": "hospitals to choose by", "external": "other sources never trained on"}[role]
            where = {"set": f"{words}, together", "source": f"all {role}", "role": role}
            for (of_role, form, metric), (pooled_values, groups) in together.items():
                if of_role == role:
                    rows += _rows(title, where, form, metric, pooled_values, groups)
    return rows


def _compare(study: Study, reader: Reader, chosen: PictureSet) -> dict[tuple[str, str], list[float]]:
    """The values of each radiograph by form and metric; NaN for the shift of a refused one."""
    values: dict[tuple[str, str], list[float]] = {}
    for grey in tqdm(study.pixels(chosen), f"forms of {chosen.source}", leave=False, disable=None):
        original = reader.read(decode(_png(grey)), examine=False)
        for form, change in FORMS.items():
            other = reader.read(decode(_png(change(grey))), examine=False)
            values.setdefault((form, CHANGED), []).append(float(other.decision != original.decision))
            values.setdefault((form, LARGEST), []).append(float(_largest(other) != _largest(original)))
            positive = reader.bundle.card.positive
            values.setdefault((form, SHIFT), []).append(_score(other, positive) - _score(original, positive))
    return values


def _largest(reading: Reading) -> str:
    return max(reading.scores, key=reading.scores.__getitem__) if reading.scores else reading.decision


def _score(reading: Reading, positive: str) -> float:
    return log_odds(reading.scores[positive]) if reading.scores else float("nan")


def _rows(
    title: str, where: dict[str, str], form: str, metric: str, values: Sequence[float], groups: Sequence[str]
) -> Rows:
    kept = [i for i, value in enumerate(values) if np.isfinite(value)]
    key = f"codec.{title}.{where['source']}.{form}.{metric}".replace(" ", "_")
    what = f"{metric} by {form}"
    figures = mean_row(key, where, metric, what, np.array([values[i] for i in kept]), [groups[i] for i in kept])
    return [figure | {"form": form, "bundle": title} for figure in figures]

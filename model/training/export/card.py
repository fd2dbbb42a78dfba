"""The content of a bundle's card: what the network is, what it was trained on, and the measured figures."""

from __future__ import annotations

import datetime
import math
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from model.training.callbacks import read_history
from model.training.config import Settings
from model.training.data.dataset import Dataset
from model.training.data.manifest import CHOICE_SOURCES, Record, describe_set
from model.training.data.targets import healthy_class
from model.training.export import calibration
from model.training.network import WHOLE_SUFFIX

INTENDED_USE = (
    "For research and education, not a medical device. Adults' frontal chest radiographs, read beside other evidence "
    "by people who are learning what such a network can and can't do. A score is not a diagnosis."
)
# A source, or "" for what is always so, and the limit that comes with it.
LIMITS = (
    ("siim", "The label that it learned is radiographic appearance in hospitals of 2020, not a PCR result."),
    ("nih", "Labels of the NIH pictures were mined from reports and are noisy."),
    ("siim", "Children, lateral views, CT and photographs of screens were not in the training."),
    ("", "Pictures of a hospital that it was not trained on are read worse: compare internal and external figures."),
    ("", "A heatmap cell covers 1/{cells} of the side of what the network sees: it can't outline a lesion."),
)
# Pixels of the input that a cell of the last feature maps covers in a ResNet.
STRIDE = 32
# Settings that are paths of files.
PATHS = ("weights", "lungs")
STARTING_WEIGHTS = {
    "resnet50_ct.weights.h5": {
        "name": "resnet50_ct",
        "origin": "ResNet50 cut out of the image trunk of Astra (zzzwzh/Astra_CTRG), grown from Merlin "
        "(stanfordmimi/Merlin), an ImageNet ResNet-152 inflated to 3-D and trained on CT volumes with their reports",
        "licence": "MIT",
    },
    "imagenet": {"name": "imagenet", "origin": "Keras applications, trained on ImageNet", "licence": "MIT"},
    "none": {"name": "none", "origin": "random", "licence": "none"},
}


def describe(data: Dataset, settings: Settings, run: Path, model: keras.Model, version: str) -> dict:
    """The part of the card that is known before anything is measured."""
    classes = data.classes
    return {
        "schema": 1,
        "name": f"covid_{settings.arch}",
        "version": version,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "git_commit": _git_commit(),
        "architecture": {"name": settings.arch, "parameters": model.count_params()},
        "classes": list(classes),
        "positive_class": classes[-1],
        "input": {"size": settings.image_size, "range": [0, 255], "resize": "squash"}
        | {"detail": settings.framing.detail, "margin": settings.framing.margin},
        # Provisional until `_calibrate` has seen the shipped file's validation logits.
        "calibration": {"method": "none", "temperature": 1.0},
        "operating_points": {"default": "balanced", "points": {"balanced": {"threshold": 0.5}}},
        "uncertain": {"margin": 0.0, "unit": "log-odds"},
        "training": {
            "sources": _sources(data),
            "starting_weights": _starting_weights(settings),
            "settings": asdict(settings) | {name: _without_folder(getattr(settings, name)) for name in PATHS},
            "history": read_history(run),
        },
        "figures": [],
        "intended_use": INTENDED_USE,
        "limits": [
            limit.format(cells=math.ceil(settings.image_size / STRIDE))
            for source, limit in LIMITS
            if source in ("", *(r.source for r in data.records))
        ],
        "licence": {"code": "Apache-2.0", "weights": _weights_licence(data)},
    }


def _sources(data: Dataset) -> list[dict]:
    rows = []
    for source in sorted({r.source for r in data.records}):
        members = [r for r in data.records if r.source == source]
        rows.append(
            {
                "source": source,
                "licence": _licences(members),
                "role": _role(members[0]),
                "pictures": dict(Counter(r.label or "unlabelled" for r in members if r.split != "unused")),
                "split": dict(Counter(r.split for r in members)),
            }
        )
    return rows


def _role(record: Record) -> str:
    if record.split != "external":
        return "training, validation and test"
    return "to choose by" if record.source in CHOICE_SOURCES else "external test"


def _without_folder(path: str | None) -> str:
    """The last two parts of a path: which run, which file; the rest would tell of the machine."""
    return "/".join(Path(path).parts[-2:]) if path else ""


def _licences(records: list[Record]) -> str:
    stated = sorted({r.licence for r in records if r.licence})
    unstated = sum(not r.licence for r in records)
    return "; ".join([*stated, *([f"not stated for {unstated} pictures"] if unstated else [])])


def _weights_licence(data: Dataset) -> str:
    learned = {r.licence for r in data.records if r.split == "train"}
    if any("non-commercial" in licence.lower() for licence in learned):
        return "Research and education, non-commercial: the licences of the training pictures demand it."
    return "As the owners of the training pictures allow."


def _starting_weights(settings: Settings) -> dict[str, str]:
    if not settings.weights:
        return STARTING_WEIGHTS["none"]
    path = Path(settings.weights)
    earlier = path.parent / "settings.json"
    if path.name == WHOLE_SUFFIX and earlier.exists():
        # A run that goes on from an earlier run: the origin is the earlier one's.
        origin = _starting_weights(Settings.read(earlier))
        return origin | {
            "continued": "; ".join(
                filter(None, (origin.get("continued"), f"fine-tuned by an earlier run, {path.parent.name}"))
            )
        }
    return STARTING_WEIGHTS.get(
        path.name, {"name": path.name, "origin": "a file of the user", "licence": "its owner's"}
    )


def _git_commit() -> str:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def measure(card: dict, data: Dataset, logits: dict[str, np.ndarray]) -> list[dict]:
    """Measure each source on its own, with intervals by patient.

    AUC of the positive class against each other class; sensitivity and specificity at the default operating point; the
    share of healthy chests that are called ill in any way.

    Args:
        card: calibrated.
        data: the pictures.
        logits: per split, (n, C) in the order of `data.indices(split)`.

    Returns:
        Rows for the card's "figures".
    """
    rows: list[dict] = []
    for split in ("test", "external"):
        chosen = data.indices(split)
        scores = calibration.scores_of(logits[split], card["calibration"]["temperature"])
        labels = data.labels(chosen)
        sources = np.array([data.records[i].source for i in chosen])
        groups = np.array([data.records[i].group for i in chosen])
        for source in sorted(set(sources)):
            here = sources == source
            where = describe_set(source, split)
            rows += _figures_of(where, card, labels[here], scores[here], groups[here])
    return rows


def _figures_of(where: dict, card: dict, labels: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> list[dict]:
    classes = tuple(card["classes"])
    name, positive = card["positive_class"], classes.index(card["positive_class"])
    threshold = card["operating_points"]["points"][card["operating_points"]["default"]]["threshold"]
    score, ill = scores[:, positive], labels == positive
    rows = []

    def add(key: str, metric: str, what: str, chosen: np.ndarray, how: calibration.Metric) -> None:
        value = calibration.estimate(how, ill[chosen], score[chosen], groups[chosen])
        rows.append({"id": f"{where['source']}.{key}", **where, "metric": metric, "what": what} | value.as_json())

    for other in sorted(set(labels.tolist()) - {positive}):
        members, label = labels == other, classes[other]
        if ill.any():
            add(f"auc.{label}", "AUC", f"{name} against {label}", ill | members, calibration.auc)
        rule = calibration.share_at_or_above(threshold, among=False)
        add(f"specificity.{label}", "specificity", f"{label} not called {name}", members, rule)
    if ill.any():
        rule = calibration.share_at_or_above(threshold, among=True)
        add("sensitivity", "sensitivity", f"{name} called {name}", ill, rule)
    decided, _ = calibration.confidences(scores, positive, threshold)
    return rows + called_ill(where, classes, labels, decided, groups.tolist())


def called_ill(
    where: dict, classes: tuple[str, ...], labels: np.ndarray, decided: np.ndarray, groups: Sequence[str]
) -> list[dict]:
    """The share of healthy chests that are called ill in any way.

    Args:
        where: "set", "source" and "role" of the radiographs.
        classes: their names.
        labels: (n,) true class numbers.
        decided: (n,) decided class numbers.
        groups: the patient of each radiograph.

    Returns:
        One row, none where no radiograph is of a healthy person.
    """
    healthy = healthy_class(classes)
    members = np.flatnonzero(labels == classes.index(healthy)) if healthy else np.array([], int)
    if not len(members):
        return []
    called = (decided[members] != classes.index(str(healthy))).astype(float)
    patients = [groups[i] for i in members]
    value = calibration.estimate(calibration.mean, np.zeros(len(called), bool), called, patients)
    what = f"{healthy} called {' or '.join(name for name in classes if name != healthy)}"
    key = f"{where['source']}.called_ill"
    return [{"id": key, **where, "metric": "called ill", "what": what} | value.as_json()]

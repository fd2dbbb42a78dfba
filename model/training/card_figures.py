"""The figures of a bundle's card: each test source on its own, never pooled."""

from __future__ import annotations

import numpy as np

from model.training import calibration
from model.training.dataset import Checked


def measure(card: dict, data: Checked, logits: dict[str, np.ndarray]) -> list[dict]:
    """Measure each test source on its own, with intervals by patient.

    AUC of the positive class against each other class; sensitivity and specificity at the default operating point.

    Args:
        card: calibrated.
        data: the pictures.
        logits: per split, (n, C) in the order of `data.indices(split)`.

    Returns:
        Rows for the card's "figures".
    """
    positive = data.classes.index(card["positive_class"])
    threshold = card["operating_points"]["points"]["balanced"]["threshold"]
    rows: list[dict] = []
    for split in ("test", "external"):
        chosen = data.indices(split)
        scores = calibration.scores_of(logits[split], card["calibration"]["temperature"])[:, positive]
        labels = data.labels(chosen)
        sources = np.array([data.records[i].source for i in chosen])
        groups = np.array([data.records[i].group for i in chosen])
        for source in sorted(set(sources)):
            here = sources == source
            common = {
                "set": f"{source} {'test split' if split == 'test' else '(never trained on)'}",
                "source": source,
                "role": "internal" if split == "test" else "external",
            }
            rows += _figures_of(common, labels[here], scores[here], groups[here], positive, threshold, data.classes)
    return rows


def _figures_of(
    common: dict,
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    positive: int,
    threshold: float,
    classes: tuple[str, ...],
) -> list[dict]:
    name, source = classes[positive], common["source"]
    ill = labels == positive
    rows = []

    def add(key: str, metric: str, what: str, chosen: np.ndarray, how: calibration.Metric) -> None:
        value = calibration.estimate(how, ill[chosen], scores[chosen], groups[chosen])
        rows.append({"id": f"{source}.{key}", **common, "metric": metric, "what": what} | value.as_json())

    for other in sorted(set(labels.tolist()) - {positive}):
        own, label = labels == other, classes[other]
        if ill.any():
            add(f"auc.{label}", "AUC", f"{name} against {label}", ill | own, calibration.auc)
        rule = calibration.share_at_or_above(threshold, among=False)
        add(f"specificity.{label}", "specificity", f"{label} not called {name}", own, rule)
    if ill.any():
        rule = calibration.share_at_or_above(threshold, among=True)
        add("sensitivity", "sensitivity", f"{name} called {name}", ill, rule)
    return rows

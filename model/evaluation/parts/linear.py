"""Controls with linear models: an 8x8 thumbnail, the source from the network's features, shuffled labels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from model.evaluation.metrics import Rows, mean_row
from model.evaluation.parts.shortcuts import auc_rows
from model.evaluation.study import QUICK, Study, sample

THUMBNAIL = "8x8 thumbnail, linear model"
PROBE = "linear model on the network's features"
SHUFFLED = "the same with shuffled labels"
SHUFFLES = 20
FOLDS = 5


def thumbnails(pictures: np.ndarray, side: int = 8) -> np.ndarray:
    """(n, S, S) pictures -> (n, side * side) float: no anatomy is left, only where it is bright and dark."""
    return np.stack([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA).ravel() for p in pictures]).astype(float)


def classifier(strength: float) -> Pipeline:
    """Logistic regression on standardised values, classes weighing the same; `strength` is sklearn's C."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=2000))


def measure(study: Study) -> dict[str, Any]:
    """Figures of all linear models; none without the training data.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures", those that belong beside the network's AUC with their "control".
    """
    if not study.has_training_data:
        return {"figures": []}
    return {"figures": thumbnail(study) + _shuffled(study) + _sources(study)}


def thumbnail(study: Study) -> Rows:
    """AUC of a linear model on 8x8 thumbnails, trained on the network's own training pictures.

    Args:
        study: the bundle and its pictures.

    Returns:
        Rows with their "control".
    """
    data = study.data
    train = data.indices("train")
    if study.quick:
        train = sample(train, data.labels(train), 3 * QUICK)
    model = classifier(1.0).fit(thumbnails(data.pictures[train]), data.labels(train))
    rows = []
    for chosen in study.with_both("external", "test"):
        scores = model.predict_proba(thumbnails(data.pictures[chosen.indices]))
        rows += auc_rows(study, chosen, THUMBNAIL, scores)
    return rows


def _shuffled(study: Study) -> Rows:
    """A linear model on the features of the validation pictures, with their labels and with shuffled ones.

    With shuffled labels nothing can be learned: an AUC away from a half would mean that the measuring itself leaks.
    """
    validation = study.sets("validation")
    features = np.concatenate([study.read(chosen).features for chosen in validation])
    labels = np.concatenate([chosen.labels for chosen in validation])
    real = classifier(0.01).fit(features, labels)
    rng = np.random.default_rng(0)
    # The labels are permuted, so that every class keeps its size.
    draws = 2 if study.quick else SHUFFLES
    senseless = [classifier(0.01).fit(features, rng.permutation(labels)) for _ in range(draws)]
    rows = []
    for chosen in study.with_both("external", "test"):
        features = study.read(chosen).features
        rows += auc_rows(study, chosen, PROBE, real.predict_proba(features))
        drawn = [auc_rows(study, chosen, SHUFFLED, model.predict_proba(features)) for model in senseless]
        for same in zip(*drawn, strict=True):
            values = [figure["value"] for figure in same]
            low, high = np.quantile(values, [0.025, 0.975])
            spread = {"value": np.mean(values), "low": low, "high": high}
            rows.append(same[0] | {k: round(float(v), 4) for k, v in spread.items()} | {"shuffles": draws})
    return rows


def _sources(study: Study) -> Rows:
    """Whether a linear model tells the source of pictures of one class from the network's features.

    Out-of-fold predictions on validation and test pictures, which the network did not learn from.
    """
    sets = study.sets("validation", "test")
    rows: Rows = []
    for number, label in enumerate(study.bundle.card.classes):
        counts = {chosen.source: (chosen.labels == number).sum() for chosen in sets}
        names = sorted(source for source, count in counts.items() if count >= FOLDS)
        if len(names) < 2:
            continue
        chosen = [(picture_set, picture_set.labels == number) for picture_set in sets if picture_set.source in names]
        parts = [picture_set.part(here) for picture_set, here in chosen]
        truth = np.concatenate([[names.index(picture_set.source)] * len(picture_set.labels) for picture_set in parts])
        groups = np.array([group for picture_set in parts for group in picture_set.groups])
        features = np.concatenate([study.read(picture_set).features[here] for picture_set, here in chosen])
        small = np.concatenate([thumbnails(study.data.pictures[picture_set.indices]) for picture_set in parts])
        for what, values, strength in (("the network's features", features, 0.01), ("an 8x8 thumbnail", small, 1.0)):
            folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
            scores = cross_val_predict(
                classifier(strength), values, truth, groups=groups, cv=folds, method="predict_proba"
            )
            rows += _source_row(label, names, what, truth, scores, groups)
    return rows


def _source_row(
    label: str, names: list[str], what: str, truth: np.ndarray, scores: np.ndarray, groups: np.ndarray
) -> Rows:
    right = (scores.argmax(axis=1) == truth).astype(float)
    # Every source weighs the same, so that chance is 1 / number of sources.
    balanced = right / np.bincount(truth)[truth] * len(truth) / len(names)
    where = {"set": f"{', '.join(names)}: validation and test", "source": ", ".join(names), "role": "internal"}
    key = f"source_from.{what.split()[-1]}.{label}"
    described = f"source of {label} pictures from {what}"
    rows = mean_row(key, where, "balanced accuracy", described, balanced, groups.tolist())
    several = len(names) > 2
    area = roc_auc_score(truth, scores if several else scores[:, 1], multi_class="ovr", average="macro")
    return [figure | {"chance": round(1 / len(names), 4), "auc": round(float(area), 4)} for figure in rows]

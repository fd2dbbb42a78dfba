"""How far an engine's scores and heatmaps are from those of Keras in float32, and what that does to the AUC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.special import softmax
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from studies.engines.ways import GRADIENT, Way

Judged = dict[str, Any]


def judge(way: Way, found: Path, files: Path, facts: dict[str, Any]) -> Judged:
    """Compare what the worker wrote with the reference.

    Args:
        way: that was run.
        found: file with "logits" and "maps".
        files: folder with reference.npz and labels.npy.
        facts: what prepare.py wrote.

    Returns:
        "score_difference" (the largest), "mean_score_difference", "auc" and "pictures" where the way gives scores;
        "rank_correlation" and "maps" where it gives heatmaps.
    """
    with np.load(found) as own, np.load(files / "reference.npz") as reference:
        logits, maps = own["logits"], own["maps"]
        expected, right_maps = reference["logits"], reference["maps"][..., facts["positive"]]
    result: Judged = {}
    if logits.ndim == 2:
        own_scores, exact = (scores(some, facts["temperature"]) for some in (logits, expected))
        labels = np.load(files / "labels.npy")
        result = {
            "score_difference": float(np.abs(own_scores - exact).max()),
            "mean_score_difference": float(np.abs(own_scores - exact).mean()),
            "auc": auc(own_scores, labels, facts["positive"]),
            "pictures": len(own_scores),
        }
    if len(maps):
        ranks = [_rank(one, right, way.heatmap == GRADIENT) for one, right in zip(maps, right_maps, strict=False)]
        kept = [rank for rank in ranks if rank is not None]
        result |= {"rank_correlation": float(np.mean(kept)), "maps": len(kept)}
    return result


def scores(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Calibrated scores of (N, C) logits."""
    return np.asarray(softmax(logits / temperature, axis=1))


def auc(found: np.ndarray, labels: np.ndarray, positive: int) -> float:
    """Typical against negative pictures by the score of the positive class."""
    return float(roc_auc_score(labels == positive, found[:, positive]))


def _rank(one: np.ndarray, right: np.ndarray, clipped: bool) -> float | None:
    """Spearman's correlation; of clipped maps with the clipped reference, and none where that is zero all over."""
    if clipped:
        right = np.maximum(right, 0)
        one = cv2.resize(one, right.shape[::-1], interpolation=cv2.INTER_AREA)
    if np.ptp(right) == 0 or np.ptp(one) == 0:
        return None
    return float(spearmanr(one.ravel(), right.ravel()).statistic)

"""Calibration, operating points and metrics with confidence intervals by patient group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logit, softmax
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from model.reading.card import Estimate

RESAMPLES = 1000
# What full-integer quantisation may cost: AUC at most, and the mean rank correlation of the heatmaps at least.
AUC_LOST, RANK_KEPT = 0.002, 0.98
# The point that a bundle reads at unless told otherwise. On hospitals that training never saw it finds more for few
# false alarms more than the balanced one: scores are lower there than on validation (docs/choosing.md).
DEFAULT_POINT = "sensitivity_90"
Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def auc(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Area under the ROC curve; arguments (n,): bool truth, score, weight. NaN where one class is missing."""
    if not weight[truth].sum() or not weight[~truth].sum():
        return float("nan")
    return float(roc_auc_score(truth, score, sample_weight=weight))


def keeps(auc_lost: float, rank: float) -> bool:
    """Whether a quantisation scheme with this loss of AUC and this rank correlation of the heatmaps may be exported."""
    return auc_lost <= AUC_LOST and rank > RANK_KEPT


def share_at_or_above(threshold: float, *, among: bool) -> Metric:
    """Sensitivity (`among=True`) or specificity (`among=False`) of the rule score >= threshold."""

    def metric(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
        rows = truth == among
        right = (score >= threshold) == among
        total = weight[rows].sum()
        return float((weight[rows] * right[rows]).sum() / total) if total else float("nan")

    return metric


def estimate(metric: Metric, truth: np.ndarray, score: np.ndarray, groups: Sequence[str], *, seed: int = 0) -> Estimate:
    """A metric with its 95 % percentile bootstrap interval, patients (not pictures) drawn with replacement.

    Args:
        metric: of (truth, score, weight).
        truth: (n,) bool.
        score: (n,) float.
        groups: the patient of each picture.
        seed: of the resampling.

    Returns:
        The estimate.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(RESAMPLES):
        count = np.bincount(rng.integers(0, member.max() + 1, member.max() + 1), minlength=member.max() + 1)
        draws.append(metric(truth, score, count[member].astype(float)))
    # A resample without one of the classes has no AUC; it is left out.
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    value = metric(truth, score, np.ones(len(truth)))
    if low == high and value in (0.0, 1.0):
        # Resampling all-alike outcomes shows no spread; the exact interval of 0 or all of n patients does
        # (Clopper and Pearson 1934).
        edge = 0.025 ** (1 / (member.max() + 1))
        low, high = (edge, 1.0) if value == 1.0 else (0.0, 1 - edge)
    return Estimate(float(value), float(low), float(high), len(truth), int(truth.sum()))


def fit_temperature(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """The temperature that calibrates best (Guo et al. 2017): least weighted cross-entropy on validation.

    Args:
        logits: (n, C).
        labels: (n,) class numbers.
        weights: (n,).

    Returns:
        T; scores are softmax(logits / T).
    """

    def loss(log_t: float) -> float:
        chosen = log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(labels)), labels]
        return float(-(weights * chosen).sum() / weights.sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def choose_operating_points(truth: np.ndarray, score: np.ndarray, groups: Sequence[str]) -> dict[str, dict]:
    """Thresholds on the positive class' score, from validation pictures.

    Args:
        truth: (n,) bool, whether the picture is of the positive class.
        score: (n,) its score.
        groups: the patient of each picture.

    Returns:
        "balanced" (largest Youden index: sensitivity + specificity - 1), "specificity_90", "sensitivity_90" and
        "sensitivity_95", each
        with its threshold, how it was chosen, and the sensitivity and specificity it had there.
    """
    fall_out, hit, thresholds = roc_curve(truth, score, drop_intermediate=False)
    fall_out, hit, thresholds = fall_out[1:], hit[1:], thresholds[1:]
    specific = np.flatnonzero(1 - fall_out >= 0.90)
    sensitive = np.flatnonzero(hit >= 0.95)
    places = {
        "balanced": (int(np.argmax(hit - fall_out)), "largest sum of sensitivity and specificity"),
        "specificity_90": (int(specific[-1]) if len(specific) else 0, "specificity of at least 90 %"),
        "sensitivity_90": (int(np.flatnonzero(hit >= 0.90)[0]), "sensitivity of at least 90 %"),
        "sensitivity_95": (int(sensitive[0]), "sensitivity of at least 95 %"),
    }
    points = {}
    for name, (place, how) in places.items():
        threshold = float(np.clip(thresholds[place], 1e-4, 1 - 1e-4))
        points[name] = {
            "threshold": round(threshold, 5),
            "how": how,
            "chosen_on": "validation",
            "sensitivity": estimate(share_at_or_above(threshold, among=True), truth, score, groups).as_json(),
            "specificity": estimate(share_at_or_above(threshold, among=False), truth, score, groups).as_json(),
        }
    return points


def confidences(scores: np.ndarray, positive: int, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The decided class and its distance from the nearest decision boundary, as the reader works it out.

    Args:
        scores: (n, C) calibrated scores.
        positive: number of the positive class.
        threshold: the operating point on its score.

    Returns:
        (n,) class numbers and (n,) distances in log-odds.
    """
    clipped = np.clip(scores, 1e-7, 1 - 1e-7)
    signed = logit(clipped[:, positive]) - logit(threshold)
    others = np.log(clipped)
    others[:, positive] = -np.inf
    order = np.sort(others, axis=1)
    gap = order[:, -1] - order[:, -2]  # infinite where there is but one other class
    decided = np.where(signed >= 0, positive, others.argmax(axis=1))
    return decided, np.where(signed >= 0, signed, np.minimum(-signed, gap))


def choose_margin(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray, abstain: float) -> dict:
    """The margin under which a reading is called uncertain, from validation pictures (El-Yaniv and Wiener 2010).

    Args:
        confidence: (n,) distances from the decision boundary.
        right: (n,) bool.
        weights: (n,).
        abstain: weighted share of pictures that may be called uncertain.

    Returns:
        The margin, the share it calls uncertain and the error before and after.
    """
    order = np.argsort(confidence)
    share = np.cumsum(weights[order]) / weights.sum()
    margin = float(confidence[order][np.searchsorted(share, abstain)])
    kept = confidence >= margin
    return {
        "margin": round(margin, 5),
        "unit": "log-odds",
        "how": f"calls about {abstain:.0%} of the validation pictures uncertain",
        "chosen_on": "validation",
        "abstained": round(float(weights[~kept].sum() / weights.sum()), 4),
        "error_of_all": round(float((weights * ~right).sum() / weights.sum()), 4),
        "error_of_decided": round(float((weights * ~right)[kept].sum() / weights[kept].sum()), 4),
        "n": len(confidence),
    }


def scores_of(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Calibrated scores, (n, C), of (n, C) logits."""
    return np.asarray(softmax(logits / temperature, axis=1))


def average_precision(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Area under the precision-recall curve as average precision. NaN where one class is missing."""
    if not weight[truth].sum() or not weight[~truth].sum():
        return float("nan")
    return float(average_precision_score(truth, score, sample_weight=weight))


def mean(_truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """The weighted mean of the scores; NaN where nothing weighs."""
    return float(np.average(score, weights=weight)) if weight.sum() else float("nan")


def brier(truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Mean squared distance of the score from what was true (Brier 1950)."""
    return float(np.average((score - truth) ** 2, weights=weight))


def reliability(truth: np.ndarray, score: np.ndarray, weight: np.ndarray, bins: int = 10) -> list[dict[str, float]]:
    """The points of a reliability diagram: per occupied bin the mean score, the observed share and its weight."""
    place = np.minimum((score * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        members = (place == number) & (weight > 0)
        if members.any():
            rows.append(
                {
                    "score": float(np.average(score[members], weights=weight[members])),
                    "observed": float(np.average(truth[members], weights=weight[members])),
                    "share": float(weight[members].sum() / weight.sum()),
                    "n": int(members.sum()),
                }
            )
    return rows


def risk_and_coverage(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Error among the pictures that are decided on, by the share of pictures that are (Geifman and El-Yaniv 2017).

    Args:
        confidence: (n,) distances from the decision boundary.
        right: (n,) bool.

    Returns:
        Rows with coverage, error and the margin that gives them, from full coverage down to a twentieth.
    """
    order = np.argsort(-confidence)
    errors = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    rows = []
    for twentieth in range(20, 0, -1):
        kept = max(1, round(len(order) * twentieth / 20))
        rows.append(
            {
                "coverage": kept / len(order),
                "error": float(errors[kept - 1]),
                "margin": float(confidence[order[kept - 1]]),
            }
        )
    return rows

"""Scores -> a decision with its reasons: the operating point, then the distance from the nearest decision boundary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.messages import Code, Message
from model.reading.card import Card, OperatingPoint
from model.reading.names import NORMAL, REFUSED, UNCERTAIN, class_name, point_name

# Keeps log-odds finite where a score rounds to 0 or 1.
_SMALLEST = 1e-7


def softmax(logits: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Calibrated scores of (C,) logits (temperature scaling, Guo et al. 2017, arXiv:1706.04599)."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    return np.asarray(powers / powers.sum())


def log_odds(share: float) -> float:
    """Of a share from 0 to 1; finite at both ends, where a score was rounded."""
    share = min(max(share, _SMALLEST), 1 - _SMALLEST)
    return math.log(share / (1 - share))


def leading(decision: str, scores: dict[str, float]) -> str:
    """The class whose heatmap stands for a reading: the decided one, or else the one with the highest score."""
    return decision if decision in scores else max(scores, key=scores.__getitem__)


def decide(
    card: Card, point: OperatingPoint, scores: NDArray[np.float64], margin: float | None = None
) -> tuple[str, list[Message]]:
    """Compare the scores with the operating point and with each other.

    The distance from a decision boundary is in log-odds: that of the positive class' score from the threshold, and
    below the threshold also the log-ratio of the two largest other scores, whichever is less. Readings nearer than
    the card's margin are uncertain (the reject option: El-Yaniv and Wiener 2010, JMLR 11:1605).

    Args:
        card: with the margin.
        point: the operating point.
        scores: (C,), adding up to 1.
        margin: in log-odds; default is the card's.

    Returns:
        The decision and its reasons.
    """
    margin = card.margin if margin is None else margin
    positive = card.classes.index(card.positive)
    score = float(scores[positive])
    signed = log_odds(score) - log_odds(point.threshold)
    others = sorted((i for i in range(len(scores)) if i != positive), key=lambda i: -scores[i])
    decided, distance = (positive, signed) if signed >= 0 else (others[0], -signed)
    boundary: Message | Code = Code.THE_OPERATING_POINT
    side = Code.ABOVE if signed > 0 else Code.BELOW if signed < 0 else Code.EXACTLY_AT
    shown, threshold = _distinct(score, point.threshold)
    name = class_name(card.positive)
    reasons = [
        Message(Code.SCORE, name=name, score=shown, side=side, threshold=threshold, point=point_name(point.name))
    ]
    if decided != positive and len(others) > 1:
        first, second = others[:2]
        gap = math.log(max(float(scores[first]), _SMALLEST) / max(float(scores[second]), _SMALLEST))
        if gap < distance:
            distance, boundary = gap, Message(Code.A_TIE, name=class_name(card.classes[second]))
        first_shown, second_shown = _distinct(float(scores[first]), float(scores[second]))
        reasons.append(
            Message(
                Code.OTHER_SCORES,
                first=class_name(card.classes[first]),
                score=first_shown,
                second=class_name(card.classes[second]),
                other=second_shown,
            )
        )
    if distance >= margin:
        return card.classes[decided], reasons
    reasons.append(Message(Code.NEAR_BOUNDARY, distance=_rounded(distance), boundary=boundary, margin=_rounded(margin)))
    return UNCERTAIN, reasons


@dataclass(frozen=True)
class Finding:
    """A decision in words, the same on a page, in a report and on a command line.

    Attributes:
        headline: what was decided, in a few words.
        sentence: why, in one sentence.
        doubt: the two classes that an uncertain reading is between; empty for others.
    """

    headline: Message | str
    sentence: Message
    doubt: tuple[str, ...] = ()


def finding(decision: str, scores: dict[str, float], card: Card, operating_point: str | None = None) -> Finding:
    """Put a decision into words.

    Args:
        decision: a class, "uncertain" or "refused".
        scores: of the classes, 0 to 1; empty for a refused picture.
        card: of the bundle that read the picture.
        operating_point: that was applied; default is the card's choice.

    Returns:
        The words. They claim no more than the scores do: a radiograph whose class is normal shows "no COVID-19 pattern
        seen", and an uncertain one names the two classes that it is between.

    Raises:
        BundleError: there is no such operating point.
    """
    if decision == REFUSED:
        return Finding(Message(Code.FINDING_REFUSED), Message(Code.FINDING_REFUSED_WHY))
    threshold, positive = card.point(operating_point).threshold, card.positive
    others = sorted((name for name in card.classes if name != positive), key=lambda name: -scores[name])
    score, shown_threshold = _distinct(scores[positive], threshold)
    values: dict[str, Any] = {
        "name": class_name(positive),
        "score": score,
        "threshold": shown_threshold,
        "first": class_name(others[0]),
        "first_score": _rounded(scores[others[0]]),
    }
    if decision == positive:
        outscored = scores[others[0]] > scores[positive]
        why = Code.FINDING_POSITIVE_OUTSCORED if outscored else Code.FINDING_POSITIVE
        return Finding(class_name(positive), Message(why, **values))
    if decision == UNCERTAIN:
        tie = _is_nearer_to_a_tie(scores, threshold, positive, others)
        doubt = (others[0], others[1]) if tie else (positive, others[0])
        names = [class_name(name) for name in doubt]
        if tie:
            values |= {"second": class_name(others[1]), "second_score": _rounded(scores[others[1]])}
        why = Code.FINDING_TIE if tie else Code.FINDING_NEAR_POINT
        return Finding(Message(Code.FINDING_UNCERTAIN, first=names[0], second=names[1]), Message(why, **values), doubt)
    values |= {"first": class_name(decision), "first_score": _rounded(scores[decision])}
    headline = Message(Code.FINDING_NOT_SEEN, name=class_name(positive)) if decision == NORMAL else class_name(decision)
    return Finding(headline, Message(Code.FINDING_OTHER, **values))


def _is_nearer_to_a_tie(scores: dict[str, float], threshold: float, positive: str, others: list[str]) -> bool:
    """Whether the nearest decision boundary is that between the two largest other classes, as in `decide`."""
    signed = log_odds(scores[positive]) - log_odds(threshold)
    if signed >= 0 or len(others) < 2:
        return False
    first, second = (max(scores[name], _SMALLEST) for name in others[:2])
    return math.log(first / second) < -signed


def _distinct(score: float, other: float) -> tuple[Decimal, Decimal]:
    """Both with two digits, or with as many as tell them apart."""
    for digits in (2, 3, 4):
        pair = _rounded(score, digits), _rounded(other, digits)
        if pair[0] != pair[1]:
            return pair
    return _rounded(score), _rounded(other)


def _rounded(value: float, digits: int = 2) -> Decimal:
    return Decimal(f"{value:.{digits}f}")

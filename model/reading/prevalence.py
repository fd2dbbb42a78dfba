"""What a result means where the disease is rare or common: predictive values with intervals, odds."""

from __future__ import annotations

import math
from dataclasses import dataclass

# 97.5 % quantile of the normal distribution: two-sided 95 % intervals.
_Z = 1.959964


@dataclass(frozen=True)
class Share:
    """A measured share and the number of people it was measured on.

    Attributes:
        value: 0 to 1; of the ill who test positive (sensitivity) or of the others who test negative (specificity).
        n: people.
    """

    value: float
    n: int


@dataclass(frozen=True)
class Predictive:
    """A predictive value, 0 to 1, with its 95 % interval."""

    value: float
    low: float
    high: float


def predictive_values(sensitivity: Share, specificity: Share, prevalence: float) -> tuple[Predictive, Predictive]:
    """Positive and negative predictive value at a prevalence that need not be that of the test set.

    Intervals are Mercaldo's on the logit scale (Mercaldo, Lau and Zhou 2007, Statistics in Medicine 26:2170); half a
    person is added to every cell where a share is 0 or 1, whose logit has no end.

    Args:
        sensitivity: with the number of ill people behind it.
        specificity: with the number of people without the disease behind it.
        prevalence: share of ill people among those tested, above 0 and below 1.

    Returns:
        PPV and NPV.

    Raises:
        ValueError: a share is outside 0 to 1, the prevalence is not inside, or nobody was measured.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"The prevalence must lie between 0 and 1, not be {prevalence}.")
    (se, ill), (sp, well) = _off_the_ends(sensitivity), _off_the_ends(specificity)
    odds = prevalence / (1 - prevalence)
    ppv = _logit_interval(math.log(se / (1 - sp) * odds), (1 - se) / (se * ill) + sp / ((1 - sp) * well))
    npv = _logit_interval(math.log(sp / (1 - se) / odds), se / ((1 - se) * ill) + (1 - sp) / (sp * well))
    return ppv, npv


def likelihood_ratios(sensitivity: float, specificity: float) -> tuple[float, float]:
    """Positive and negative likelihood ratio: what a result multiplies the odds of the disease with.

    Args:
        sensitivity: 0 to 1.
        specificity: 0 to 1.

    Returns:
        sensitivity / (1 - specificity), infinite at specificity 1; (1 - sensitivity) / specificity, infinite at 0.
    """
    positive = sensitivity / (1 - specificity) if specificity < 1 else math.inf
    negative = (1 - sensitivity) / specificity if specificity > 0 else math.inf
    return positive, negative


def _off_the_ends(share: Share) -> tuple[float, float]:
    if share.n <= 0 or not 0 <= share.value <= 1:
        raise ValueError(f"A share lies between 0 and 1 and is measured on someone; got {share}.")
    if 0 < share.value < 1:
        return share.value, share.n
    return (share.value * share.n + 0.5) / (share.n + 1), share.n + 1


def _logit_interval(centre: float, variance: float) -> Predictive:
    half = _Z * math.sqrt(variance)
    return Predictive(*(1 / (1 + math.exp(-x)) for x in (centre, centre - half, centre + half)))

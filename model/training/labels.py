"""The labels of a data set: which class is the positive one, and the order of the classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Words of labels for the absence of a disease.
NEGATIVE = frozenset({"normal", "normals", "healthy", "control", "controls", "negative", "negatives", "neg", "free"})
NEGATIVE |= {"no", "non", "not", "without", "absent", "clear", "uninfected", "nofinding", "nofindings"}


def order_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """The classes in the order of the logits: normal first, the positive class last, else by name."""
    return tuple(sorted(set(labels), key=lambda c: (is_positive(c), not is_negative(c), c)))


def healthy_class(classes: Sequence[str]) -> str | None:
    """The class of healthy people, or None where none is named so."""
    return next((name for name in classes if is_negative(name)), None)


def is_positive(label: str) -> bool:
    """Whether a label names the positive class (covid19, COVID, positive, ...) and does not negate it."""
    return bool(_words(label) & {"covid", "sars", "ncov", "positive", "pos"}) and not is_negative(label)


def is_negative(label: str) -> bool:
    """Whether a label names the absence of the disease (normal, healthy, COVID_negative, non-covid, COVID-, ...)."""
    return bool(_words(label) & NEGATIVE) or label.strip().endswith(("-", "\N{MINUS SIGN}"))


def _words(label: str) -> set[str]:
    """Lower-case words of a label; "COVIDNegative", "noncovid" and "covid19neg" are split too."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", label).lower()
    apart = re.sub(r"(covid)", r" \1 ", apart)
    return set(re.findall(r"[a-z]+", apart))

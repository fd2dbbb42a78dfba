"""The labels: which class is positive, what a network is to answer for a picture, and how often it is drawn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from model.training.data.dataset import Dataset

# Words of labels for the absence of a disease.
NEGATIVE = frozenset({"normal", "normals", "healthy", "control", "controls", "negative", "negatives", "neg", "free"})
NEGATIVE |= {"no", "non", "not", "without", "absent", "clear", "uninfected", "nofinding", "nofindings"}
# The same in Spanish, Portuguese, French, German and Italian, whose data sets are public too.
NEGATIVE |= {"sin", "sem", "sans", "ohne", "kein", "keine", "senza", "sano", "sanos", "gesund", "sain", "negativo"}
# For SIIM's images without a label: the appearance is not negative and suggests one class more than the other (RSNA
# consensus on reporting COVID-19: Simpson et al. 2020). Estimates, not counts. They also show the network lungs of that
# source that are neither normal nor typical; otherwise it would learn that the source has two classes only.
SOFT_TARGETS = {
    "indeterminate": {"covid": 0.7, "other": 0.1, "normal": 0.2},
    "atypical": {"covid": 0.35, "other": 0.45, "normal": 0.2},
}
# NIH's labels beside the three classes: a second, auxiliary head learns them (Wang et al. 2017).
FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia",
    "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
# Lungs with nothing but these often look normal on a small picture, and the labels were mined from reports.
SUBTLE = frozenset({"Cardiomegaly", "Emphysema", "Fibrosis", "Hernia", "Nodule", "Pleural_Thickening"})
# Label smoothing (Szegedy et al. 2016).
SMOOTHING = 0.06
# Share of the draws that goes to pictures with a soft target, where there are any; the rest is even among the classes
# but for COVID-19, of which two sources alone tell.
SOFT_SHARE, POSITIVE_SHARE = 0.08, 0.875


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


def with_soft_target(data: Dataset) -> list[int]:
    """Positions of the images without a label whose finding is in `SOFT_TARGETS`.

    None unless the classes are COVID-19, normal and other.
    """
    if set(_kinds(data)) != {"covid", "normal", "other"}:
        return []
    return [i for i in data.indices("unlabelled").tolist() if data.records[i].finding in SOFT_TARGETS]


def make_targets(data: Dataset, indices: Sequence[int]) -> np.ndarray:
    """Distributions over the classes, (n, C) float32.

    Args:
        data: the images.
        indices: n positions, of images with a label or `with_soft_target`.
    """
    return np.stack([_target(data, i) for i in indices])


def _kinds(data: Dataset) -> list[str]:
    return ["covid" if is_positive(name) else name.lower() for name in data.classes]


def _target(data: Dataset, i: int) -> np.ndarray:
    record, classes = data.records[i], data.classes
    if not record.label:
        return np.array([SOFT_TARGETS[record.finding][kind] for kind in _kinds(data)], np.float32)
    if record.source.startswith("nih") and {"normal", "other"} <= set(classes):
        # Older than COVID-19: what is uncertain in a label mined from a report lies between normal and other.
        subtle = set(record.finding.split("|")) <= SUBTLE
        normal = 0.9 if record.label == "normal" else 0.35 if subtle else 0.17
        target = np.full(len(classes), 0.01 / max(1, len(classes) - 2), np.float32)
        target[classes.index("normal")], target[classes.index("other")] = normal, 0.99 - normal
        return target
    target = np.full(len(classes), SMOOTHING / (len(classes) - 1), np.float32)
    target[classes.index(record.label)] = 1 - SMOOTHING
    return target


def make_findings(data: Dataset, indices: Sequence[int]) -> np.ndarray:
    """Which of `FINDINGS` each image has, (n, F) float32: 0 or 1, and -1 where its source does not say."""
    return np.stack([_findings(data, i) for i in indices])


def _findings(data: Dataset, i: int) -> np.ndarray:
    record = data.records[i]
    if not record.source.startswith("nih"):
        return np.full(len(FINDINGS), -1, np.float32)
    reported = set(record.finding.split("|"))
    row = np.array([float(name in reported) for name in FINDINGS], np.float32)
    if record.source == "nih" and record.label != "normal":
        # This selection names pneumonia alone, whatever else was reported.
        row[row == 0] = -1
    return row


def make_probabilities(data: Dataset, indices: Sequence[int], power: float) -> np.ndarray:
    """How often each image is drawn: evenly by class, in a class by a power of a source's size, evenly in a source.

    Args:
        data: the images.
        indices: n positions.
        power: see `Settings.source_power`.

    Returns:
        (n,) that add up to 1.
    """
    keys = [(data.records[i].label, data.records[i].source) for i in indices]
    labels = {label for label, _ in keys}
    # Three classes of which one is COVID-19 and some pictures without a label: 0.32, 0.32, 0.28 and 0.08.
    parts = {label: POSITIVE_SHARE if is_positive(label) else 1.0 for label in labels if label}
    labelled = (1 - SOFT_SHARE if "" in labels else 1.0) / sum(parts.values())
    shares = {label: part * labelled for label, part in parts.items()} | ({"": SOFT_SHARE} if "" in labels else {})
    return share_evenly(keys, shares, power)


def make_weights(data: Dataset, indices: np.ndarray) -> np.ndarray:
    """Weights of images that are not drawn but averaged over, (n,) float32 with mean 1.

    Every class weighs the same, and a source as `share_evenly` says, by the square root of its size.
    """
    keys = [(data.records[i].label, data.records[i].source) for i in indices]
    weights = share_evenly(keys, dict.fromkeys({label for label, _ in keys}, 1.0), 0.5)
    return (weights / weights.mean()).astype(np.float32)


def share_evenly(keys: Sequence[tuple[str, str]], shares: dict[str, float], power: float) -> np.ndarray:
    """Weights that neither a large source nor the look of a source decides by.

    Args:
        keys: label and source of each of n images; an empty label for none.
        shares: what the images of each label weigh together.
        power: inside a label, a source weighs by its size to this power. After that, the classes of every source are
            made even: where one of them weighs more, the source's look alone makes it more likely.

    Returns:
        (n,) float64, adding up to 1.
    """
    sizes = Counter(keys)
    total = dict.fromkeys(shares, 0.0)
    for (label, _), count in sizes.items():
        total[label] += count**power
    masses = {key: shares[key[0]] * count**power / total[key[0]] for key, count in sizes.items()}
    for source in {source for label, source in sizes if label}:
        of_source = [key for key in sizes if key[1] == source and key[0]]
        masses |= dict.fromkeys(of_source, float(np.mean([masses[key] for key in of_source])))
    weights = np.array([masses[key] / sizes[key] for key in keys])
    return weights / weights.sum()

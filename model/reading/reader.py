"""Radiograph -> Reading: calibrated scores, a decision with its reasons, and a map for each class."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.reading import quality
from model.reading.bundle import Bundle
from model.reading.card import Card, OperatingPoint
from model.reading.heatmap import evidence
from model.reading.lungs import Lungs
from model.reading.radiograph import Radiograph, Unreadable

UNCERTAIN = "uncertain"
REFUSED = "refused"
NORMAL = "normal"
# A picture of doubtful quality has to be this much farther from every boundary.
DOUBTFUL = 1.5
OUTSIDE = "Most of the evidence lies outside the lungs: do not trust this reading."
# Keeps log-odds finite where a score rounds to 0 or 1.
_SMALLEST = 1e-7
_NAMES = {"covid19": "COVID-19 pattern", "other": "other lung disease", "normal": "normal"}


@dataclass(frozen=True)
class Reading:
    """What the network made of one radiograph; of a refused file only the decision, the reason and the time.

    Attributes:
        decision: a class, "uncertain" or "refused".
        scores: calibrated, 0 to 1, by class; they add up to 1.
        logits: by class, before calibration.
        maps: (h, w, C) float32, what each part of the picture added to each logit.
        classes: in the order of the maps.
        operating_point: name of the one that was applied.
        reasons: sentences: how the decision came about, then what the decoder noted.
        seconds: taken.
        bundle: name and version.
        sha256: of the file.
        kind: what the input check took the picture for (`screening.WHAT`); empty where there was no check.
        notes: sentences on the quality of the picture; they stand in `reasons` too.
        lungs: where they are; None where they were not looked for or not found.
        in_lungs: share of the evidence for the decided class that lies in them; None without lungs or evidence.
        remarks: what the decoder noted; it stands in `reasons` too.
        doubtful: a note on the quality makes the reading less certain.
    """

    decision: str
    scores: dict[str, float]
    logits: dict[str, float]
    maps: NDArray[np.float32]
    classes: tuple[str, ...]
    operating_point: str
    reasons: tuple[str, ...]
    seconds: float
    bundle: str
    sha256: str
    kind: str = ""
    notes: tuple[str, ...] = ()
    lungs: Lungs | None = None
    in_lungs: float | None = None
    remarks: tuple[str, ...] = ()
    doubtful: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The reading as JSON holds it, without the maps."""
        return {
            "decision": self.decision,
            "scores": {name: round(score, 6) for name, score in self.scores.items()},
            "logits": {name: round(logit, 6) for name, logit in self.logits.items()},
            "reasons": list(self.reasons),
            "seconds": round(self.seconds, 4),
            "bundle": self.bundle,
            "operating_point": self.operating_point,
            "sha256": self.sha256,
            "kind": self.kind,
            "in_lungs": None if self.in_lungs is None else round(self.in_lungs, 4),
            "notes": list(self.notes),
        }


class Reader:
    """Reads radiographs with one bundle. Threads may share it; the network runs for one at a time."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def read(self, radiograph: Radiograph, operating_point: str | None = None, *, examine: bool = True) -> Reading:
        """Read one radiograph: one forward pass gives scores, maps and the input check.

        Args:
            radiograph: decoded.
            operating_point: name of one of the card's; default is the card's own choice.
            examine: look for lungs and the heart's side and judge the picture's quality too, which takes a few
                milliseconds more.

        Returns:
            The reading; "refused" without scores where the input check finds no frontal chest radiograph.

        Raises:
            BundleError: there is no such operating point.
        """
        start = time.perf_counter()
        card = self.bundle.card
        point = card.point(operating_point)
        found = self.bundle.run(radiograph.to_input(card.size))
        seen = self.bundle.screener.screen(found.features) if self.bundle.screener else None
        if seen and not seen.accepted:
            return replace(
                refused(seen.reason, card.title, radiograph.sha256, time.perf_counter() - start), kind=seen.kind
            )
        lungs = self.bundle.segmenter.find(radiograph) if examine and self.bundle.segmenter else None
        mirrored = self.bundle.side.mirrored(radiograph) if examine and self.bundle.side else False
        notes = quality.notes(radiograph, seen, lungs, mirrored) if examine else ()
        undecided = Reading(
            decision=UNCERTAIN,
            scores=scores_by_name(card, softmax(found.logits, card.temperature)),
            logits=scores_by_name(card, found.logits),
            maps=found.maps,
            classes=card.classes,
            operating_point=point.name,
            reasons=(),
            seconds=0.0,
            bundle=card.title,
            sha256=radiograph.sha256,
            kind=seen.kind if seen else "",
            notes=tuple(note.sentence for note in notes),
            lungs=lungs if lungs is not None and lungs.found else None,
            remarks=radiograph.notes,
            doubtful=any(note.lessens for note in notes),
        )
        return replace(redecide(undecided, card, point.name), seconds=time.perf_counter() - start)


def redecide(reading: Reading, card: Card, operating_point: str | None = None) -> Reading:
    """Decide again from the scores that a reading has, at another operating point, without running the network.

    Args:
        reading: by the bundle that the card describes.
        card: with the operating points.
        operating_point: name of one of them; default is the card's own choice.

    Returns:
        The reading as `Reader.read` would give it at that operating point; a refused one as it is.

    Raises:
        BundleError: there is no such operating point.
    """
    point = card.point(operating_point)
    if reading.decision == REFUSED:
        return reading
    scores = np.array([reading.scores[name] for name in card.classes])
    decision, reasons = decide(card, point, scores, card.margin * (DOUBTFUL if reading.doubtful else 1))
    judged = leading(decision, reading.scores)
    in_lungs = _in_lungs(reading.maps[:, :, card.classes.index(judged)], reading.lungs)
    if in_lungs is not None and in_lungs < 0.5 and judged != NORMAL:
        reasons.append(OUTSIDE)
    return replace(
        reading,
        decision=decision,
        operating_point=point.name,
        reasons=(*reasons, *reading.notes, *reading.remarks),
        in_lungs=in_lungs,
    )


def leading(decision: str, scores: dict[str, float]) -> str:
    """The class whose heatmap stands for a reading: the decided one, or else the one with the highest score."""
    return decision if decision in scores else max(scores, key=scores.__getitem__)


def _in_lungs(class_map: NDArray[np.float32], lungs: Lungs | None) -> float | None:
    strength = evidence(class_map)
    return None if strength is None or lungs is None else lungs.share_inside(strength)


def refused(error: Unreadable | str, bundle: str = "", sha256: str = "", seconds: float = 0.0) -> Reading:
    """The record of a file that could not be read.

    Args:
        error: why, in a sentence.
        bundle: that would have read it.
        sha256: of the file, as far as it could be read.
        seconds: taken.

    Returns:
        A reading with the decision "refused" and without scores.
    """
    empty = np.zeros((0, 0, 0), np.float32)
    return Reading(REFUSED, {}, {}, empty, (), "", (str(error),), seconds, bundle, sha256)


def softmax(logits: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Calibrated scores of (C,) logits (temperature scaling, Guo et al. 2017, arXiv:1706.04599)."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    return np.asarray(powers / powers.sum())


def scores_by_name(card: Card, values: NDArray[Any]) -> dict[str, float]:
    """(C,) values by the names of the classes."""
    return {name: float(value) for name, value in zip(card.classes, values, strict=True)}


def decide(
    card: Card, point: OperatingPoint, scores: NDArray[np.float64], margin: float | None = None
) -> tuple[str, list[str]]:
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
    if signed >= 0:
        decided, confidence, boundary = positive, signed, "the operating point"
    else:
        decided, confidence, boundary = others[0], -signed, "the operating point"
        if len(others) > 1:
            first, second = (max(float(scores[i]), _SMALLEST) for i in others[:2])
            gap = math.log(first / second)
            if gap < confidence:
                confidence, boundary = gap, f"a tie with {_name(card.classes[others[1]])}"
    side = "above" if signed > 0 else "below" if signed < 0 else "exactly at"
    shown, threshold = _apart(score, point.threshold)
    reasons = [
        f"The {_name(card.positive)} score {shown} is {side} the operating point {threshold} ({_words(point.name)})."
    ]
    if decided != positive and len(others) > 1:
        shown, second_shown = _apart(float(scores[others[0]]), float(scores[others[1]]))
        reasons.append(
            f"Of the other classes, {_name(card.classes[others[0]])} scores {shown} and "
            f"{_name(card.classes[others[1]])} {second_shown}."
        )
    if confidence >= margin:
        return card.classes[decided], reasons
    reasons.append(
        f"That is only {confidence:.2f} log-odds from {boundary}, and readings nearer than {margin:.2f} "
        "are called uncertain."
    )
    return UNCERTAIN, reasons


def log_odds(share: float) -> float:
    """Of a share from 0 to 1; finite at both ends, where a score was rounded."""
    share = min(max(share, _SMALLEST), 1 - _SMALLEST)
    return math.log(share / (1 - share))


def _apart(one: float, other: float) -> tuple[str, str]:
    """Both with two digits, or with as many as tell them apart."""
    for digits in (2, 3, 4):
        shown = f"{one:.{digits}f}", f"{other:.{digits}f}"
        if shown[0] != shown[1]:
            return shown
    return f"{one:.2f}", f"{other:.2f}"


def _name(name: str) -> str:
    return _NAMES.get(name, _words(name))


def _words(name: str) -> str:
    return name.replace("_", " ")

"""A file or a radiograph -> Reading: calibrated scores, a decision with its reasons, and a map for each class.

`read_file` is the one way from a file to a Reading: whatever is wrong with the file ends in a refusal.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import Unreadable
from model.files.dicom.tags import REFUSING
from model.files.formats import DEFAULT_LIMITS, Limits
from model.messages import Code, Message
from model.reading import quality
from model.reading.bundle import Bundle
from model.reading.card import Card
from model.reading.decision import decide, leading, log_odds, softmax
from model.reading.framing import Box, place
from model.reading.heatmap import evidence
from model.reading.lungs import Lungs
from model.reading.names import NORMAL, REFUSED, UNCERTAIN
from model.reading.radiograph import Radiograph, decode

__all__ = [
    "REFUSED",
    "UNCERTAIN",
    "Reader",
    "Reading",
    "decide",
    "leading",
    "log_odds",
    "read_file",
    "redecide",
    "refused",
    "softmax",
]

# A picture of doubtful quality has to be this much farther from every boundary.
DOUBTFUL = 1.5


@dataclass(frozen=True)
class Reading:
    """What the network made of one radiograph; of a refused file only the decision, the reason and the time.

    Attributes:
        decision: a class, "uncertain" or "refused".
        scores: calibrated, 0 to 1, by class; they add up to 1.
        logits: by class, before calibration.
        maps: (h, w, C) float32, what each part of the whole picture added to each logit.
        classes: in the order of the maps.
        operating_point: name of the one that was applied.
        reasons: how the decision came about, then `notes` and `remarks`; why a file was refused.
        seconds: taken.
        bundle: name and version.
        sha256: of the file.
        kind: what the input check took the picture for (`input_check.WHAT`); empty where there was no check.
        notes: on the quality of the picture.
        lungs: where they are; None where they were not looked for or not found.
        in_lungs: share of the evidence for the decided class that lies in them; None without lungs or evidence.
        remarks: of the decoder, on what it did to the picture.
        doubtful: a note on the quality makes the reading less certain.
        box: of the lungs, where the network looked at them alone; None where it saw the whole picture.
        cells: (h, w, C) float32, the network's own maps of what it looked at; `maps` are these in their place.
    """

    decision: str
    scores: dict[str, float]
    logits: dict[str, float]
    maps: NDArray[np.float32]
    classes: tuple[str, ...]
    operating_point: str
    reasons: tuple[Message, ...]
    seconds: float
    bundle: str
    sha256: str
    kind: str = ""
    notes: tuple[Message, ...] = ()
    lungs: Lungs | None = None
    in_lungs: float | None = None
    remarks: tuple[Message, ...] = ()
    doubtful: bool = False
    box: Box | None = None
    cells: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))

    def to_dict(self) -> dict[str, Any]:
        """The reading as JSON holds it, in English and without the maps."""
        return {
            "decision": self.decision,
            "scores": {name: round(score, 6) for name, score in self.scores.items()},
            "logits": {name: round(logit, 6) for name, logit in self.logits.items()},
            "reasons": [str(reason) for reason in self.reasons],
            "reason_codes": [reason.code.name.lower() for reason in self.reasons],
            "seconds": round(self.seconds, 4),
            "bundle": self.bundle,
            "operating_point": self.operating_point,
            "sha256": self.sha256,
            "kind": self.kind,
            "in_lungs": None if self.in_lungs is None else round(self.in_lungs, 4),
            "notes": [str(note) for note in self.notes],
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
            The reading; "refused" without scores where the file says that it is no frontal chest radiograph, or the
            input check finds none.

        Raises:
            BundleError: there is no such operating point.
        """
        start = time.perf_counter()
        card = self.bundle.card
        point = card.point(operating_point)
        # What the file says of itself comes before what the network makes of it.
        told = next((note for note in radiograph.notes if note.code in REFUSING), None)
        if told:
            return refused(told, card.title, radiograph.sha256, time.perf_counter() - start)
        view = self.bundle.look(radiograph, find_lungs=examine)
        outputs = self.bundle.run(view.image)
        seen = self.bundle.check(radiograph, view, outputs)
        if seen and seen.reason:
            return refused(seen.reason, card.title, radiograph.sha256, time.perf_counter() - start, seen.kind)
        lungs = view.lungs if examine else None
        mirrored = self.bundle.side.mirrored(radiograph) if examine and self.bundle.side else False
        notes = quality.notes(radiograph, seen, lungs, mirrored) if examine else ()
        if view.cut and view.box is None:
            notes = (*notes, quality.WHOLE_PICTURE)
        undecided = Reading(
            decision=UNCERTAIN,
            scores=scores_by_name(card, softmax(outputs.logits, card.temperature)),
            logits=scores_by_name(card, outputs.logits),
            maps=place(outputs.maps, view.box, card.framing),
            classes=card.classes,
            operating_point=point.name,
            reasons=(),
            seconds=0.0,
            bundle=card.title,
            sha256=radiograph.sha256,
            kind=seen.kind if seen else "",
            notes=tuple(note.message for note in notes),
            lungs=lungs if lungs is not None and lungs.found else None,
            remarks=radiograph.notes,
            doubtful=any(note.lessens for note in notes),
            box=view.box,
            cells=outputs.maps,
        )
        return replace(redecide(undecided, card, point.name), seconds=time.perf_counter() - start)


def read_file(
    load: Callable[[], bytes], reader: Reader, operating_point: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> tuple[Reading, Radiograph | None]:
    """Read one file.

    Args:
        load: gives the file's content, or raises Unreadable.
        reader: with the bundle.
        operating_point: name of one of the card's; default is the card's own choice.
        limits: of the file's bytes and pixels.

    Returns:
        The reading, with the seconds that all of it took, and the decoded picture; None where it could not be decoded.

    Raises:
        RemoteError: the file lies in a storage that does not answer.
        BundleError: there is no such operating point.
    """
    start, data = time.perf_counter(), b""
    try:
        data = load()
        radiograph = decode(data, limits)
    except Unreadable as error:
        # A radiograph carries the hash of its file; here there is none.
        sha256 = hashlib.sha256(data).hexdigest() if data else ""
        return refused(error.message, reader.bundle.card.title, sha256, time.perf_counter() - start), None
    reading = reader.read(radiograph, operating_point)
    return replace(reading, seconds=time.perf_counter() - start), radiograph


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
        reasons.append(Message(Code.OUTSIDE_LUNGS))
    return replace(
        reading,
        decision=decision,
        operating_point=point.name,
        reasons=(*reasons, *reading.notes, *reading.remarks),
        in_lungs=in_lungs,
    )


def _in_lungs(class_map: NDArray[np.float32], lungs: Lungs | None) -> float | None:
    strength = evidence(class_map)
    return None if strength is None or lungs is None else lungs.share_inside(strength)


def refused(message: Message, bundle: str = "", sha256: str = "", seconds: float = 0.0, kind: str = "") -> Reading:
    """The record of a file that could not be read.

    Args:
        message: why.
        bundle: that would have read it.
        sha256: of the file, as far as it could be read.
        seconds: taken.
        kind: what the input check took the picture for.

    Returns:
        A reading with the decision "refused" and without scores.
    """
    empty = np.zeros((0, 0, 0), np.float32)
    return Reading(REFUSED, {}, {}, empty, (), "", (message,), seconds, bundle, sha256, kind)


def scores_by_name(card: Card, values: NDArray[Any]) -> dict[str, float]:
    """(C,) values by the names of the classes."""
    return {name: float(value) for name, value in zip(card.classes, values, strict=True)}

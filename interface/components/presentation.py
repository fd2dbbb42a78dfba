"""A reading in words and as an overlay, the same on the page and in a report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from interface.core import labels
from interface.core.language import mark, tr
from interface.core.session import Read
from model.reading import heatmap
from model.reading.card import Card
from model.reading.decision import finding
from model.reading.reader import Reading

# Of the heatmap in the files to download; on the page the viewer has a slider.
OPACITY = 0.6
SCORE_IS = mark(
    "**What a score is.** The network's answer, calibrated on pictures that it had not learned from: of those given "
    "0.70, about 70 in 100 had that label. The *operating point* is the score from which the COVID-19 pattern is "
    "called; it was chosen on those pictures too. Readings too near to it, or to another class, are called "
    "*uncertain*.\n\n**What it is not.** Not the probability that this person has COVID-19: that depends on how "
    "common the disease is where the person lives, on symptoms and on tests, and the network knows none of these. It "
    "learned patterns on radiographs, and it reads other hospitals' pictures worse. The page *Model card* has the "
    "figures."
)
HEATMAP_IS = mark(
    "Coloured parts added to the score of the chosen class; parts without colour added nothing or spoke against it. "
    "One cell of the map covers a large square of the picture, so it shows roughly where, and it can't outline a "
    "lesion. A bright part outside the lungs is a reason to distrust the reading."
)


def headline(reading: Reading, card: Card) -> str:
    """The finding of a reading in a few words."""
    return tr(finding(reading.decision, reading.scores, card, reading.operating_point).headline)


def why(reading: Reading, card: Card) -> str:
    """The finding of a reading in one sentence."""
    return tr(finding(reading.decision, reading.scores, card, reading.operating_point).sentence)


def class_map(reading: Reading, name: str) -> NDArray[np.float32]:
    """(h, w) what each part of the picture added to the logit of a class."""
    return np.asarray(reading.maps[:, :, reading.classes.index(name)])


def overlaid(item: Read, name: str) -> NDArray[np.uint8]:
    """A picture with the heatmap of a class over it, on the scale of the page: one for all classes.

    Args:
        item: the picture.
        name: of the class.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    reading = item.reading
    return heatmap.overlay(item.picture, class_map(reading, name), OPACITY, float(reading.maps.max()))


def describe(reading: Reading, name: str) -> tuple[str, str]:
    """The caption and the alternative text of a picture with the heatmap of a class.

    Args:
        reading: with the maps.
        name: of the class.
    """
    values, shown = class_map(reading, name), labels.class_name(name)
    if heatmap.evidence(values) is None:
        return (
            tr("No evidence for {name}, so no heatmap: no part of the picture speaks for it.", name=shown),
            tr("The radiograph without a heatmap: no part of it speaks for {name}", name=shown),
        )
    alt = tr("The radiograph with the heatmap for {name}, which is strongest {where}", name=shown, where=where(values))
    return tr("Heatmap for {name}", name=shown), alt


def where(values: NDArray[np.float32]) -> str:
    """The strongest cell's place in the picture, in words."""
    y, x = divmod(int(values.argmax()), values.shape[1])
    rows = tr("at the top"), tr("half-way down"), tr("at the bottom")
    columns = tr("on the left"), tr("in the middle"), tr("on the right")
    row, column = rows[3 * y // values.shape[0]], columns[3 * x // values.shape[1]]
    return tr("{row} {column} of the picture", row=row, column=column)

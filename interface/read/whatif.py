"""What would change the answer: the same radiograph mirrored, windowed or without its lungs, read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from interface.components.images import jpeg, to_grey
from interface.core import labels, queue
from interface.core.language import mark, tr
from interface.core.memory import make_sure_of_room
from interface.core.session import Read
from model.errors import Unreadable
from model.reading import heatmap
from model.reading.lungs import Lungs
from model.reading.radiograph import Radiograph
from model.reading.reader import REFUSED, Reader, Reading, redecide

AS_IT_IS, COVERED = mark("As it is"), mark("Lungs covered")
NO_LUNGS = mark("No lungs were found in this picture, so they can't be covered.")
NO_SEGMENTER = mark("This bundle has no network that finds lungs, so they can't be covered.")
# Pixels a side of the pictures that the page shows of this.
SIDE = 320
# Exponents on the greys as shares of white: what a window chosen too low or too high does to the middle ones.
BRIGHTER, DARKER = 0.7, 1.4
# Share of the side by which the lungs are covered beyond their border, so that it can't give their shape away.
BEYOND = 0.02


@dataclass(frozen=True)
class Variant:
    """The radiograph after one change.

    Attributes:
        name: of what was done to it, in English; `tr` says it in the language of the session.
        picture: (h, w) uint8 grey, no side above `SIDE`.
        reading: what the network made of it.
    """

    name: str
    picture: NDArray[np.uint8]
    reading: Reading


def variants(item: Read, reader: Reader) -> list[Variant]:
    """Read a picture again after each of the changes, as any picture is read.

    Args:
        item: as it was read.
        reader: that read it.

    Returns:
        The picture as it is, then flipped, brighter and darker, then with the lungs covered where they were found.

    Raises:
        Unreadable: the server holds more than it may.
    """
    read = []
    for name, pixels in _changes(item):
        with queue.turn():
            make_sure_of_room()
            reading = reader.read(Radiograph(pixels, "", item.reading.sha256, item.reading.remarks))
        read.append(Variant(name, to_grey(heatmap.fit(pixels, SIDE)), reading))
    return read


def _changes(item: Read) -> Iterator[tuple[str, NDArray[np.float32]]]:
    pixels = item.picture.astype(np.float32)
    # Read again too: at the page's size and in whole greys its score may differ a little from that of the file.
    yield AS_IT_IS, pixels
    yield mark("Flipped left to right"), np.ascontiguousarray(pixels[:, ::-1])
    yield mark("Brighter"), curved(pixels, BRIGHTER)
    yield mark("Darker"), curved(pixels, DARKER)
    if item.reading.lungs is not None:
        yield COVERED, covered(pixels, item.reading.lungs)


def curved(pixels: NDArray[np.float32], exponent: float) -> NDArray[np.float32]:
    """Make the middle greys lighter (below 1) or darker (above 1); black and white stay.

    Args:
        pixels: (H, W) grey, 0 to 255.
        exponent: above 0.

    Returns:
        (H, W) float32.
    """
    return np.asarray(255 * (pixels / 255) ** exponent, dtype=np.float32)


def covered(pixels: NDArray[np.float32], lungs: Lungs) -> NDArray[np.float32]:
    """Fill the lungs and a margin around them with the mean grey of the rest, as the controls in the card do.

    Args:
        pixels: (H, W) grey, 0 to 255.
        lungs: of the same radiograph.

    Returns:
        (H, W) float32, a copy.
    """
    height, width = pixels.shape
    reach = 2 * max(1, round(BEYOND * max(height, width))) + 1
    inside = cv2.resize(lungs.mask, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    hidden = cv2.dilate(inside.astype(np.uint8), kernel) > 0
    filled = pixels.copy()
    filled[hidden] = pixels[~hidden].mean() if not hidden.all() else 0
    return filled


def show(item: Read, reader: Reader) -> None:
    """The variants, read only when the person opens this.

    Args:
        item: as it was read.
        reader: that read it.
    """
    with st.expander(
        tr("What would change the answer?"), icon=":material/experiment:", key="whatif_open", on_change="rerun"
    ) as opened:
        if opened.open:
            _experiment(item, reader)


def _experiment(item: Read, reader: Reader) -> None:
    card, reading = reader.bundle.card, item.reading
    key = (reading.sha256, card.title)
    kept = st.session_state.get("whatif")
    if kept is None or kept[0] != key:
        try:
            kept = st.session_state.whatif = (key, variants(item, reader))
        except Unreadable as error:
            st.info(tr(error.message), icon=":material/info:")
            return
    decided = [
        replace(variant, reading=redecide(variant.reading, card, reading.operating_point)) for variant in kept[1]
    ]
    st.markdown(summary(decided))
    with st.container(horizontal=True):
        for variant in decided:
            with st.container(width=150):
                decision, score = lines(variant, decided[0], card.positive)
                name = tr(variant.name)
                alt = tr("The radiograph, {name}: {decided}, {score}", name=name.lower(), decided=decision, score=score)
                st.image(jpeg(variant.picture), width=150, alt=alt)
                st.markdown(f"**{name}**  \n{decision}  \n{score}")
    if reading.lungs is None:
        st.caption(tr(NO_LUNGS if reader.bundle.segmenter else NO_SEGMENTER))


def lines(variant: Variant, base: Variant, positive: str) -> tuple[str, str]:
    """A reading in two lines.

    Args:
        variant: any of them.
        base: the picture as it is.
        positive: the class that the score is about.

    Returns:
        The decision, and the positive class' score with how far it is from that of the picture as it is.
    """
    decided = labels.decision_name(variant.reading.decision)
    if variant.reading.decision == REFUSED:
        return decided, tr("no score")
    score = variant.reading.scores[positive]
    text = f"{labels.class_name(positive)} {labels.score(score)}"
    if variant is base or base.reading.decision == REFUSED:
        return decided, text
    change = score - base.reading.scores[positive]
    difference = labels.decimal(change, signed=True) if abs(change) >= 0.005 else tr("no change")
    return decided, f"{text} ({difference})"


def summary(variants: list[Variant]) -> str:
    """Which of the variants get another answer, and what to think of that.

    Args:
        variants: as the function `variants` returns them; the first is the picture as it is.

    Returns:
        Markdown.
    """
    base = variants[0].reading.decision
    changed = [tr(tried.name).lower() for tried in variants[1:] if tried.reading.decision not in (base, REFUSED)]
    refused = [tr(tried.name).lower() for tried in variants if tried.reading.decision == REFUSED]
    sentences = [
        tr("**The answer changes: {which}.**", which=", ".join(changed))
        if changed
        else tr("**No other answer in any of these.**")
    ]
    if refused:
        which = ", ".join(refused)
        sentences.append(tr("Not taken for a frontal chest radiograph by the input check: {which}.", which=which))
    sentences.append(tr("Flipping a picture, or making it brighter or darker, should change little."))
    if variants[-1].name == COVERED:
        sentences.append(
            tr("Covering the lungs should take the evidence away: what is left of it came from somewhere else.")
        )
    return " ".join(sentences)

"""One reading on the page: the decision in words, the scores, the picture beside its heatmap, what to take home."""

from __future__ import annotations

import json

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from interface import bars, words
from interface.pictures import LONGEST_SIDE, jpeg
from interface.shelf import Read
from model.inference import rendering
from model.inference.card import Card

SCORE_IS = (
    "**What a score is.** The network's answer, calibrated on pictures that it had not learned from: of those given "
    "0.70, about 70 in 100 had that label. The *operating point* is the score from which the headline says "
    "*present*; it was chosen on those pictures too. Readings too near to it, or to another class, are called "
    "*uncertain*.\n\n**What it is not.** Not the probability that this person has COVID-19: that depends on how "
    "common the disease is where the person lives, on symptoms and on tests, and the network knows none of these. It "
    "learned patterns on radiographs, and it reads other hospitals' pictures worse. The data and model card has the "
    "figures."
)
HEATMAP_IS = (
    "Coloured parts added to the score of the chosen class; parts without colour added nothing or spoke against it. "
    "One cell of the map covers a large square of the picture, so it shows roughly where, and it can't outline a "
    "lesion. A bright part outside the lungs is a reason to distrust the reading."
)


def show(item: Read, card: Card) -> None:
    """Everything about one picture."""
    # The decision comes first in the code because it must come first on a phone, where columns follow each other.
    left, right = st.columns([1, 2], gap="medium")
    with left:
        decision(item, card)
    with right:
        heatmap(item, card)


def decision(item: Read, card: Card) -> None:
    """The headline, the class under it, the scores and the reasons."""
    reading = item.reading
    point = card.point(reading.operating_point)
    ordered = {name: reading.scores[name] for name in order(card)}
    st.header(words.headline(reading.decision, card.positive), anchor=False)
    if reading.decision == "uncertain":
        best = max(ordered, key=ordered.__getitem__)
        st.markdown(f"**Class: uncertain**, with {words.class_name(best)} scored highest")
    else:
        st.markdown(f"**Class: {words.class_name(reading.decision)}**")
    st.html(bars.scores(ordered, card.positive, point.threshold, card.margin))
    st.markdown("\n".join(f"- {words.plain(reason)}" for reason in reading.reasons))
    with st.popover("What the score is, and is not", icon=":material/help:", width="stretch"):
        st.markdown(SCORE_IS)
        st.page_link("pages/card.py", label="Data and model card", icon=":material/fact_check:")
    st.caption(
        f"{words.plain(item.name)} · read in {words.duration(reading.seconds)} by {words.plain(reading.bundle)}, "
        f"operating point *{words.plain(point.name)}*. {words.NOT_A_DEVICE}"
    )


def order(card: Card) -> list[str]:
    """The positive class first, as the headline is about it; the others as the card has them."""
    return sorted(card.classes, key=lambda name: name != card.positive)


def heatmap(item: Read, card: Card) -> None:
    """The picture beside its overlay, what to show on it, and what to take home."""
    reading, names = item.reading, order(card)
    best = max(names, key=reading.scores.__getitem__)
    left, right = st.columns([3, 2], gap="medium")
    chosen = left.segmented_control(
        "Heatmap: what speaks for",
        names,
        default=reading.decision if reading.decision in names else best,
        required=True,
        format_func=words.class_name,
        key=f"class_{reading.sha256}",
        wrap=True,
        help=HEATMAP_IS,
    )
    percent = right.slider(
        "Opacity of the heatmap", 0, 100, 60, 5, format="%d %%", key="opacity", persist_state="session"
    )
    one = reading.maps[:, :, reading.classes.index(chosen)]
    outlined = reading.lungs is not None and st.toggle(
        "Outline the lungs", key="outline", help="As a second, small network finds them: a guide, not a measurement."
    )
    side_by_side(item, one, words.class_name(chosen), percent / 100, outlined)
    strength = rendering.evidence(one)
    if reading.lungs is not None and strength is not None:
        flat = reading.lungs.share_inside(np.ones_like(strength))
        st.caption(
            f"{reading.lungs.share_inside(strength):.0%} of this evidence lies in the lungs or right beside them; "
            f"of evidence spread evenly over the picture it would be {flat:.0%}."
        )
    with st.container(horizontal=True):
        st.download_button(
            "Overlay (PNG)",
            lambda: rendering.png(rendering.overlay(item.picture, one, percent / 100)),
            f"{item.stem}-{chosen}.png",
            "image/png",
            icon=":material/download:",
            on_click="ignore",
            help=f"The picture with the heatmap, no side above {LONGEST_SIDE} pixels.",
        )
        st.download_button(
            "Reading (JSON)",
            json.dumps(reading.to_dict(), indent=1, ensure_ascii=False),
            f"{item.stem}-reading.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )


def side_by_side(item: Read, one: NDArray[np.float32], name: str, opacity: float, outlined: bool) -> None:
    """The picture, and the same with the heatmap over it and the bar of its colours."""
    left, right = st.columns(2, gap="small")
    left.image(jpeg(item.picture), "The picture", "stretch", alt="The radiograph as it was uploaded")
    if rendering.evidence(one) is None:
        right.image(
            jpeg(item.picture),
            f"No evidence for {name}, so no heatmap: no part of the picture speaks for it.",
            "stretch",
            alt=f"The radiograph without a heatmap: no part of it speaks for {name}",
        )
        return
    overlaid = rendering.overlay(item.picture, one, opacity)
    if outlined and item.reading.lungs is not None:
        overlaid = rendering.outlined(overlaid, item.reading.lungs)
    right.image(
        jpeg(overlaid),
        f"What speaks for {name}",
        "stretch",
        alt=f"The radiograph with the heatmap for {name}, which is strongest {where(one)}",
    )
    # The scale as it looks over grey at this opacity, which the bare colours would not show.
    ramp = rendering.overlay(np.full((14, 256), 128.0), np.linspace(0, 1, 256, dtype=np.float32)[None], opacity)
    right.image(
        jpeg(ramp),
        "From no evidence (left) to the strongest part (right), as it looks over grey",
        "stretch",
        alt="Colour bar of the heatmap, from no evidence on the left to the strongest part on the right",
    )


def where(one: NDArray[np.float32]) -> str:
    """The strongest cell's place in the picture, in words."""
    y, x = divmod(int(one.argmax()), one.shape[1])
    rows, columns = ("at the top", "half-way down", "at the bottom"), ("on the left", "in the middle", "on the right")
    return f"{rows[3 * y // one.shape[0]]} {columns[3 * x // one.shape[1]]} of the picture"

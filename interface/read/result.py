"""One reading on the page: the decision in words, the scores, the picture beside its heatmap, what to take home."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from interface.components import score_bars, viewer
from interface.components.images import LONGEST_SIDE, jpeg
from interface.core import labels, operating_point
from interface.core.language import mark, tr
from interface.core.session import Read
from interface.read import whatif
from interface.report import buttons
from model.reading import heatmap
from model.reading.card import Card
from model.reading.reader import DOUBTFUL, Reader, Reading, leading, redecide

# Of the heatmap in the file to download; on the page the viewer has a slider of its own.
OPACITY = 0.6
SCORE_IS = mark(
    "**What a score is.** The network's answer, calibrated on pictures that it had not learned from: of those given "
    "0.70, about 70 in 100 had that label. The *operating point* is the score from which the headline says "
    "*present*; it was chosen on those pictures too. Readings too near to it, or to another class, are called "
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

NO_LUNGS = mark("No lungs were found in this picture, so they can't be covered.")
NO_SEGMENTER = mark("This bundle has no network that finds lungs, so they can't be covered.")


def at(item: Read, card: Card, point: str) -> Read:
    """A picture with its reading decided at an operating point, from the scores that it has."""
    reading = item.reading
    return item if reading.operating_point == point else replace(item, reading=redecide(reading, card, point))


def show(item: Read, other: Read | None, reader: Reader) -> None:
    """Everything about one picture.

    Args:
        item: decided at the operating point of the session.
        other: to compare it with; None for its own heatmap beside it.
        reader: of the loaded bundle.
    """
    card = reader.bundle.card
    # The decision comes first in the code because it must come first on a phone, where columns follow each other.
    left, right = st.columns([1, 2], gap="medium")
    with left:
        decision(item, card)
    with right:
        pictures(item, other, card)
    changes(item, reader)


def decision(item: Read, card: Card) -> None:
    """The headline, the class under it, the scores, the operating point and the reasons."""
    reading = item.reading
    point = card.point(reading.operating_point)
    ordered = {name: reading.scores[name] for name in order(card)}
    st.header(labels.headline(reading.decision, card.positive), anchor=False)
    if reading.decision == "uncertain":
        best = max(ordered, key=ordered.__getitem__)
        st.markdown(tr("**Class: uncertain**, with {name} scored highest", name=labels.class_name(best)))
    else:
        st.markdown(tr("**Class: {name}**", name=labels.class_name(reading.decision)))
    margin = card.margin * (DOUBTFUL if reading.doubtful else 1)
    st.html(score_bars.scores(ordered, card.positive, point.threshold, margin))
    operating_point.switch(card, point.name)
    st.markdown("\n".join(f"- {labels.plain(tr(reason))}" for reason in reading.reasons))
    with st.popover(tr("What the score is, and is not"), icon=":material/help:", width="stretch"):
        st.markdown(tr(SCORE_IS))
        st.page_link("pages/card.py", label=tr("Model card"), icon=":material/fact_check:")
    st.caption(
        tr(
            "{file} · read in {time} by {network}, operating point *{point}*.",
            file=labels.plain(item.name),
            time=labels.duration(reading.seconds),
            network=labels.plain(reading.bundle),
            point=labels.plain(operating_point.label(point.name)),
        )
        + f" {tr(labels.NOT_A_DEVICE)}"
    )


def order(card: Card) -> list[str]:
    """The positive class first, as the headline is about it; the others as the card has them."""
    return sorted(card.classes, key=lambda name: name != card.positive)


def pictures(item: Read, other: Read | None, card: Card) -> None:
    """The picture and the evidence in the viewer, and what to take home."""
    reading = item.reading
    names = {name: labels.class_name(name) for name in order(card)}
    chosen = st.segmented_control(
        tr("Heatmap: what speaks for"),
        list(names),
        # At the card's own operating point: another one must not take away what the person chose to see.
        default=leading(redecide(reading, card).decision, reading.scores),
        required=True,
        format_func=names.__getitem__,
        key=f"class_{reading.sha256}",
        wrap=True,
        help=tr(HEATMAP_IS),
    )
    one, name = class_map(reading, chosen), names[chosen]
    if other is None:
        panels = [
            viewer.Panel(tr("The picture"), tr("The radiograph as it was uploaded"), item.picture),
            overlaid(item, chosen),
        ]
    else:
        panels = [overlaid(each, chosen, f"{each.name}: {told(each, card)}. ") for each in (item, other)]
    viewer.show(panels, " ".join([reading.sha256, other.reading.sha256 if other else ""]))
    strength = heatmap.evidence(one)
    if reading.lungs is not None and strength is not None:
        flat = reading.lungs.share_inside(np.ones_like(strength))
        st.caption(
            tr(
                "{share} of the evidence for {name} lies in the lungs or right beside them; of evidence spread evenly "
                "over the picture it would be {flat}.",
                share=f"{reading.lungs.share_inside(strength):.0%}",
                name=name,
                flat=f"{flat:.0%}",
            )
        )
    with st.container(horizontal=True):
        st.download_button(
            tr("Overlay (PNG)"),
            lambda: heatmap.png(heatmap.overlay(item.picture, one, OPACITY)),
            f"{item.stem}-{chosen}.png",
            "image/png",
            icon=":material/download:",
            on_click="ignore",
            help=tr(
                "The whole picture with the heatmap at {opacity}, no side above {side} pixels.",
                opacity=f"{OPACITY:.0%}",
                side=LONGEST_SIDE,
            ),
        )
        st.download_button(
            tr("Reading (JSON)"),
            json.dumps(reading.to_dict(), indent=1, ensure_ascii=False),
            f"{item.stem}-reading.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
    buttons.reading([item, other] if other else [item], chosen, card)


def class_map(reading: Reading, name: str) -> NDArray[np.float32]:
    """(h, w) what each part of the picture added to the logit of a class."""
    return np.asarray(reading.maps[:, :, reading.classes.index(name)])


def told(item: Read, card: Card) -> str:
    """A reading in a line: the headline and the score that it is about."""
    reading = item.reading
    return tr(
        "{headline}, score {score}",
        headline=labels.headline(reading.decision, card.positive),
        score=labels.score(reading.scores[card.positive]),
    )


def overlaid(item: Read, chosen: str, before: str = "") -> viewer.Panel:
    """A picture with the heatmap of a class, or without one and a sentence why; `before` starts its caption."""
    one, name = class_map(item.reading, chosen), labels.class_name(chosen)
    if heatmap.evidence(one) is None:
        caption = tr("No evidence for {name}, so no heatmap: no part of the picture speaks for it.", name=name)
        alt = tr("The radiograph without a heatmap: no part of it speaks for {name}", name=name)
        return viewer.Panel(before + caption, alt, item.picture, None, item.reading.lungs)
    alt = tr("The radiograph with the heatmap for {name}, which is strongest {where}", name=name, where=where(one))
    return viewer.Panel(before + tr("What speaks for {name}", name=name), alt, item.picture, one, item.reading.lungs)


def where(one: NDArray[np.float32]) -> str:
    """The strongest cell's place in the picture, in words."""
    y, x = divmod(int(one.argmax()), one.shape[1])
    rows = tr("at the top"), tr("half-way down"), tr("at the bottom")
    columns = tr("on the left"), tr("in the middle"), tr("on the right")
    row, column = rows[3 * y // one.shape[0]], columns[3 * x // one.shape[1]]
    return tr("{row} {column} of the picture", row=row, column=column)


def changes(item: Read, reader: Reader) -> None:
    """What would change the answer: the same picture in other guises, read only when the person opens this."""
    with st.expander(
        tr("What would change the answer?"), icon=":material/experiment:", key="whatif_open", on_change="rerun"
    ) as opened:
        if opened.open:
            experiment(item, reader)


def experiment(item: Read, reader: Reader) -> None:
    """The guises small and side by side, with their scores and what changed."""
    card, reading = reader.bundle.card, item.reading
    key = (reading.sha256, card.title)
    kept = st.session_state.get("whatif")
    if kept is None or kept[0] != key:
        kept = st.session_state.whatif = (key, whatif.variants(item, reader))
    found = [replace(one, reading=redecide(one.reading, card, reading.operating_point)) for one in kept[1]]
    st.markdown(whatif.summary(found))
    with st.container(horizontal=True):
        for one in found:
            with st.container(width=150):
                decided, score = whatif.lines(one, found[0], card.positive)
                name = tr(one.name)
                alt = tr("The radiograph, {name}: {decided}, {score}", name=name.lower(), decided=decided, score=score)
                st.image(jpeg(one.picture), width=150, alt=alt)
                st.markdown(f"**{name}**  \n{decided}  \n{score}")
    if reading.lungs is None:
        st.caption(tr(NO_LUNGS if reader.bundle.segmenter else NO_SEGMENTER))

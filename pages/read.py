"""Read: drop chest X-rays, see the decision, the scores and the heatmap over the picture."""

from __future__ import annotations

import json

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from interface import charts, loading, view, words
from interface.pictures import LONGEST_SIDE, jpeg
from interface.session import MOST_ITEMS, Read, Refused
from model.inference import rendering
from model.inference.bundle import Card

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
FIRST_VISIT = (
    (
        "What you get",
        "A decision in words, a score for each class, and a heatmap over the picture that shows where the score came "
        "from: all from one pass through a ResNet50, in well under a second.",
    ),
    (
        "What it can't do",
        "Replace a radiologist, a test or a look at the patient. It knows frontal radiographs of adults only, and "
        "reads those of a hospital that it has not met worse. Its figures stand in the data and model card.",
    ),
    (
        "What happens to your picture",
        "It is read in this server's memory and shown to you alone. It is never written to disk, and it is forgotten "
        "when you close the page or press *Forget all*.",
    ),
)


def uploader() -> None:
    """Take files and read them at once; the uploader is empty again afterwards."""
    shelf = view.shelf()
    # A new key makes a new, empty uploader.
    count = st.session_state.setdefault("uploads", 0)

    def on_change() -> None:
        view.read_uploads(f"files_{count}")
        st.session_state.uploads = count + 1

    left, right = st.columns([3, 1], vertical_alignment="bottom", gap="medium")
    with left:
        st.file_uploader(
            "Chest X-rays: PNG, JPEG, TIFF, WebP, BMP or DICOM, or a ZIP of them",
            accept_multiple_files=True,
            key=f"files_{count}",
            on_change=on_change,
            help="Frontal chest radiographs of adults, one or several.",
        )
    with right:
        if st.button("Try a sample radiograph", icon=":material/radiology:", width="stretch", key="try_sample"):
            view.read_sample()
        if shelf.items:
            st.button("Forget all", icon=":material/delete:", width="stretch", key="forget", on_click=shelf.items.clear)
    if shelf.left_out:
        st.warning(
            f"That was more than this page keeps: the first {MOST_ITEMS} files were read, {shelf.left_out} were not. "
            "For folders use the command line, python -m model read.",
            icon=":material/info:",
        )


@st.fragment
def results() -> None:
    """Everything about the chosen picture; moving the slider runs this part alone, and never the network."""
    shelf = view.shelf()
    if not shelf.items:
        first_visit()
    refusals(shelf.refusals())
    readings = shelf.readings()
    if not readings:
        return
    item = choose(readings)
    card = view.reader_or_stop().bundle.card
    # The decision comes first in the code because it must come first on a phone, where columns follow each other.
    left, right = st.columns([1, 2], gap="medium")
    with left:
        decision(item, card)
    with right:
        heatmap(item, card)


def first_visit() -> None:
    for column, (title, text) in zip(st.columns(len(FIRST_VISIT)), FIRST_VISIT, strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(title, anchor=False)
            st.markdown(text)


def refusals(refused: dict[str, Refused]) -> None:
    """Why files could not be read, one sentence each, and a button where turning or inverting the picture helps."""
    if refused:
        lines = [f"{words.plain(item.name)} was not read. {words.plain(item.error)}" for item in refused.values()]
        st.error("\n\n".join(lines), icon=":material/block:")
    for key, item in refused.items():
        if item.mended is not None:
            st.button(
                f"Mend {words.plain(item.name)} and read it",
                key=f"mend_{key}",
                icon=":material/auto_fix_high:",
                on_click=view.read_mended,
                args=(key,),
            )


def choose(readings: dict[str, Read]) -> Read:
    """The picture to show; a selector where there are several."""
    keys = list(readings)
    current = st.session_state.get("chosen")
    if current not in readings:
        current = keys[-1]
    if len(keys) > 1:
        labels = {
            key: f"{number}. {item.name}: {words.decision_name(item.reading.decision)}"
            for number, (key, item) in enumerate(readings.items(), 1)
        }
        current = st.selectbox(
            f"Picture ({len(keys)} in this session)", keys, keys.index(current), format_func=labels.__getitem__
        )
    st.session_state.chosen = current
    return readings[current]


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
    st.echarts_chart(
        charts.scores(ordered, card.positive, point.threshold),
        height=64 + 44 * len(ordered),
        renderer="svg",
        alt=f"Scores: {words.scores_line(ordered)}. The operating point of {words.class_name(card.positive)} is "
        f"{words.score(point.threshold)}.",
    )
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


view.through_app()
st.title("Chest X-ray reader")
st.markdown(
    "A ResNet50 looks at a frontal chest radiograph and says whether it sees a **COVID-19 pattern**, another lung "
    f"disease or neither, how sure it is, and where its score came from. {words.NOT_A_DEVICE}"
)
view.reader_or_stop()
uploader()
results()
# Last: before, it would hold up the page.
loading.prepare_dicom()

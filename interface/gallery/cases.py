"""Cases to learn from: public radiographs of the gallery with what to notice, by themselves or as a set with a link.

What to notice is about the picture and its label, never about what a network says: the app computes that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from interface.core import labels
from interface.core.language import mark, tr
from interface.gallery import cards, store
from interface.gallery.store import Picture

QUERY = "case"
SEPARATOR = ","
# Pixels of a card in the strip.
CARD_WIDTH = 260


@dataclass(frozen=True)
class Note:
    """What a teacher says about a case.

    Attributes:
        title: why it was chosen.
        notice: what to look at.
    """

    title: str
    notice: str


NOTES = {
    "c4a0e11a": Note(
        mark("A clear positive"),
        mark(
            "Patchy opacities in the middle and lower zones of both lungs, more on the left of the patient. Cables "
            "cross the chest and the patient did not breathe in deeply: does the heatmap lie on the lungs or on them?"
        ),
    ),
    "00001507_002": Note(
        mark("A normal chest"),
        mark(
            "Clear lungs, sharp angles between ribs and diaphragm, a heart of normal width. The bright band below the "
            "diaphragm lies outside the lungs."
        ),
    ),
    "00011237_006": Note(
        mark("A pneumonia"),
        mark(
            "A dense opacity in the lower half of the right lung hides the diaphragm and the border of the heart. It "
            "is on one side only, unlike most COVID-19 pneumonias."
        ),
    ),
    "fff13f3a": Note(
        mark("A label that cannot be seen"),
        mark(
            "The hospital lists the patient as a COVID-19 case, yet the lungs on this radiograph look clear. A reader "
            "who is sure that it is normal describes the picture well and is still wrong about the label: a normal "
            "radiograph does not rule COVID-19 out."
        ),
    ),
    "00001634_008": Note(
        mark("Markers that mislead"),
        mark(
            "AP, SUPINE and PORTABLE are written on the picture, and cables lie on the shoulder: signs of a sick "
            "patient, not of sick lungs. The report found nothing. Look whether the heatmap lies on them."
        ),
    ),
    "00003611_007": Note(
        mark("A label to doubt"),
        mark(
            "A program took the label from the report: no finding. The lungs show streaks and opacities on both sides, "
            "and a drain. Where network and label disagree, the label can be the one that is wrong."
        ),
    ),
    "4d98e1de": Note(
        mark("A flat window"),
        mark(
            "The file has little contrast: widen it with the window. Faint opacities lie at the base of the right lung "
            "and in the left upper zone, and the patient did not breathe in deeply."
        ),
    ),
    "6b5af975": Note(
        mark("Wires of an operation"),
        mark(
            "Wires hold the breastbone after an operation and electrodes lie on the chest. A round opacity is in the "
            "right upper zone; the rest of the lungs is nearly clear."
        ),
    ),
    "00001620_005": Note(
        mark("A normal portable chest"),
        mark("Clear lungs although the picture was taken at the bedside: AP and PORTABLE are written on it."),
    ),
    "00002439_010": Note(
        mark("A faint pneumonia"),
        mark("A faint opacity in the lower zone of the right lung. The dots at both sides are electrodes."),
    ),
    "00011702_010": Note(
        mark("A pneumonia on a poor picture"),
        mark(
            "Opacities on both sides, most in the right lower zone; diaphragm and heart can hardly be told apart. The "
            "patient was turned and did not breathe in deeply."
        ),
    ),
}
STRIP = ("c4a0e11a", "00001507_002", "00011237_006", "fff13f3a", "00001634_008", "00003611_007")
# Four of each kind would be too many COVID-19 pictures that look normal; the doubtful label can't be scored.
ROUND = (
    "c4a0e11a",
    "00001507_002",
    "00011237_006",
    "4d98e1de",
    "00001634_008",
    "00002439_010",
    "6b5af975",
    "00001620_005",
    "00011702_010",
    "fff13f3a",
)


def key_of(picture: Picture) -> str:
    """The short name of a case in a link: "Hannover c4a0e11a" is c4a0e11a."""
    return picture.title.split()[-1]


def by_key() -> dict[str, Picture]:
    """The cases by their short names: the pictures of the list that have a class as their label."""
    return {key_of(picture): picture for picture in store.listed() if picture.label in cards.CLASSES}


def chosen(default: Sequence[str]) -> list[Picture]:
    """The cases that the address asks for (`?case=c4a0e11a,fff13f3a`), or else the default ones.

    Args:
        default: short names.
    """
    known = by_key()
    asked = [known[key] for key in st.query_params.get(QUERY, "").split(SEPARATOR) if key in known]
    return asked or [known[key] for key in default if key in known]


def query(pictures: Sequence[Picture]) -> str:
    """The query of a link to a set of cases, such as "case=c4a0e11a,fff13f3a"."""
    return f"{QUERY}={SEPARATOR.join(map(key_of, pictures))}"


def show_strip(place: str) -> None:
    """The cases side by side, each with its label, what to notice and a button that fetches and reads it.

    Args:
        place: of the page, which tells the buttons of several places apart. A case that was opened is on the
            session's shelf, chosen, and the page runs again.
    """
    pictures = chosen(STRIP)
    if not pictures:
        return
    st.subheader(tr("Cases"), anchor=False)
    asked: Picture | None = None
    # In a row that scrolls, so that it takes the height of one card on a phone too.
    with st.container(horizontal=True, wrap=False):
        for picture in pictures:
            note = NOTES.get(key_of(picture))
            with st.container(border=True, width=CARD_WIDTH, height="stretch"):
                title = tr(note.title) if note else labels.plain(picture.title)
                st.markdown(f"**{title}**")
                if st.button(
                    tr("Open"),
                    key=f"{place}_case_{key_of(picture)}",
                    icon=":material/cloud_download:",
                    width="stretch",
                    help=tr(cards.INTRODUCTION),
                ):
                    asked = picture
                st.caption(about(picture))
    # Outside of the row, whose cards are narrow.
    if asked is not None and cards.read(asked):
        st.rerun()


def about(picture: Picture) -> str:
    """The label of a case and what to notice, as Markdown."""
    lines = [f"{tr('Label')}: {tr(cards.LABELS[picture.label])}."]
    if note := NOTES.get(key_of(picture)):
        lines.append(f"**{tr('What to notice')}**: {tr(note.notice)}")
    return "\n\n".join(lines)


def note(sha256: str) -> None:
    """Below a picture: what to notice in it and whom to thank for it, where the file is one of the cases.

    Args:
        sha256: of the file that was read.
    """
    for picture in by_key().values():
        if picture.sha256 == sha256:
            credit = f"[{labels.plain(picture.credit)}]({picture.page}), {labels.plain(picture.licence)}."
            st.info(f"{about(picture)}\n\n{credit}", icon=":material/school:")

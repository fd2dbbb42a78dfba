"""The gallery as cards: what each picture is, whom to thank for it, and a button that fetches and reads it."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

import streamlit as st

from interface.core import labels, page
from interface.core.language import mark, tr
from interface.gallery import store
from interface.gallery.download import SLOW, Unfetched
from interface.gallery.store import Fetching, Picture

VIEWS = {
    "PA": mark("frontal, from back to front (PA)"),
    "AP": mark("frontal, from front to back (AP)"),
    "": mark("frontal; PA or AP is not stated"),
}
LABELS = {
    "none": mark("none was published with it"),
    "covid19": mark("COVID-19: its hospital lists the patient as a case"),
    "report_normal": mark("no finding: a program took it from the written report, and may be wrong"),
    "report_pneumonia": mark("pneumonia: a program took it from the written report, and may be wrong"),
    "report_other": mark("another finding: a program took it from the written report, and may be wrong"),
}
# The class that a label stands for, where it is one of this network's; "another finding" may lie in the bones.
CLASSES = {"covid19": "covid19", "report_normal": "normal", "report_pneumonia": "other"}
REMARKS = {
    "lossless": mark("The sample of the page *Read* as DICOM in JPEG 2000, compressed without loss."),
    "lossy": mark("The same radiograph compressed to a tenth, with loss. Compare the two readings: does it matter?"),
}
INTRODUCTION = mark(
    "Nothing is fetched until you press a button. Then this server, not your browser, asks the place named on the "
    "card, compares what comes with the SHA-256 that was written down when the picture was checked, keeps it in memory "
    "alone, and reads it. Nothing about you or your pictures is sent there."
)
MORE = mark("Whoever runs this app can add other public pictures with one command: the file docs/deploy.md says how.")
BEAT = 0.1  # seconds between two looks at how far it is


def show(pictures: list[Picture]) -> None:
    """The section of the page Data.

    Args:
        pictures: of the list.
    """
    st.header(tr("Gallery"), anchor=False)
    st.markdown(tr(INTRODUCTION))
    for credit, group in groupby(pictures, attrgetter("credit")):
        of_one_source = list(group)
        with st.expander(f"{labels.plain(credit)} ({len(of_one_source)})", key=f"gallery_{of_one_source[0].sha256}"):
            for first in range(0, len(of_one_source), 2):
                row = of_one_source[first : first + 2]
                for column, picture in zip(st.columns(2, gap="medium"), row, strict=False):
                    with column.container(border=True, height="stretch"):
                        card(picture)
    st.caption(tr(MORE))


def card(picture: Picture) -> None:
    """One picture."""
    st.subheader(labels.plain(picture.title), anchor=False)
    if picture.remark:
        st.markdown(tr(REMARKS[picture.remark]))
    lines = [
        f"**{tr('View')}**: {tr(VIEWS[picture.view])}",
        f"**{tr('Label')}**: {tr(LABELS[picture.label])}",
        f"**{tr('Credit')}**: [{labels.plain(picture.credit)}]({picture.page})",
        f"**{tr('Licence')}**: [{labels.plain(picture.licence)}]({picture.licence_url})",
        f"**{tr('File')}**: "
        + tr("{size} MB from {host}", size=labels.number(picture.bytes / 1e6, 1), host=labels.plain(picture.host)),
    ]
    st.markdown("\n".join(f"- {line}" for line in lines))
    label = tr("Load and read {name}", name=labels.plain(picture.title))
    if st.button(label, key=f"gallery_{picture.sha256[:16]}", icon=":material/cloud_download:", width="stretch"):
        load(picture)


def load(picture: Picture) -> None:
    """Fetch a picture, put it on the shelf and go to the page Read; or a sentence."""
    if read(picture):
        st.switch_page("pages/read.py")


def read(picture: Picture) -> bool:
    """Fetch a picture, read it, put it on the shelf and choose it; where it can't be had, a sentence.

    Returns:
        Whether it is on the shelf.
    """
    try:
        data = wait(store.SHARED.begin(picture))
    except Unfetched as error:
        values = {name: labels.plain(value) for name, value in error.values.items()}
        st.error(tr(error.sentence, **values), icon=":material/cloud_off:")
        return False
    from interface.read import uploads

    key = f"gallery_{picture.sha256}"
    page.shelf().put(key, uploads.read(picture.name, lambda: data, page.reader_or_stop()))
    st.session_state.chosen = key
    return True


def wait(fetching: Fetching) -> bytes:
    """Wait for a picture and show how much of it has come.

    Raises:
        Unfetched: it could not be had.
    """
    bar = st.empty()
    while not fetching.ready(BEAT):
        if store.SHARED.is_late(fetching):
            raise Unfetched(SLOW, host=fetching.picture.host)
        share = fetching.received / fetching.picture.bytes
        bar.progress(
            min(share, 1.0),
            tr(
                "Fetched {share} of {size} MB",
                share=labels.percent(min(share, 1.0)),
                size=labels.number(fetching.picture.bytes / 1e6, 1),
            ),
        )
    bar.empty()
    return fetching.future.result()

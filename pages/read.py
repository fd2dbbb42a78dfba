"""Read: drop chest X-rays, see the finding, the scores and the heatmap over the picture."""

from __future__ import annotations

import streamlit as st

from interface.core import labels, operating_point, page
from interface.core.language import mark, tr
from interface.core.session import Refused
from interface.gallery import cases
from interface.read import intake, tour

FIRST_VISIT = (
    (
        mark("What you get"),
        mark(
            "The finding in words, a score for each class, and a heatmap over the picture that shows where the score "
            "came from: all from one pass through a ResNet50, in well under a second."
        ),
    ),
    (
        mark("What it can't do"),
        mark(
            "Replace a radiologist, a test or a look at the patient. It knows frontal radiographs of adults only, and "
            "reads those of a hospital that it has not met worse. The pages *Evidence* and *Model card* say how much."
        ),
    ),
    (
        mark("What happens to your picture"),
        mark(
            "It is read in this server's memory and shown to you alone. It is never written to disk, and it is "
            "forgotten when you close the page or press *Forget all*."
        ),
    ),
)
CONSENT = mark("It must not decide how a person is treated.")


@st.fragment
def results() -> None:
    """Everything about the chosen picture; a choice in it runs this part alone, and never the network."""
    shelf = page.shelf()
    # Places that stay: what a first visit shows would be pushed down by a reading before Streamlit takes it away.
    first, refused = st.empty(), st.container()
    if not shelf.items:
        with first.container():
            first_visit()
    with refused:
        refusals(shelf.refusals())
    readings = shelf.readings()
    if not readings:
        return
    # Here and not above, as in interface/core/page.py.
    from interface.read import result

    reader = page.reader_or_stop()
    point = operating_point.chosen(reader.bundle.card)
    item = result.show({key: result.at(item, reader.bundle.card, point) for key, item in readings.items()}, reader)
    cases.note(item.reading.sha256)


def first_visit() -> None:
    # The score bars are of a part of Streamlit's that comes when it is first asked for; this draws nothing.
    st.html("<style></style>")
    for column, (title, text) in zip(st.columns(len(FIRST_VISIT)), FIRST_VISIT, strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(tr(title), anchor=False)
            st.markdown(tr(text))


def refusals(refused: dict[str, Refused]) -> None:
    """Why files could not be read, one sentence each, and a button where turning or inverting the picture helps."""
    if refused:
        lines = [
            tr("{file} was not read. {why}", file=labels.plain(item.name), why=labels.plain(tr(item.error)))
            for item in refused.values()
        ]
        st.error("\n\n".join(lines), icon=":material/block:")
    for key, item in refused.items():
        if item.mended is not None:
            st.button(
                tr("Mend {file} and read it", file=labels.plain(item.name)),
                key=f"mend_{key}",
                icon=":material/auto_fix_high:",
                on_click=page.read_mended,
                args=(key,),
            )


def head() -> None:
    """What the page is and is not, for those who have no reading yet."""
    st.title(tr("Chest X-ray reader"))
    st.markdown(
        tr(
            "A ResNet50 looks at a frontal chest radiograph and says whether it sees a **COVID-19 pattern**, another "
            "lung disease or neither, how sure it is, and where its score came from."
        )
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/info: **{tr(labels.NOT_A_DEVICE)}** {tr(CONSENT)}", width="stretch")
        tour.button(reading=False)


page.through_app()
page.bundle_or_stop()
slim = bool(page.shelf().readings())
if slim:
    intake.uploader(slim=True)
    results()
    cases.show_strip("read")
else:
    head()
    intake.uploader(slim=False)
    cases.show_strip("read")
    results()
intake.listen()

"""Read: drop chest X-rays, see the decision, the scores and the heatmap over the picture."""

from __future__ import annotations

import streamlit as st

from interface.components import viewer
from interface.core import labels, operating_point, page
from interface.core.language import mark, tr
from interface.core.session import MOST_ITEMS, Read, Refused
from interface.core.settings import number
from interface.gallery import cases
from interface.read import tour

# A raw DICOM radiograph of 3,000 by 3,000 pixels has 18.
MOST_MEGABYTES = int(number("CXR_UPLOAD_MEGABYTES", 20, 1))
FIRST_VISIT = (
    (
        mark("What you get"),
        mark(
            "A decision in words, a score for each class, and a heatmap over the picture that shows where the score "
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


def uploader() -> None:
    """Take files and read them at once; the uploader is empty again afterwards."""
    shelf = page.shelf()
    # A new key makes a new, empty uploader.
    count = st.session_state.setdefault("uploads", 0)

    def on_change() -> None:
        # First, because the reading may end this run of the script, and the uploader would keep its files.
        st.session_state.uploads = count + 1
        page.read_uploads(f"files_{count}")

    left, right = st.columns([3, 1], vertical_alignment="bottom", gap="medium")
    with left:
        st.file_uploader(
            tr("Chest X-rays: PNG, JPEG, TIFF, WebP, BMP or DICOM, or a ZIP of them"),
            accept_multiple_files=True,
            key=f"files_{count}",
            on_change=on_change,
            max_upload_size=MOST_MEGABYTES,
            help=tr("Frontal chest radiographs of adults, one or several."),
        )
    with right:
        if st.button(tr("Try a sample radiograph"), icon=":material/radiology:", width="stretch", key="try_sample"):
            page.read_sample()
        # There before it is of use, so that nothing moves when a reading comes.
        st.button(
            tr("Forget all"),
            icon=":material/delete:",
            width="stretch",
            key="forget",
            on_click=forget,
            disabled=not shelf.items,
        )
    if shelf.left_out:
        st.warning(
            tr(
                "That was more than this page keeps: the first {most} files were read, {left} were not. "
                "For folders use the command line, python -m model read.",
                most=MOST_ITEMS,
                left=shelf.left_out,
            ),
            icon=":material/info:",
        )


def forget() -> None:
    """Every picture of the session, and what was tried with one."""
    page.shelf().items.clear()
    st.session_state.pop("whatif", None)


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
    with st.container():
        item, other = choose({key: result.at(item, reader.bundle.card, point) for key, item in readings.items()})
    result.show(item, other, reader)
    cases.note(item.reading.sha256)


def first_visit() -> None:
    viewer.prepare()
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


def choose(readings: dict[str, Read]) -> tuple[Read, Read | None]:
    """The picture to show and the one to compare it with, if any; selectors where there are several."""
    keys = list(readings)
    current = st.session_state.get("chosen")
    if current not in readings:
        current = keys[-1]
    other = None
    if len(keys) > 1:
        shown_names = {
            key: f"{number}. {item.name}: {labels.decision_name(item.reading.decision)}"
            for number, (key, item) in enumerate(readings.items(), 1)
        }
        left, right = st.columns(2, gap="medium")
        current = left.selectbox(
            tr("Picture ({count} in this session)", count=len(keys)),
            keys,
            keys.index(current),
            format_func=shown_names.__getitem__,
        )
        other = right.selectbox(
            tr("Compare with"),
            [key for key in keys if key != current],
            None,
            format_func=shown_names.__getitem__,
            placeholder=tr("Another picture, such as one of another day"),
            key="compare",
        )
    st.session_state.chosen = current
    return readings[current], readings.get(other) if other else None


def notice() -> None:
    """What this is not, until the person says that they know; nothing waits for it."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="notice"):
        st.markdown(f":material/info: **{tr(labels.NOT_A_DEVICE)}** {tr(CONSENT)}", width="stretch")
        st.button(tr("I understand"), key="acknowledge", on_click=acknowledge)


def acknowledge() -> None:
    st.session_state.acknowledged = True


page.through_app()
st.title(tr("Chest X-ray reader"))
acknowledged = st.session_state.get("acknowledged", False)
st.markdown(
    tr(
        "A ResNet50 looks at a frontal chest radiograph and says whether it sees a **COVID-19 pattern**, another lung "
        "disease or neither, how sure it is, and where its score came from."
    )
    + f" {tr(labels.NOT_A_DEVICE) if acknowledged else ''}"
)
if not acknowledged:
    notice()
page.bundle_or_stop()
tour.show()
uploader()
if page.shelf().readings():
    results()
    cases.show_strip("read")
else:
    cases.show_strip("read")
    results()

"""The tour of two minutes on the first page: what stands where, one step at a time, for those who ask for it."""

from __future__ import annotations

import streamlit as st

from interface.core.language import mark, tr

# Title, text, and the pages to go on to: their files, names and icons.
STEPS: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        mark("Bring a picture"),
        mark(
            "Drop a frontal chest radiograph of an adult on the field below, or press *Try a sample radiograph*. It is "
            "read at once; nothing has to be started."
        ),
        (),
    ),
    (
        mark("Read the answer"),
        mark(
            "The headline says whether the network sees a COVID-19 pattern, or that it is uncertain. Below it stands a "
            "bar for each class. The mark on the first bar is the operating point: from that score on the answer is "
            "*present*, and too near to it the answer is *uncertain*."
        ),
        (),
    ),
    (
        mark("Look where it came from"),
        mark(
            "The second picture shows in colour which parts added to the score; choose the class above it. Zoom, move "
            "and window both with the mouse, the fingers or the keys. Colour outside the lungs is a reason to distrust "
            "the answer."
        ),
        (),
    ),
    (
        mark("Try to upset it"),
        mark(
            "Open *What would change the answer?* at the end of the page: the same radiograph with its lungs covered, "
            "mirrored, or at another window. If the answer stays without lungs, it did not come from the lungs."
        ),
        (),
    ),
    (
        mark("Ask what it is worth"),
        mark(
            "A score is not the probability that somebody is ill. Move the sliders to see what a positive answer means "
            "where few people are ill, and look up how often the network was wrong in hospitals that it did not know."
        ),
        (
            ("pages/prevalence.py", mark("Prevalence"), ":material/groups:"),
            ("pages/evidence.py", mark("Evidence"), ":material/query_stats:"),
        ),
    ),
    (
        mark("See how it works"),
        mark(
            "Follow your picture through the ResNet from the pixels to the score, and work out a heatmap by hand. Then "
            "read radiographs yourself before you see the network's answer."
        ),
        (
            ("pages/how_it_works.py", mark("How it works"), ":material/school:"),
            ("pages/quiz.py", mark("Quiz"), ":material/quiz:"),
        ),
    ),
)


@st.fragment
def show() -> None:
    """The tour, closed until somebody opens it; a step runs this part of the page alone."""
    with st.expander(
        tr("New here? A tour of two minutes"), icon=":material/explore:", key="tour_open", on_change="rerun"
    ) as opened:
        if opened.open:
            step()


def step() -> None:
    """The step that this session is at, and the way to the others."""
    at = st.session_state.setdefault("tour_step", 0)
    title, text, pages = STEPS[at]
    st.markdown(f"**{tr('Step {number} of {count}', number=at + 1, count=len(STEPS))}: {tr(title)}**  \n{tr(text)}")
    with st.container(horizontal=True):
        for page, label, icon in pages:
            st.page_link(page, label=tr(label), icon=icon)
    last = at == len(STEPS) - 1
    with st.container(horizontal=True):
        # Never taken away, so that whoever goes by keyboard keeps the place.
        st.button(tr("Back"), key="tour_back", disabled=at == 0, on_click=go, args=(at - 1,))
        st.button(
            tr("Start again") if last else tr("Next"), key="tour_next", on_click=go, args=(0 if last else at + 1,)
        )


def go(to: int) -> None:
    """Go to a step.

    Args:
        to: its place among `STEPS`.
    """
    st.session_state.tour_step = to

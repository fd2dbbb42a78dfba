"""Evidence: what was measured on pictures that the network did not learn from, as `make evidence` wrote it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import streamlit as st

from interface.components import tables
from interface.core import labels, page
from interface.evidence import charts, document

WIDTH = 960
MISSING = (
    "Nobody has measured this network's evidence yet: `make evidence` does, on the data that it was trained with. "
    "The figures in its card stand on the page *Model card*."
)


def show(section: document.Section, found: dict[str, Any], chosen: Collection[str], known: Collection[str]) -> None:
    """One section, with the tables' rows and the figures of the chosen sources alone; none chosen means all."""
    for part in document.of_sources(section, chosen, known):
        if isinstance(part, str):
            (tables.show if part.startswith("|") else st.markdown)(part)
            continue
        drawn = charts.of_figure(part.path.name, found, chosen)
        if drawn is None:
            # On white in both themes: such a figure is drawn once, for the documents too.
            st.image(part.path.read_bytes().decode(), part.alt, "stretch", alt=part.alt)
        for chart in drawn or []:
            st.echarts_chart(chart.option, height=chart.height, renderer="svg", alt=chart.alt)
            st.caption(chart.caption)


page.through_app()
st.title("Evidence")
try:
    SECTIONS = document.read()
except OSError:
    st.info(MISSING, icon=":material/info:")
    st.stop()
FOUND = document.measured()
with st.container(width=WIDTH):
    measured = next((m for s in SECTIONS for p in s.parts if (m := re.search(r"SHA-256 `(\w+)", str(p)))), None)
    card = page.card_or_stop()
    if measured and not card.sha256.startswith(measured[1]):
        st.warning(
            f"These figures were measured on another network than {labels.plain(card.title)}, which is loaded here.",
            icon=":material/warning:",
        )
    KNOWN = document.sources(SECTIONS)
    for section in SECTIONS:
        if not section.title:
            show(section, FOUND, (), KNOWN)
    titles = [section.title for section in SECTIONS if section.title]
    title = st.selectbox("What", titles, key="section", bind="query-params")
    chosen = st.pills(
        "Sources",
        KNOWN,
        selection_mode="multi",
        key="source",
        bind="query-params",
        help="Tables and figures show these sources alone; none chosen means all. The address keeps the choice.",
    )
    st.header(labels.plain(title), anchor=False)
    show(next(section for section in SECTIONS if section.title == title), FOUND, chosen, KNOWN)

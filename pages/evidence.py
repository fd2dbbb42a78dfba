"""Evidence: what was measured on pictures that the network did not learn from, as `make evidence` wrote it."""

from __future__ import annotations

import re

import streamlit as st

from interface import evidence, view, words

ALL = "All sources"
WIDTH = 960
MISSING = (
    "Nobody has measured this network's evidence yet: `make evidence` does, on the data that it was trained with. "
    "The figures in its card stand on the page *Data and model card*."
)


def show(section: evidence.Section, source: str) -> None:
    """One section, its tables with the rows of one source alone where one is chosen."""
    for part in section.parts:
        if isinstance(part, evidence.Figure):
            # On white in both themes: the figures are drawn once, for the documents too.
            st.image(part.path.read_bytes().decode(), part.alt, "stretch", alt=part.alt)
        elif kept := part if source == ALL else evidence.of_source(part, source):
            st.markdown(kept)


view.through_app()
st.title("Evidence")
try:
    SECTIONS = evidence.read()
except OSError:
    st.info(MISSING, icon=":material/info:")
    st.stop()
with st.container(width=WIDTH):
    measured = next((m for s in SECTIONS for p in s.parts if (m := re.search(r"SHA-256 `(\w+)", str(p)))), None)
    card = view.card_or_stop()
    if measured and not card.sha256.startswith(measured[1]):
        st.warning(
            f"These figures were measured on another network than {words.plain(card.title)}, which is loaded here.",
            icon=":material/warning:",
        )
    for section in SECTIONS:
        if not section.title:
            show(section, ALL)
    titles = [section.title for section in SECTIONS if section.title]
    chosen = st.selectbox("What", titles, key="evidence_section")
    source = st.selectbox("Rows of tables", [ALL, *evidence.sources(SECTIONS)], key="evidence_source")
    st.header(words.plain(chosen), anchor=False)
    show(next(section for section in SECTIONS if section.title == chosen), source)

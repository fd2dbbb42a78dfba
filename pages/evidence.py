"""Evidence: five claims with a chart each, and all tables below; from what `make evidence` wrote."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st

from interface.components import tables
from interface.core import labels, language, page
from interface.core.language import mark, tr
from interface.evidence import charts, claims, document

MISSING = mark(
    "The evidence of this network has not been measured yet: `make evidence` measures it, on the data that it was "
    "trained with. The figures in its card are on the page *Model card*."
)


def show(section: document.Section, parts: dict[str, Any], chosen: Collection[str], known: Collection[str]) -> None:
    """One section: the figures, and the tables' rows, of the chosen sources alone; none chosen means all."""
    for chart in charts.of_section(section.title, parts, chosen):
        st.echarts_chart(chart.option, height=chart.height, renderer="svg", alt=chart.alt)
        st.caption(chart.caption)
    for part in document.of_sources(section, chosen, known):
        (tables.show if part.startswith("|") else st.markdown)(part)


def story(evidence: dict[str, Any]) -> None:
    """Five claims, each a sentence and a chart."""
    for number, claim in enumerate(claims.claims(evidence), 1):
        st.subheader(f"{number}. {claim.title}", anchor=False)
        st.markdown(claim.sentence)
        st.echarts_chart(claim.option, height=claim.height, renderer="svg", alt=claim.alt)


page.through_app()
st.title(tr("Evidence"))
try:
    SECTIONS = document.read()
except OSError:
    st.info(tr(MISSING), icon=":material/info:")
    st.stop()
FOUND = document.measured()
card = page.card_or_stop()
measured = FOUND.get("bundle", {}).get("sha256", card.sha256)
st.markdown(
    tr(
        "What {bundle} does with radiographs that it did not learn from. Each hospital stands on its own.",
        bundle=f"**{labels.plain(card.title)}**",
    )
    + f" {tr(labels.NOT_A_DEVICE)}"
)
if measured != card.sha256:
    st.warning(
        tr(
            "These figures were measured on another network than {bundle}, which is loaded here.",
            bundle=labels.plain(card.title),
        ),
        icon=":material/warning:",
    )
story(FOUND)
st.page_link(
    "pages/about.py", label=tr("Glossary: AUC, sensitivity, operating point and more"), icon=":material/book_2:"
)
st.subheader(tr("All tables and figures"), anchor=False)
language.in_english()
KNOWN = document.sources(SECTIONS)
with st.expander("Method"):
    for section in SECTIONS:
        if not section.title:
            show(section, FOUND, (), KNOWN)
titles = [section.title for section in SECTIONS if section.title]
title = st.selectbox("Section", titles, index=None, key="section", bind="query-params", placeholder="Choose a section")
chosen = st.pills(
    "Sources",
    KNOWN,
    selection_mode="multi",
    key="source",
    bind="query-params",
    help="Tables and figures show these sources alone; none chosen means all. The address keeps the choice.",
)
if title:
    st.header(labels.plain(title), anchor=False)
    show(next(section for section in SECTIONS if section.title == title), FOUND, chosen, KNOWN)

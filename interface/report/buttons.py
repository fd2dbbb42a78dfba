"""The buttons that make reports; what makes them is imported when one is pressed, not with the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from interface.core.language import mark, tr
from model.reading.card import Card

if TYPE_CHECKING:  # the batch page shows these before anything heavy is imported
    from interface.batch.rows import Row
    from interface.core.session import Read
    from interface.report.document import Document

NAME, NAMES = mark("Name the file in the report"), mark("Name the files in the report")
PRIVACY = mark(
    "Nothing of a DICOM file's tags is copied into a report. Letters that are part of the picture are part of it there "
    "too."
)
# Outlives the box, which a look at another page takes away.
_KEPT = "name_in_report"


def export(items: Sequence[Read], chosen: str, card: Card) -> None:
    """The menu of what can be taken home of what the first page shows.

    Args:
        items: one picture, or two that are compared, decided at the operating point of the session.
        chosen: the class whose heatmap is shown.
        card: of the bundle that read them.
    """
    item = items[0]
    named = bool(st.session_state.get(_KEPT, True))
    stem = f"{item.stem}-" if named else ""

    def document() -> Document:
        from interface.report import content

        return content.of_readings(items, chosen, card, _now(), named=named)

    def secondary() -> bytes:
        from interface.report import dicom

        return dicom.overlay(item, chosen, card, _now())

    def overlay() -> bytes:
        from interface.components import presentation
        from model.reading import heatmap

        return heatmap.png(presentation.overlaid(item, chosen))

    record = json.dumps(item.reading.to_dict(), indent=1, ensure_ascii=False)
    with st.popover(tr("Export"), icon=":material/download:"):
        _page(document, f"{stem}report")
        _download(tr("Overlay (PNG)"), overlay, f"{stem}{chosen}.png", "image/png")
        _download(
            tr("Overlay (DICOM)"),
            secondary,
            f"{stem}{chosen}.dcm",
            "application/dicom",
            tr(
                "A Secondary Capture for a PACS, marked as research use, with new identifiers. No tag of the patient "
                "is in it."
            ),
        )
        _download(tr("Reading (JSON)"), record, f"{stem}reading.json", "application/json")
        _box(NAMES if len(items) > 1 else NAME, "read")


def batch(rows: Sequence[Row], card: Card) -> None:
    """Buttons for a batch.

    Args:
        rows: of the files that are done.
        card: of the bundle that read them.
    """
    named = bool(st.session_state.get(_KEPT, True))

    def document() -> Document:
        from interface.report import content

        return content.of_batch(rows, card, _now(), named=named)

    with st.container(horizontal=True, vertical_alignment="center"):
        _page(document, "readings-report")
        _box(NAMES, "batch")


def _page(document: Callable[[], Document], stem: str) -> None:
    def paper() -> bytes:
        from interface.report import pdf

        return pdf.pdf(document())

    def html() -> str:
        from interface.report import html

        return html.html(document())

    for label, make, ending, kind in (
        (tr("Report (PDF)"), paper, "pdf", "application/pdf"),
        (tr("Report (HTML)"), html, "html", "text/html"),
    ):
        _download(label, make, f"{stem}.{ending}", kind)


def _download(
    label: str, data: str | Callable[[], str | bytes], name: str, kind: str, explanation: str | None = None
) -> None:
    st.download_button(
        label, data, name, kind, icon=":material/download:", on_click="ignore", help=explanation, width="stretch"
    )


def _box(label: str, place: str) -> None:
    """The tick box; it holds for the whole session, on every page."""
    key = f"name_in_report_{place}"

    def keep() -> None:
        st.session_state[_KEPT] = st.session_state[key]

    st.session_state[key] = bool(st.session_state.get(_KEPT, True))
    st.checkbox(tr(label), key=key, on_change=keep, help=tr(PRIVACY))


def _now() -> datetime:
    return datetime.now(UTC)

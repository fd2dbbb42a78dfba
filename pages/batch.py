"""Batch: many radiographs at once, as a table, a montage of heatmaps and files to download."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import streamlit as st

from interface.batch import rows
from interface.core import labels, operating_point, page, queue, streamlit_internals
from interface.core.language import tr
from interface.report import buttons
from model.reading.card import Card
from model.reading.names import UNCERTAIN
from model.reading.reader import REFUSED, Reader

TILES = 60
# Of one drop: they wait in memory until they are read.
MOST_BYTES = 300_000_000


def current() -> rows.Batch:
    """This session's batch."""
    if "batch" not in st.session_state:
        st.session_state.batch = rows.Batch()
    kept: rows.Batch = st.session_state.batch
    return kept


def uploader() -> None:
    """Files go into the queue as they arrive; the uploader is empty again afterwards."""
    count = st.session_state.setdefault("batch_uploads", 0)

    def take() -> None:
        files = streamlit_internals.received(st.session_state[f"batch_{count}"])
        fitting, total = [], 0
        for file in files:
            total += file.size
            if total <= MOST_BYTES:
                fitting.append(file)
        current().add(page.expand(fitting))
        current().left_out += len(files) - len(fitting)
        streamlit_internals.forget_uploads(files)
        st.session_state.batch_uploads = count + 1

    st.file_uploader(
        tr("Radiographs, or a ZIP of them: up to {most} pictures", most=rows.MOST_PICTURES),
        accept_multiple_files=True,
        key=f"batch_{count}",
        on_change=take,
        max_upload_size=MOST_BYTES // 1_000_000,
        help=tr("PNG, JPEG, TIFF, WebP, BMP, DICOM or ZIP. All are read in this server's memory and none is kept."),
    )


def chosen_point(card: Card) -> str:
    """The operating point that decides table, counts, heatmaps and downloads."""
    names = {name: operating_point.label(name) for name in card.points}
    return st.selectbox(
        tr("Operating point"),
        list(card.points),
        list(card.points).index(card.default_point),
        key="batch_point",
        format_func=names.__getitem__,
        help=tr("The score from which a reading says that a COVID-19 pattern is present. It decides everything below."),
    )


def stop() -> None:
    """Leave out what waits; what is done stays."""
    current().stop()


def forget() -> None:
    """Begin with nothing."""
    st.session_state.pop("batch", None)


def run(reader: Reader) -> None:
    """Read what waits, with the time that is left; a press on the button ends it between two pictures."""
    here = current()
    if not here.waiting:
        return
    bar = st.progress(0.0, tr("Reading"))
    st.button(tr("Stop"), on_click=stop, icon=":material/stop_circle:", key="batch_stop")
    notice = queue.Notice()
    while here.waiting:
        here.step(reader, notice)
        left = here.seconds_left or 0.0
        bar.progress(
            len(here.rows) / here.total,
            tr(
                "{done} of {total} pictures, about {seconds} s left",
                done=len(here.rows),
                total=here.total,
                seconds=max(1, round(left)),
            ),
        )
    notice.clear()
    st.rerun()


def results(card: Card) -> None:
    """Counts, the table, the montage and the downloads."""
    here = current()
    if not here.rows:
        st.info(
            tr(
                "Nothing here yet. Drop a folder of radiographs above, or a ZIP of them: each becomes a row, and a "
                "file that cannot be read becomes a row with the reason."
            ),
            icon=":material/info:",
        )
        return
    if here.stopped > 0:
        st.info(
            tr("Stopped: {done} of {total} read.", done=len(here.rows), total=len(here.rows) + here.stopped),
            icon=":material/stop_circle:",
        )
    decided = here.rows_at(chosen_point(card))
    counts = Counter(row.reading.decision for row in decided)
    for column, name in zip(st.columns(len(card.classes) + 2), decisions(card), strict=True):
        column.metric(labels.decision_name(name), counts[name], border=True)
    if here.left_out:
        st.warning(
            tr(
                "{left} files were left out: a batch takes {most} images, and {megabytes} MB at once. "
                "Press *Forget all*, then add the rest.",
                left=here.left_out,
                most=rows.MOST_PICTURES,
                megabytes=MOST_BYTES // 1_000_000,
            ),
            icon=":material/info:",
        )
    names = {name: labels.decision_name(name) for name in decisions(card) if counts[name]}
    chosen = st.pills(
        tr("Show"),
        list(names),
        selection_mode="multi",
        format_func=names.__getitem__,
        key="batch_shown",
        help=tr("Rows and heatmaps of these decisions alone; none chosen means all. Downloads hold every row."),
    )
    shown = [position for position, row in enumerate(decided) if not chosen or row.reading.decision in chosen]
    table(decided, shown, card)
    downloads(decided, card)
    montage([decided[position] for position in shown if decided[position].tile], card)


def decisions(card: Card) -> list[str]:
    """Every decision that a row can have."""
    return [*card.classes, UNCERTAIN, REFUSED]


def table(decided: list[rows.Row], shown: list[int], card: Card) -> None:
    """The rows; one that is selected shows its notes in full and opens on the page Read."""
    copied = rows.copies(decided)
    notes = {position: notes_of(decided, position, copied) for position in shown}
    event = st.dataframe(
        [cells(decided[position], notes[position], card) for position in shown],
        column_config={
            tr("Image"): st.column_config.ImageColumn(width="small"),
            tr("Notes"): st.column_config.TextColumn(width="large"),
            **{
                labels.class_name(name): st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.2f")
                for name in card.classes
            },
        },
        hide_index=True,
        row_height=min(140, max(56, 24 + 20 * max((len(text) // 45 for text in notes.values()), default=0))),
        on_select="rerun",
        selection_mode="single-row",
        key="batch_table",
    )
    selected: list[int] = event["selection"]["rows"]
    if not selected or selected[0] >= len(shown):
        st.caption(tr("Select a row to see its notes in full or to open it on the page *Read*."))
        return
    position = shown[selected[0]]
    row = decided[position]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{labels.plain(row.name)}**: {labels.decision_name(row.reading.decision)}. "
            f"{labels.plain(notes[position])}"
        )
        if row.data:
            if st.button(tr("Open on Read"), key="batch_open", icon=":material/open_in_new:"):
                open_row(row)
        else:
            st.caption(tr("The files of this batch are too large to keep them all: add this one on the page *Read*."))


def open_row(row: rows.Row) -> None:
    """Read a row's file again on the page Read, with everything that the page shows."""
    from interface.read import uploads

    key = f"batch-{row.reading.sha256[:16]}"
    page.shelf().put(key, uploads.read(row.name, lambda: row.data, page.reader_or_stop()))
    st.session_state.chosen = key
    st.switch_page("pages/read.py")


def notes_of(decided: list[rows.Row], position: int, copied: dict[int, int]) -> str:
    """What the reading notes, or why the file was refused, and of which file it is a copy."""
    row = decided[position]
    notes = [tr(note) for note in (row.reading.reasons[:1] if row.refused else row.reading.notes)]
    if position in copied:
        notes.append(tr("The same file as {name}.", name=decided[copied[position]].name))
    return " ".join(notes)


def cells(row: rows.Row, notes: str, card: Card) -> dict[str, Any]:
    """A row of the table; sortable by each score, searchable by name."""
    return {
        tr("Image"): rows.data_url(row.thumbnail),
        tr("Name"): row.name,
        tr("Decision"): labels.decision_name(row.reading.decision),
        **{labels.class_name(name): row.reading.scores.get(name) for name in card.classes},
        tr("Notes"): notes,
    }


def downloads(decided: list[rows.Row], card: Card) -> None:
    """All rows as files, decided at the operating point that is chosen."""
    with st.container(horizontal=True):
        st.download_button(
            tr("Table (CSV)"), lambda: rows.table(decided, card.classes), "readings.csv", "text/csv",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            tr("Readings (JSON lines)"), lambda: rows.json_lines(decided), "readings.jsonl", "application/jsonl",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            tr("All with heatmaps (ZIP)"), lambda: rows.archive(decided, card.classes, card.json), "readings.zip",
            "application/zip", icon=":material/folder_zip:", on_click="ignore",
        )  # fmt: skip
        st.button(tr("Forget all"), on_click=forget, icon=":material/delete:", key="batch_forget")
    buttons.batch(decided, card)


def montage(read: list[rows.Row], card: Card) -> None:
    """Heatmaps side by side: what they have in common shows at a glance."""
    if not read:
        return
    st.subheader(tr("Heatmaps"))
    orders: dict[str, Callable[[rows.Row], Any]] = {
        tr("Score of {name}, highest first", name=labels.class_name(card.positive)): lambda row: (
            -row.reading.scores[card.positive]
        ),
        tr("Decision"): lambda row: decisions(card).index(row.reading.decision),
        tr("Name of the file"): lambda row: row.name.casefold(),
    }
    order = st.selectbox(tr("Order"), list(orders), key="batch_order")
    shown = sorted(read, key=orders[order])[:TILES]
    with st.container(horizontal=True):
        for row in shown:
            text = f"{row.name}: {labels.decision_name(row.reading.decision)}"
            # A column of 160 pixels each, so that a long name does not widen it; a caption is Markdown.
            with st.container(width=160):
                st.image(row.tile, caption=labels.plain(text), alt=text)
    if len(read) > TILES:
        st.caption(tr("The first {most} of {count} in this order; the ZIP has all.", most=TILES, count=len(read)))


page.through_app()
st.title(tr("Batch"))
st.markdown(f"{tr('Many radiographs at once, for a class or a study.')} {tr(labels.NOT_A_DEVICE)}")
READER = page.reader_or_stop()
uploader()
run(READER)
results(READER.bundle.card)

"""Batch: a folder's worth of radiographs in one go, as a table, a montage of heatmaps and files to download."""

from __future__ import annotations

from typing import Any

import streamlit as st

from interface.batch import rows
from interface.core import labels, operating_point, page, queue, streamlit_internals
from interface.core.language import tr
from interface.report import buttons
from model.reading.card import Card
from model.reading.reader import Reader

TILES = 60
# Of one drop: they wait in memory until they are read.
MOST_BYTES = 300_000_000


def current() -> rows.Batch:
    """This session's batch."""
    if "batch" not in st.session_state:
        st.session_state.batch = rows.Batch()
    found: rows.Batch = st.session_state.batch
    return found


def uploader(card: Card) -> None:
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
    names = list(card.points)
    shown_names = {name: operating_point.label(name) for name in names}
    st.selectbox(
        tr("Operating point"),
        names,
        names.index(card.default_point),
        key="batch_point",
        format_func=shown_names.__getitem__,
        help=tr("The score from which the headline says *present*. It holds for pictures that are read from now on."),
    )


def stop() -> None:
    """Leave out what waits; what is done stays."""
    current().waiting.clear()


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
        here.step(reader, st.session_state.get("batch_point"), notice)
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
                "Nothing here yet. Drop a folder's worth of radiographs above, or a ZIP of them: each becomes a row, "
                "and a file that can't be read becomes a row with the reason."
            ),
            icon=":material/info:",
        )
        return
    read = [row for row in here.rows if not row.refused]
    refused = [row for row in here.rows if row.refused]
    decisions = [row.record["decision"] for row in read]
    columns = st.columns(len(card.classes) + 2)
    for column, name in zip(columns, [*card.classes, "uncertain", "refused"], strict=True):
        number = len(refused) if name == "refused" else decisions.count(name)
        column.metric(labels.decision_name(name), number, border=True)
    if here.left_out:
        st.warning(
            tr(
                "{left} files were left out: a batch takes {most} pictures, and {megabytes} MB at once. "
                "Press *Forget all*, then bring the rest.",
                left=here.left_out,
                most=rows.MOST_PICTURES,
                megabytes=MOST_BYTES // 1_000_000,
            ),
            icon=":material/info:",
        )
    if read:
        st.dataframe(
            [cells(row, card) for row in read],
            column_config={
                tr("Picture"): st.column_config.ImageColumn(width="small"),
                **{
                    labels.class_name(name): st.column_config.ProgressColumn(
                        min_value=0.0, max_value=1.0, format="%.2f"
                    )
                    for name in card.classes
                },
            },
            hide_index=True,
            row_height=56,
        )
    if refused:
        with st.expander(tr("Refused: {count}", count=len(refused)), expanded=not read, icon=":material/block:"):
            lines = [f"- **{labels.plain(row.name)}**: {labels.plain(tr(row.reading.reasons[0]))}" for row in refused]
            st.markdown("\n".join(lines))
    downloads(here, card)
    if read:
        montage(read)


def cells(row: rows.Row, card: Card) -> dict[str, Any]:
    """A row of the table; sortable by each score, searchable by name."""
    record = row.record
    return {
        tr("Picture"): rows.data_url(row.thumbnail),
        tr("Name"): row.name,
        tr("Decision"): labels.decision_name(record["decision"]),
        **{labels.class_name(name): record["scores"][name] for name in card.classes},
        tr("Notes"): " ".join(map(tr, row.reading.notes)),
    }


def downloads(here: rows.Batch, card: Card) -> None:
    with st.container(horizontal=True):
        st.download_button(
            tr("Table (CSV)"), lambda: rows.table(here.rows, card.classes), "readings.csv", "text/csv",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            tr("Readings (JSON lines)"), lambda: rows.json_lines(here.rows), "readings.jsonl", "application/jsonl",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            tr("All with heatmaps (ZIP)"), lambda: rows.archive(here.rows, card.classes, card.json), "readings.zip",
            "application/zip", icon=":material/folder_zip:", on_click="ignore",
        )  # fmt: skip
        st.button(tr("Forget all"), on_click=forget, icon=":material/delete:", key="batch_forget")
    buttons.batch(here.rows, card)


def montage(read: list[rows.Row]) -> None:
    """Heatmaps side by side: what they have in common shows at a glance."""
    st.subheader(tr("Heatmaps"))
    shown = sorted(read, key=lambda row: -max(row.record["scores"].values()))[:TILES]
    told = [f"{row.name}: {labels.decision_name(row.record['decision'])}" for row in shown]
    with st.container(horizontal=True):
        for row, text in zip(shown, told, strict=True):
            # A column of 160 pixels each, so that a long name does not widen it.
            with st.container(width=160):
                st.image(row.tile, caption=text, alt=text)
    if len(read) > TILES:
        st.caption(tr("The {most} with the highest scores of {count}; the ZIP has all.", most=TILES, count=len(read)))


page.through_app()
st.title(tr("Batch"))
st.markdown(f"{tr('Many radiographs at once, for a class or a study.')} {tr(labels.NOT_A_DEVICE)}")
READER = page.reader_or_stop()
uploader(READER.bundle.card)
run(READER)
results(READER.bundle.card)

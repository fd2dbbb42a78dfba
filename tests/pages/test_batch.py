"""The batch page: many files, one of them bad, stopped, downloaded."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

from interface.batch import rows as batch_rows
from interface.core import labels, queue
from model.messages import Code, Message
from model.reading import bundle as bundles
from model.reading.reader import Reader

Picture = Callable[..., tuple[str, bytes, str]]


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return app.switch_page("pages/batch.py").run()


@pytest.fixture(scope="module")
def reader(small_bundle: Path) -> Reader:
    return Reader(bundles.load(small_bundle))


def filled(files: list[tuple[str, bytes, str]]) -> batch_rows.Batch:
    here = batch_rows.Batch()
    here.add((name, partial(bytes, data)) for name, data, _ in files)
    return here


def test_every_file_becomes_a_row_and_a_bad_one_a_reason(page: AppTest, picture: Picture) -> None:
    good = [picture(label, seed) for seed in (1, 2) for label in ("covid19", "normal")]
    page.file_uploader[0].set_value([*good, ("notes.txt", b"no picture", "text/plain")]).run()
    assert not page.exception
    here = page.session_state.batch
    assert len(here.rows) == 5 and not here.waiting
    assert [row.name for row in here.rows if row.refused] == ["notes.txt"]
    table = page.dataframe[0].value
    assert list(table["Name"])[-1] == "notes.txt" and "text and not a picture" in list(table["Notes"])[-1]
    counts = {one.label: int(one.value) for one in page.metric}
    assert counts["Refused"] == 1 and sum(counts.values()) == 5
    page.button(key="batch_forget").click().run()
    assert "batch" not in page.session_state or not page.session_state.batch.rows


def test_downloads_hold_every_row(reader: Reader, picture: Picture) -> None:
    here = filled([picture("covid19", 1), ("=1+1.png", b"no picture", ""), picture("normal", 2)])
    while here.waiting:
        here.step(reader)
    classes = reader.bundle.card.classes
    rows = list(csv.DictReader(io.StringIO(batch_rows.table(here.rows, classes))))
    assert [row["decision"] == "refused" for row in rows] == [False, True, False]
    assert rows[1]["path"] == "'=1+1.png"  # no spreadsheet takes that for a formula
    lines = [json.loads(line) for line in batch_rows.json_lines(here.rows).splitlines()]
    assert lines[0]["scores"]["covid19"] == pytest.approx(float(rows[0]["score_covid19"]), abs=1e-6)
    with zipfile.ZipFile(io.BytesIO(batch_rows.archive(here.rows, classes, reader.bundle.card.json))) as packed:
        assert packed.testzip() is None
        assert len([name for name in packed.namelist() if name.startswith("heatmaps/")]) == 2
        assert {"readings.csv", "readings.jsonl", "card.json"} <= set(packed.namelist())


def test_a_batch_says_what_it_leaves_out_and_how_long_it_takes(reader: Reader, picture: Picture) -> None:
    here = filled([picture("normal", 1)] * (batch_rows.MOST_PICTURES + 3))
    assert here.total == batch_rows.MOST_PICTURES and here.left_out == 3
    assert here.seconds_left is None
    here.step(reader)
    assert here.seconds_left == pytest.approx(here.seconds * (batch_rows.MOST_PICTURES - 1))


def test_a_script_that_is_stopped_while_it_waits_loses_no_file(
    reader: Reader, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PATIENCE", 0.02)
    here = filled([picture("normal", 1)])

    class Gone(queue.Notice):
        def __call__(self, ahead: int) -> None:
            raise StopException

    with queue.turn(), pytest.raises(StopException):
        here.step(reader, notice=Gone())
    assert here.total == 1 and len(here.waiting) == 1
    row = here.step(reader)
    assert row is not None and not row.refused
    assert not here.waiting and len(queue.TURNS) == 0


def test_file_that_can_not_be_loaded_is_a_row(reader: Reader) -> None:
    def broken() -> bytes:
        raise OSError("gone")

    row = batch_rows.read("x.png", broken, reader)
    assert row.refused and row.reading.reasons == (Message(Code.PROGRAM_FAULT),)


def test_the_operating_point_decides_rows_counts_and_files_at_once(page: AppTest, picture: Picture) -> None:
    page.file_uploader[0].set_value([picture(label, seed) for seed in (1, 2) for label in ("covid19", "normal")]).run()
    here, card = page.session_state.batch, page.session_state.batch.rows[0].decided
    for point in card:
        page.selectbox(key="batch_point").select(point).run()
        assert not page.exception
        decided = [row.reading.decision for row in here.rows_at(point)]
        counts = {metric.label: int(metric.value) for metric in page.metric}
        assert counts["Uncertain"] == decided.count("uncertain") and sum(counts.values()) == len(here.rows)
        assert list(page.dataframe[0].value["Decision"]) == [labels.decision_name(name) for name in decided]
        lines = batch_rows.json_lines(here.rows_at(point)).splitlines()
        assert {json.loads(line)["operating_point"] for line in lines} == {point}


def test_stop_pressed_twice_in_the_middle_of_a_reading_keeps_what_was_read(reader: Reader, picture: Picture) -> None:
    here = filled([picture("normal", seed) for seed in (1, 2, 3)])
    here.step(reader)
    name, data, _ = picture("normal", 2)

    def stopping() -> bytes:
        here.stop()
        here.stop()
        return data

    here.waiting[0] = (name, stopping)
    assert here.step(reader) is not None
    assert len(here.rows) == 2 and not here.waiting and here.stopped == 1
    assert here.step(reader) is None


def test_a_copy_is_marked_and_a_kept_file_can_be_opened(reader: Reader, picture: Picture) -> None:
    first, other = picture("normal", 1), picture("normal", 2)
    here = filled([first, other, ("again.png", *first[1:])])
    while here.waiting:
        here.step(reader)
    assert batch_rows.copies(here.rows) == {2: 0}
    assert [row.data for row in here.rows] == [first[1], other[1], first[1]]


def test_large_files_are_read_and_not_kept(reader: Reader, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_rows, "MOST_KEPT", len(picture("normal", 1)[1]) + 10)
    here = filled([picture("normal", 1), picture("normal", 2)])
    while here.waiting:
        here.step(reader)
    assert [bool(row.data) for row in here.rows] == [True, False] and not any(row.refused for row in here.rows)


def test_a_caption_is_shown_as_it_is_and_not_as_markdown(page: AppTest, picture: Picture) -> None:
    _, data, kind = picture("normal", 1)
    page.file_uploader[0].set_value(("**bold** :red[x].png", data, kind)).run()
    assert not page.exception
    captions = [image.caption for element in page.get("image") for image in element.proto.imgs]
    assert captions and all(r"\*\*bold\*\* \:red\[x\]\.png" in caption for caption in captions)

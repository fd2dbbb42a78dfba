"""A session's shelf: bounded, in step with the uploader, and one network for all sessions."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import shutil
import threading
import time
import weakref
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import streamlit as st
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.scriptrunner import StopException
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from interface.core import limits, loading, page, queue, streamlit_internals
from interface.core.session import MOST_ITEMS, Read, Refused, Shelf
from interface.read import uploads
from interface.read.uploads import take
from model.errors import BundleError
from model.messages import Code, Message
from model.reading.reader import Reader
from tests.conftest import draw_chest


@dataclass
class File:
    """Bytes that a browser sent."""

    file_id: str
    name: str = "x.png"
    data: bytes = b"not a picture"

    def getvalue(self) -> bytes:
        return self.data


def png(label: str) -> bytes:
    return cv2.imencode(".png", draw_chest(np.random.default_rng(0), label))[1].tobytes()


@pytest.fixture
def reader(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setenv("CXR_BUNDLE", str(small_bundle))
    return loading.reader()


def test_files_are_read_in_order_and_the_readable_ones_named(reader: Reader) -> None:
    shelf = Shelf()
    assert take(shelf, [File("bad"), File("good", data=png("normal")), File("too", data=png("other"))], reader) == [
        "good",
        "too",
    ]
    assert list(shelf.items) == ["bad", "good", "too"]
    assert list(shelf.refusals()) == ["bad"]


def test_refusals_go_when_the_next_files_come_and_readings_stay(reader: Reader) -> None:
    shelf = Shelf()
    take(shelf, [File("bad"), File("good", data=png("normal"))], reader)
    take(shelf, [File("worse")], reader)
    assert list(shelf.items) == ["good", "worse"]


def test_a_full_shelf_lets_the_oldest_go(reader: Reader) -> None:
    shelf = Shelf()
    first = png("normal")
    take(shelf, [File(f"old{number}", data=first) for number in range(MOST_ITEMS)], reader)
    take(shelf, [File("new", data=first)], reader)
    assert len(shelf.items) == MOST_ITEMS
    assert "old0" not in shelf.items
    assert "new" in shelf.items


def test_more_files_than_a_shelf_holds_are_counted_not_read(reader: Reader) -> None:
    shelf = Shelf()
    take(shelf, [File(str(number)) for number in range(MOST_ITEMS + 3)], reader)
    assert len(shelf.items) == MOST_ITEMS
    assert shelf.left_out == 3
    take(shelf, [File("one")], reader)
    assert shelf.left_out == 0


def zipped(*files: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def test_the_pictures_of_a_zip_are_read_like_single_ones(reader: Reader) -> None:
    shelf = Shelf()
    data = zipped(("a/one.png", png("normal")), ("__MACOSX/a/._one.png", b"x"), ("two.txt", b"text"))
    assert take(shelf, [File("zip", "class.zip", data), File("good", data=png("other"))], reader) == ["zip-0", "good"]
    assert [item.name for item in shelf.items.values()] == ["one.png", "two.txt", "x.png"]
    assert list(shelf.refusals()) == ["zip-1"]


def test_more_pictures_in_a_zip_than_a_shelf_holds_are_counted_not_read(reader: Reader) -> None:
    shelf = Shelf()
    take(shelf, [File("zip", data=zipped(*((f"{number}.png", b"x") for number in range(MOST_ITEMS + 3))))], reader)
    assert (len(shelf.items), shelf.left_out) == (MOST_ITEMS, 3)


def test_a_fault_of_the_program_is_a_sentence_and_logs_no_name(
    reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bytes:
        raise RuntimeError("out of cheese")

    item = uploads.read("Jane Doe.png", fail, reader)
    assert item == Refused("Jane Doe.png", Message(Code.PROGRAM_FAULT))
    assert "out of cheese" in caplog.text
    assert "Jane" not in caplog.text


def test_a_file_that_takes_too_long_is_refused_and_the_next_is_read(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(limits.SECONDS, "0.05")
    end = threading.Event()

    def slow() -> bytes:
        end.wait(20)
        return b""

    item = uploads.read("slow.png", slow, reader)
    monkeypatch.delenv(limits.SECONDS)  # a busy machine may need longer for the good one
    good = uploads.read("good.png", lambda: png("normal"), reader)
    end.set()
    _until(lambda: not [thread for thread in threading.enumerate() if thread.name == "decoding"])
    assert isinstance(item, Refused) and "took more than 0.05 s" in str(item.error)
    assert isinstance(good, Read)
    assert len(queue.TURNS) == 0


def test_a_visitor_who_goes_away_while_a_file_is_read_keeps_no_turn(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise StopException

    monkeypatch.setattr(uploads, "read_guarded", gone)
    shelf = Shelf()
    with pytest.raises(StopException):
        take(shelf, [File("one", data=png("normal")), File("two", data=png("other"))], reader)
    assert len(queue.TURNS) == 0 and not shelf.items


def test_a_name_becomes_a_plain_stem(reader: Reader) -> None:
    items = [uploads.read(name, lambda: png("normal"), reader) for name in ("C:\\scans\\one.two.dcm", "")]
    assert [item.stem for item in items if isinstance(item, Read)] == ["one.two", "radiograph"]


def test_sessions_that_open_at_once_share_one_network(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_BUNDLE", str(shutil.copytree(small_bundle, tmp_path / "copy")))
    with ThreadPoolExecutor(8) as pool:
        readers = list(pool.map(lambda _: loading.reader(), range(8)))
    assert len({id(found.bundle) for found in readers}) == 1


def test_a_bundle_trained_anew_is_loaded_and_the_old_one_let_go(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(small_bundle, tmp_path / "copy"))
    monkeypatch.setenv("CXR_BUNDLE", str(folder))
    old = weakref.ref(loading.reader().bundle)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"version": "9.9.9"}))
    assert loading.reader().bundle.card.version == "9.9.9"
    gc.collect()
    assert old() is None


def test_a_bundle_replaced_while_pictures_are_read_is_the_old_or_the_new_one(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(small_bundle, tmp_path / "copy"))
    monkeypatch.setenv("CXR_BUNDLE", str(folder))
    card = json.loads((folder / "card.json").read_text())
    # A network that LiteRT loads as well and whose sum is another: what stands behind its end is never looked at.
    network = (folder / "model.tflite").read_bytes() + b"new"
    titles, sentences, stop = set(), set(), threading.Event()

    def go_on_reading() -> None:
        while not stop.is_set():
            try:
                item = uploads.read("x.png", lambda: png("normal"), loading.reader())
            except BundleError as error:
                sentences.add(str(error))
                continue
            assert isinstance(item, Read)
            titles.add(item.reading.bundle)

    with ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(go_on_reading) for _ in range(2)]
        try:
            _until(lambda: len(titles) == 1)
            # In the order that hurts: between the two steps the card is the old one and the network the new.
            (folder / "model.tflite").write_bytes(network)
            new = card | {"version": "0.9.1", "sha256": hashlib.sha256(network).hexdigest()}
            (folder / "card.new").write_text(json.dumps(new))
            (folder / "card.new").replace(folder / "card.json")
            _until(lambda: len(titles) == 2)
        finally:
            stop.set()
        for one in reading:
            one.result()
    assert {title.split()[-1] for title in titles} == {str(card["version"]), "0.9.1"}
    assert all(sentence.endswith(".") for sentence in sentences)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_damaged_bundle_is_a_sentence(small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(small_bundle, tmp_path / "copy"))
    (folder / "model.tflite").write_bytes(b"broken")
    monkeypatch.setenv("CXR_BUNDLE", str(folder))
    with pytest.raises(BundleError, match=r"damaged|SHA"):
        loading.reader()


def test_uploads_are_freed_where_there_is_no_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_BUNDLE", str(tmp_path))
    freed: list[object] = []
    monkeypatch.setattr(streamlit_internals, "forget_uploads", freed.extend)
    file = UploadedFile(UploadedFileRec("1", "a.png", "image/png", png("normal")), FileURLs(file_id="1"))
    monkeypatch.setitem(st.session_state, "files", [file])
    page.read_uploads("files")
    assert freed == [file]

"""The strip of cases: its list, a link to a set, a click that fetches and reads, and a server without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from interface.gallery import cards, cases, store
from interface.gallery.store import Gallery
from tests.hosts import LOCAL, Host

Make = Callable[[str, int], tuple[str, bytes, str]]


def opens(app: AppTest) -> list[str]:
    return [str(button.key).rsplit("_case_", 1)[1] for button in app.button if button.label == "Open"]


def test_every_note_belongs_to_a_case_and_the_round_has_all_classes() -> None:
    known = cases.by_key()
    assert len(known) == 28 and set(cases.NOTES) <= set(known)
    assert set(cases.STRIP) | set(cases.ROUND) <= set(cases.NOTES)
    assert len(cases.ROUND) == len(set(cases.ROUND)) == 10
    counts = [sum(cards.CLASSES[known[key].label] == name for key in cases.ROUND) for name in ("covid19", "normal")]
    assert counts == [4, 3]


def test_the_strip_is_there_and_nothing_is_fetched_before_a_click(
    app: AppTest, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = [replace(one, url=f"{host.address}/gone") for one in store.listed()]
    monkeypatch.setattr(store, "listed", lambda: moved)
    for path in ("pages/read.py", "pages/how_it_works.py"):
        app.switch_page(path).run()
        assert not app.exception and opens(app) == list(cases.STRIP)
    assert any("What to notice" in caption.value for caption in app.caption)
    assert not host.asked


def test_a_link_names_a_set_and_what_it_does_not_know_is_left_out(app: AppTest) -> None:
    app.query_params["case"] = "fff13f3a,nobody,00002812_000"
    app.run()
    assert opens(app) == ["fff13f3a", "00002812_000"]
    app.query_params["case"] = "nobody"
    app.run()
    assert opens(app) == list(cases.STRIP)


def test_a_click_reads_a_case_and_without_a_network_says_so(
    app: AppTest, picture: Make, host: Host, straight: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture("covid19", 3)[1]
    host.files["c4a0e11a.png"] = data
    digest = hashlib.sha256(data).hexdigest()
    moved = [
        replace(one, url=f"{host.address}/{one.name}", sha256=digest if "c4a0e11a" in one.title else one.sha256,
                bytes=len(data) if "c4a0e11a" in one.title else one.bytes)
        for one in store.listed()
    ]  # fmt: skip
    monkeypatch.setattr(store, "listed", lambda: moved)
    monkeypatch.setattr(store, "SHARED", Gallery(LOCAL))
    app.button(key="read_case_00001507_002").click().run()
    assert not app.exception
    assert len(app.error) == 1 and "did not give the file out" in app.error[0].value
    assert not app.session_state.shelf.items
    app.button(key="read_case_c4a0e11a").click().run()
    assert not app.exception and not app.error
    (item,) = app.session_state.shelf.readings().values()
    assert item.name == "c4a0e11a.png" and item.reading.sha256 == digest

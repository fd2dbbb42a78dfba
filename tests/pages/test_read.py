"""The first page: from the drop to the decision, and every failure as a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from interface.components import presentation
from interface.core import labels, loading
from interface.core.language import tr
from interface.core.session import MOST_ITEMS, Read
from interface.gallery import cases
from interface.read import intake, trust, whatif
from model.reading.reader import redecide

Picture = Callable[..., tuple[str, bytes, str]]


def said(app: AppTest) -> str:
    """All that the page says in words."""
    parts = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    return "\n".join(part.value for part in parts)


def upload(app: AppTest, *files: tuple[str, bytes, str]) -> AppTest:
    return app.file_uploader[0].set_value(list(files)).run()


def viewed(app: AppTest) -> dict[str, Any]:
    """What the viewer was sent, empty where it was not."""
    sent = [json.loads(component.proto.json) for component in app.get("bidi_component") if component.proto.json]
    contents = [json.loads(data["content"]) for data in sent if "content" in data]
    assert len(contents) < 2
    return contents[0] if contents else {}


def headline(app: AppTest, name: str = "") -> str:
    """What the page should say of a file, the last where no name is given."""
    items = [item for item in app.session_state.shelf.items.values() if isinstance(item, Read)]
    (item,) = [item for item in items if item.name == name] if name else items[-1:]
    return presentation.headline(item.reading, loading.reader().bundle.card)


def test_first_visit_says_what_it_is_and_is_not(app: AppTest) -> None:
    assert not app.exception
    assert app.title[0].value == "Chest X-ray reader"
    assert "not a medical device" in said(app)
    assert not viewed(app)
    assert [button.label for button in app.button if button.label != "Open"] == ["Try a sample radiograph"]
    assert sum(button.label == "Open" for button in app.button) == len(cases.STRIP)


def test_after_a_reading_the_picture_comes_first(app: AppTest, picture: Picture) -> None:
    upload(app, picture())
    assert not app.title, "the head of the page takes the room of the picture"
    assert [button.label for button in app.button if button.label != "Open"] == ["Sample", "Forget all"]
    assert said(app).count("not a medical device") == 1
    app.button(key="forget").click().run()
    assert app.title


def test_a_picture_is_read_as_soon_as_it_is_there(app: AppTest, picture: Picture) -> None:
    upload(app, picture("covid19"))
    assert not app.exception
    assert app.header[0].value == headline(app)
    (item,) = app.session_state.shelf.items.values()
    for reason in item.reading.reasons:
        assert labels.plain(tr(reason)) in said(app)
    shown = viewed(app)
    (panel,) = shown["panels"]
    assert panel["caption"] == "The picture" and len(shown["pictures"]) == 1
    assert [one["name"] for one in shown["classes"]] == ["COVID-19 pattern", "Normal", "Other lung disease"]
    assert any(layer["heat"] for layer in panel["layers"])
    assert shown["status"].startswith(f"Result: {headline(app)}. ")
    assert panel["summary"]["headline"] == headline(app)
    downloads = ["Report (PDF)", "Report (HTML)", "Overlay (PNG)", "Overlay (DICOM)", "Reading (JSON)"]
    assert [button.label for button in app.download_button] == downloads


def test_what_a_result_is_worth_elsewhere_is_told_from_the_card(app: AppTest, picture: Picture) -> None:
    upload(app, picture())
    told = trust.sentence(loading.reader().bundle.card)
    assert not told or labels.plain(told) in said(app)


def test_the_drawn_classes_are_told_apart(app: AppTest, picture: Picture) -> None:
    upload(app, *(picture(label, seed) for seed in (1, 2, 3) for label in ("covid19", "normal")))
    items = app.session_state.shelf.items.values()
    score = {item.name: item.reading.scores["covid19"] for item in items}
    ill = [score[f"covid19-{seed}.png"] for seed in (1, 2, 3)]
    well = [score[f"normal-{seed}.png"] for seed in (1, 2, 3)]
    assert sum(ill) > sum(well)


def test_the_operating_point_decides_anew_without_the_network(app: AppTest, picture: Picture) -> None:
    upload(app, picture("normal", 2), picture("covid19", 1))
    before = dict(app.session_state.shelf.items)
    reader = loading.reader()
    for name, point in reader.bundle.card.points.items():
        app.segmented_control(key="op").set_value(name).run()
        assert not app.exception
        (item,) = (one for one in before.values() if one.name == "normal-2.png")
        expected = redecide(item.reading, reader.bundle.card, name)
        assert app.header[0].value == presentation.headline(expected, reader.bundle.card)
        for reason in expected.reasons:
            assert labels.plain(tr(reason)) in said(app)
        assert f"the operating point, {labels.score(point.threshold)}" in app.get("html")[-1].proto.body
        assert app.query_params.get("op", reader.bundle.card.default_point) == name
    assert all(app.session_state.shelf.items[key].reading is item.reading for key, item in before.items())


def test_a_link_brings_its_operating_point_along(app: AppTest, picture: Picture) -> None:
    card = loading.reader().bundle.card
    name = next(name for name in card.points if name != card.default_point)
    app.query_params["op"] = name
    upload(app.run(), picture())
    assert app.segmented_control(key="op").value == name
    assert any(name.split("_")[0] in text.value.lower() for text in app.caption if "read in" in text.value)
    app.switch_page("pages/card.py").run()
    app.query_params.clear()
    app.switch_page("pages/read.py").run()
    assert app.segmented_control(key="op").value == name
    assert app.query_params["op"] == name


def test_a_link_to_an_operating_point_that_is_not_there_is_a_sentence(app: AppTest, picture: Picture) -> None:
    app.query_params["op"] = "<b>nonsense"
    upload(app.run(), picture())
    assert not app.exception
    assert "does not have" in app.warning[0].value and "<b>" not in app.warning[0].value
    assert app.segmented_control(key="op").value == loading.reader().bundle.card.default_point


def test_two_pictures_are_compared_each_with_its_class_and_scores(app: AppTest, picture: Picture) -> None:
    upload(app, picture("covid19", 1), picture("normal", 2))
    first = viewed(app)
    assert [one["label"].split(":")[0] for one in first["strip"]] == ["1. covid19-1.png", "2. normal-2.png"]
    app.selectbox(key="compare").set_value(app.selectbox(key="compare").options[0]).run()
    assert not app.exception
    shown = viewed(app)
    items = {item.name: item.reading for item in app.session_state.shelf.items.values()}
    names = ["covid19-1.png", "normal-2.png"]
    for panel, name in zip(shown["panels"], names, strict=True):
        assert panel["caption"].startswith(f"{name}: {headline(app, name)} (")
        assert labels.scores_line(items[name].scores) in panel["caption"]
    assert len(shown["pictures"]) == 2 and shown["shown"] != first["shown"]
    difference = items[names[1]].scores["covid19"] - items[names[0]].scores["covid19"]
    assert labels.decimal(difference, signed=True) in said(app)


def test_what_would_change_the_answer_is_read_when_it_is_opened(app: AppTest, picture: Picture) -> None:
    upload(app, picture())
    assert not app.image and "whatif" not in app.session_state
    app.session_state.whatif_open = True
    app.run()
    assert not app.exception
    assert len(app.image) == 4
    assert all(name in said(app) for name in ("As it is", "Flipped left to right", "Brighter", "Darker"))
    assert whatif.NO_SEGMENTER in said(app)
    kept = app.session_state.whatif
    app.run()
    assert app.session_state.whatif is kept, "the same pictures were read again"


def with_reading(app: AppTest, **changes: object) -> AppTest:
    """The page with its one reading changed."""
    ((key, item),) = app.session_state.shelf.items.items()
    app.session_state.shelf.items[key] = replace(item, reading=replace(item.reading, **changes))
    return app.run()


def test_a_class_without_evidence_gets_a_sentence_and_no_colours(app: AppTest, picture: Picture) -> None:
    upload(app, picture())
    (item,) = app.session_state.shelf.items.values()
    with_reading(app, maps=-np.abs(item.reading.maps))
    assert not app.exception
    (panel,) = viewed(app)["panels"]
    for layer in panel["layers"]:
        assert "no part of the picture speaks for it" in layer["caption"] and layer["heat"] is None


@pytest.mark.parametrize(
    ("decision", "shown"),
    [
        ("covid19", "COVID-19 pattern"),
        ("uncertain", "Uncertain: "),
        ("other", "Other lung disease"),
        ("normal", "No COVID-19 pattern seen"),
    ],
)
def test_every_decision_has_its_headline(app: AppTest, picture: Picture, decision: str, shown: str) -> None:
    upload(app, picture())
    with_reading(app, decision=decision)
    assert app.header[0].value.startswith(shown)


@pytest.mark.parametrize(
    ("name", "data"),
    [("empty.png", b""), ("notes.txt", b"no radiograph at all"), ("cut.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40)],
)
def test_a_bad_file_is_a_sentence(app: AppTest, name: str, data: bytes) -> None:
    upload(app, (name, data, "application/octet-stream"))
    assert not app.exception
    (error,) = app.error
    assert error.value.rstrip().endswith(".")
    assert "Traceback" not in error.value
    assert not app.header


def test_a_bad_file_does_not_take_the_good_one_away(app: AppTest, picture: Picture) -> None:
    upload(app, picture(), ("broken.dcm", b"\0" * 128 + b"DICM" + b"\xff" * 64, "application/dicom"))
    assert not app.exception
    outcomes = [isinstance(item, Read) for item in app.session_state.shelf.items.values()]
    assert outcomes == [True, False]
    assert app.header[0].value == headline(app)
    assert r"broken\.dcm was not read" in app.error[0].value


def test_pictures_add_up_and_the_uploader_is_empty_again(app: AppTest, picture: Picture) -> None:
    upload(app, picture(seed=1))
    upload(app, picture(seed=2))
    assert [item.name for item in app.session_state.shelf.items.values()] == ["covid19-1.png", "covid19-2.png"]
    assert app.file_uploader[0].value == []
    assert any(text.value.startswith(r"covid19\-2\.png") for text in app.caption)


def test_the_first_of_several_new_pictures_is_shown_and_all_are_in_the_strip(app: AppTest, picture: Picture) -> None:
    upload(app, picture("covid19", 1), picture("normal", 2), picture("normal", 3))
    keys = list(app.session_state.shelf.items)
    shown = viewed(app)
    assert shown["current"] == keys[0] and [one["key"] for one in shown["strip"]] == keys
    app.session_state.chosen = keys[2]
    app.run()
    assert viewed(app)["current"] == keys[2]
    assert any(text.value.startswith(r"normal\-3\.png") for text in app.caption)


def test_readings_survive_a_look_at_another_page(app: AppTest, picture: Picture) -> None:
    upload(app, picture())
    headline = app.header[0].value
    app.switch_page("pages/card.py").run()
    app.switch_page("pages/read.py").run()
    assert app.header[0].value == headline


def test_forget_empties_the_shelf(app: AppTest, picture: Picture) -> None:
    upload(app, picture())
    app.session_state.whatif_open = True
    app.run()
    assert "whatif" in app.session_state
    app.button(key="forget").click().run()
    assert "whatif" not in app.session_state
    assert not app.session_state.shelf.items
    assert not viewed(app)


def test_too_many_files_are_said_to_be(app: AppTest, picture: Picture) -> None:
    upload(app, *(picture(seed=seed) for seed in range(MOST_ITEMS + 2)))
    assert not app.exception
    assert f"first {MOST_ITEMS} files were read, 2 were not" in app.warning[0].value
    assert len(app.session_state.shelf.items) == MOST_ITEMS


def test_the_page_says_how_large_a_file_may_be_and_where_larger_ones_go(app: AppTest) -> None:
    assert app.file_uploader[0].proto.max_upload_size_mb == intake.MOST_MEGABYTES
    sent = [json.loads(component.proto.json) for component in app.get("bidi_component") if component.proto.json]
    (listener,) = [data for data in sent if "sentence" in data]
    assert listener["most"] == intake.MOST_MEGABYTES and "{file} has {size} MB" in listener["sentence"]
    assert "Batch" in listener["link"]


def test_the_sample_is_read_without_a_network(app: AppTest) -> None:
    assert loading.sample() is not None
    app.button(key="try_sample").click().run()
    assert not app.exception
    (item,) = app.session_state.shelf.items.values()
    assert item.name == loading.SAMPLE
    assert isinstance(item, Read)


def test_a_missing_sample_is_a_sentence(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SAMPLE", "no-such-radiograph.dcm")
    app.button(key="try_sample").click().run()
    assert not app.exception
    assert app.warning[0].value == loading.NO_SAMPLE


def test_a_missing_bundle_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: AppTest) -> None:
    monkeypatch.setenv("CXR_BUNDLE", str(tmp_path))
    app.run()
    assert not app.exception
    assert not app.file_uploader
    assert "no bundle" in app.error[0].value


def test_strange_file_names_stay_text(app: AppTest, picture: Picture) -> None:
    _, data, kind = picture()
    upload(app, ("<b>:red[x]</b> $a$ **bold** ![](http://example.org/x.png).png", data, kind))
    assert not app.exception
    caption = next(text.value for text in app.caption if "read in" in text.value)
    assert r"\:red\[x\]" in caption
    assert r"\!\[\]\(" in caption

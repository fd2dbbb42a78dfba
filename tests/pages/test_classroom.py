"""The page Classroom as lecturer, projector and students see it; each its own session of one server."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.testing.v1 import AppTest

from interface.classroom.rooms import ROOMS, Phase, Vote
from tests.app_fixtures import PATIENCE
from tests.conftest import ROOT
from tests.pages.test_read import said

Make = Callable[[str, int], tuple[str, bytes, str]]
Visit = Callable[..., AppTest]


@pytest.fixture
def visit(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """Opens the page with a query."""
    monkeypatch.setenv("CXR_BUNDLE", str(small_bundle))

    def opened(**query: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
        page.query_params |= query
        page.switch_page("pages/classroom.py").run()
        assert not page.exception
        return page

    return opened


@pytest.fixture
def lecturer(visit: Visit, picture: Make) -> AppTest:
    """A lecturer who has opened a room with two pictures."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("covid19/a.png", picture("covid19", 1)[1])
        archive.writestr("normal/b.png", picture("normal", 2)[1])
    page = visit()
    page.file_uploader[0].set_value(("set.zip", packed.getvalue(), "application/zip")).run()
    page.button(key="classroom_begin_files").click().run()
    assert not page.exception and not page.warning
    return page


def press(page: AppTest, label: str) -> None:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception


def send(page: AppTest, name: str, sure: float) -> None:
    page.radio[0].set_value(name)
    page.button_group[0].set_value(sure)
    press(page, "Send")


def shown(page: AppTest) -> str:
    """All text, also that in HTML."""
    return said(page) + " ".join(element.proto.body for element in page.get("html"))


def test_a_whole_lesson(visit: Visit, lecturer: AppTest) -> None:
    code = lecturer.query_params["room"]
    assert code in shown(lecturer)
    first = visit(room=code.lower())
    assert "You are in" in said(first)
    press(lecturer, "Show the first picture")
    late = visit(room=code)
    first.run()
    for student, name in ((first, "covid19"), (late, "normal")):
        assert student.radio[0].value is None and not student.button_group[0].value
        assert "network" not in shown(student).lower(), "the first vote comes before the network's answer"
        press(student, "Send")
        assert "Choose what you see" in student.error[0].value
        send(student, name, 0.7)
        assert "Your vote" in student.success[0].value
    lecturer.run()
    assert "2 of 2 have voted" in shown(lecturer)
    press(lecturer, "Show the network's answer")
    first.run()
    late.run()
    assert "The network" in shown(first)
    press(first, "Keep: COVID-19 pattern, 70% sure")
    send(late, "other", 0.95)
    press(lecturer, "Show the label")
    late.run()
    assert "Label: <b>COVID-19 pattern</b>" in shown(late) and len(late.error) == 2
    press(lecturer, "Next picture")
    press(lecturer, "Go to the result now")
    assert [metric.value for metric in lecturer.metric[:2]] == ["1 of 2 (50%)"] * 2
    first.run()
    assert "You, first vote | 1 of 1" in said(first) and "You are number 1" in said(first)
    room = ROOMS.get(code)
    assert room is not None
    assert {(ballot.student, ballot.phase): ballot.vote for ballot in room.ballots()} == {
        (1, Phase.BEFORE): Vote("covid19", 0.7),
        (1, Phase.AFTER): Vote("covid19", 0.7),
        (2, Phase.BEFORE): Vote("normal", 0.7),
        (2, Phase.AFTER): Vote("other", 0.95),
    }
    press(lecturer, "Close the room")
    first.run()
    assert f"There is no room {code}" in first.warning[0].value and ROOMS.get(code) is None


def test_a_look_for_the_step_before_is_not_taken_for_one_at_this_step(
    visit: Visit, lecturer: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids: list[str] = []
    register = MemoryFragmentStorage.register

    def noted(storage: MemoryFragmentStorage, key: str, *args: Any, **options: Any) -> None:
        ids.append(key)
        register(storage, key, *args, **options)

    monkeypatch.setattr(MemoryFragmentStorage, "register", noted)
    code = lecturer.query_params["room"]
    pages = {"lecturer": lecturer, "student": visit(room=code)}
    before: dict[str, set[str]] = {name: set() for name in pages}
    room = ROOMS.get(code)
    assert room is not None
    while room.state.phase is not Phase.END:
        for name, page in pages.items():
            ids.clear()
            page.run()
            assert ids and not before[name] & set(ids), room.state
            before[name] = set(ids)
        room.go_on(room.state.version)


def test_a_reload_is_the_same_student_and_the_same_lecturer(visit: Visit, lecturer: AppTest) -> None:
    code = lecturer.query_params["room"]
    press(lecturer, "Show the first picture")
    student = visit(room=code)
    send(student, "covid19", 0.5)
    again = visit(**student.query_params)
    assert again.query_params["student"] == student.query_params["student"]
    assert "Your vote" in again.success[0].value
    led = visit(**lecturer.query_params)
    assert "1 of 1 have voted" in shown(led)
    press(led, "Show the network's answer")
    lecturer.run()
    assert any(button.label == "Show the label" for button in lecturer.button)


def test_who_looked_at_another_page_comes_back_to_the_room(lecturer: AppTest) -> None:
    query = dict(lecturer.query_params)
    lecturer.query_params.clear()
    lecturer.switch_page("pages/about.py").run()
    lecturer.switch_page("pages/classroom.py").run()
    assert lecturer.query_params == query
    assert any(button.label == "Show the first picture" for button in lecturer.button)


def test_a_vote_on_a_picture_that_is_gone_does_not_count(visit: Visit, lecturer: AppTest) -> None:
    code = lecturer.query_params["room"]
    press(lecturer, "Show the first picture")
    student = visit(room=code)
    press(lecturer, "Show the network's answer")
    send(student, "covid19", 0.5)
    room = ROOMS.get(code)
    assert room is not None and not room.ballots()
    assert "The network" in shown(student), "the page has gone on with the room"


def test_the_projector_has_no_buttons_and_a_wrong_token_does_not_lead(visit: Visit, lecturer: AppTest) -> None:
    code = lecturer.query_params["room"]
    projector = visit(room=code, projector="1")
    assert code in shown(projector) and not projector.button
    guest = visit(room=code, lecturer="guessed")
    assert "You are in" in said(guest) and not guest.button


@pytest.mark.parametrize("code", ["XXXXX", "", "<b>`_x_`"])
def test_a_wrong_code_gives_a_sentence_and_another_try(visit: Visit, code: str) -> None:
    page = visit(room=code)
    assert "There is no room" in page.warning[0].value and "<b>" not in page.warning[0].value
    press(page, "Type another code")
    assert "room" not in page.query_params
    page.text_input(key="classroom_code").set_value(" xx xxx")
    press(page, "Join")
    assert "There is no room XXXXX" in page.warning[0].value

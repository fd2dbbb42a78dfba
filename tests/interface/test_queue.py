"""Turns and time limits: first come first served, nobody keeps a turn, no file takes the server for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

from interface.core import limits, queue, settings
from model.errors import Unreadable
from model.messages import Code, Message

PATIENCE = 20  # seconds until a test gives up


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread will do."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def ignore(ahead: int) -> None:
    """Nobody looks."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "PATIENCE", 0.02)


class Visitor(threading.Thread):
    """Reads as many pictures as it has, one a turn; stays in its first turn until it is let go."""

    def __init__(self, line: queue.Turns, name: str, pictures: int, log: list[str]) -> None:
        super().__init__(daemon=True)
        self.line, self.visitor, self.pictures, self.log = line, name, pictures, log
        self.go = threading.Event()

    def run(self) -> None:
        for _ in range(self.pictures):
            with self.line.take(ignore):
                self.log.append(self.visitor)
                self.go.wait(PATIENCE)


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (2, 2)])
def test_no_more_readings_than_allowed_run_at_once(at_once: int, most: int) -> None:
    line, inside, seen = queue.Turns(at_once), [0], []
    lock = threading.Lock()

    def read() -> None:
        for _ in range(5):
            with line.take(ignore):
                with lock:
                    inside[0] += 1
                    seen.append(inside[0])
                time.sleep(0.002)
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(seen) == 30 and max(seen) == most and len(line) == 0


def test_the_turn_goes_round_and_one_upload_of_many_does_not_go_first() -> None:
    line, log = queue.Turns(), list[str]()
    visitors = [Visitor(line, name, 3, log) for name in "abc"]
    for number, visitor in enumerate(visitors, 1):
        visitor.start()
        until(lambda number=number: len(line) == number)  # type: ignore[misc]
    for visitor in visitors:
        visitor.go.set()
    for visitor in visitors:
        visitor.join(PATIENCE)
    assert log[:3] == ["a", "b", "c"]
    assert sorted(log) == sorted("abc" * 3)
    # Two threads may join the queue in either order, but none reads a third before all had a second.
    assert set(log[3:6]) == set("abc")


def test_who_waits_is_told_how_many_come_first() -> None:
    line, told = queue.Turns(), []
    visitors = [Visitor(line, name, 1, []) for name in "ab"]
    for number, visitor in enumerate(visitors, 1):
        visitor.start()
        until(lambda number=number: len(line) == number)  # type: ignore[misc]

    def waiting(ahead: int) -> None:
        if ahead not in told:
            told.append(ahead)
            visitors[len(told) - 1].go.set()

    with line.take(waiting):
        pass
    assert told[0] == 2 and told == sorted(told, reverse=True)


def test_who_goes_away_gives_the_place_back() -> None:
    line = queue.Turns()
    first = Visitor(line, "first", 1, [])
    first.start()
    until(lambda: len(line) == 1)

    def gone(ahead: int) -> None:
        raise StopException

    with pytest.raises(StopException), line.take(gone):
        pytest.fail("it was not this one's turn")
    assert len(line) == 1
    first.go.set()
    until(lambda: len(line) == 0)
    with pytest.raises(StopException), line.take(ignore):
        raise StopException
    assert len(line) == 0


def script() -> None:
    import streamlit as st

    from interface.core import queue

    with queue.turn():
        st.write("my turn")


def test_the_page_says_that_it_waits_and_then_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    info = DeltaGenerator.info

    def note(self: DeltaGenerator, body: str, **options: Any) -> DeltaGenerator:
        drawn.append(body)
        return info(self, body, **options)

    def let_go_when_drawn() -> None:
        until(lambda: bool(drawn))
        first.go.set()

    monkeypatch.setattr(DeltaGenerator, "info", note)
    first = Visitor(queue.TURNS, "first", 1, [])
    first.start()
    until(lambda: len(queue.TURNS) == 1)
    threading.Thread(target=let_go_when_drawn, daemon=True).start()
    page = AppTest.from_function(script, default_timeout=PATIENCE).run()
    assert drawn[0] == "Waiting: 1 reading before yours."
    assert [one.value for one in page.markdown] == ["my turn"]
    assert not page.info and not page.exception
    assert len(queue.TURNS) == 0


def callback_script(done: list[str]) -> None:
    import streamlit as st
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

    from interface.core import queue

    def read() -> None:
        with queue.turn():
            # Another click while the files wait.
            get_script_run_ctx().script_requests.request_rerun(RerunData("clicked=yes"))  # type: ignore[union-attr]
            queue.Notice()(1)
            done.append("read")

    done.append(f"clicked: {st.query_params.get('clicked', 'no')}")
    st.button("read", on_click=read)


def test_a_click_while_files_wait_does_not_lose_them() -> None:
    done: list[str] = []
    page = AppTest.from_function(callback_script, default_timeout=PATIENCE, kwargs={"done": done}).run()
    page.button[0].click().run()
    assert done == ["clicked: no", "read", "clicked: yes"]


def fragment_script(done: list[int]) -> None:
    import streamlit as st

    from interface.core import queue

    def read() -> None:
        notice = queue.Notice()
        notice(1)
        done.append(notice._place is None)

    @st.fragment
    def part() -> None:
        st.button("read", on_click=read)

    st.title("Title")
    part()


def test_a_part_that_runs_by_itself_waits_in_silence() -> None:
    done: list[int] = []
    page = AppTest.from_function(fragment_script, default_timeout=PATIENCE, kwargs={"done": done}).run()
    page.button[0].click().run()
    assert done == [True]


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], object]]:
    """Work that does not end before the test does."""
    monkeypatch.setenv(limits.SECONDS, "0.05")
    end = threading.Event()
    yield lambda: end.wait(PATIENCE)
    end.set()


def test_a_file_that_takes_too_long_ends_as_a_sentence(stuck: Callable[[], object]) -> None:
    with pytest.raises(Unreadable, match=r"more than 0\.05 s .* save the picture smaller") as refused:
        limits.in_time(stuck, limits.GivenUp())
    assert str(refused.value).endswith(".")
    assert limits.in_time(lambda: 7) == 7


def test_files_that_were_given_up_are_limited_in_number(stuck: Callable[[], object]) -> None:
    given_up = limits.GivenUp()
    for _ in range(limits.MOST_GIVEN_UP):
        with pytest.raises(Unreadable, match="took more than"):
            limits.in_time(stuck, given_up)
    begun: list[int] = []
    with pytest.raises(Unreadable, match="choose it again in a minute"):
        limits.in_time(lambda: begun.append(1), given_up)
    assert begun == [] and given_up.count() == limits.MOST_GIVEN_UP


def test_a_thread_given_up_while_another_reading_counts_is_not_lost() -> None:
    given_up, end = limits.GivenUp(), threading.Event()
    second = threading.Thread(target=end.wait, daemon=True)
    adding = threading.Thread(target=given_up.add, args=(second,))

    class First(threading.Thread):
        """Gives the other reading the moment in which it is counted."""

        def is_alive(self) -> bool:
            if not adding.ident:
                adding.start()
                adding.join(0.2)
            return super().is_alive()

    first = First(target=end.wait, daemon=True)
    first.start()
    second.start()
    given_up.add(first)
    given_up.count()
    adding.join()
    assert given_up.count() == 2
    end.set()


def test_a_decoder_that_comes_to_its_end_after_all_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.SECONDS, "0.05")
    end, given_up = threading.Event(), limits.GivenUp()
    threads: list[threading.Thread] = []

    def slow() -> None:
        threads.append(threading.current_thread())
        end.wait(PATIENCE)

    for _ in range(limits.MOST_GIVEN_UP):
        with pytest.raises(Unreadable):
            limits.in_time(slow, given_up)
    end.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert limits.in_time(lambda: "read", given_up) == "read"


def test_what_the_work_raises_comes_through() -> None:
    def fail() -> None:
        raise Unreadable(Message(Code.FILE_EMPTY))

    with pytest.raises(Unreadable, match="The file is empty"):
        limits.in_time(fail)


@pytest.mark.parametrize(("given", "found"), [("3", 3), ("0", 1), ("many", 1), ("inf", 1), ("nan", 1), (None, 1)])
def test_a_setting_that_makes_no_sense_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, given: str | None, found: float
) -> None:
    monkeypatch.delenv("CXR_X", raising=False)
    if given is not None:
        monkeypatch.setenv("CXR_X", given)
    assert settings.number("CXR_X", 1, 1) == found
    assert ("CXR_X must be a number" in caplog.text) == (given not in ("3", None))

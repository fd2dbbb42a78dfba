"""A room: votes, steps, students who are late, come back or leave; what is said at the end; the way in."""

from __future__ import annotations

import csv
import io
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from interface.classroom import link, results, rooms
from interface.classroom.rooms import Phase, Room, Vote
from interface.core.expiring import Expiring, Full
from interface.quiz.rounds import Question

MAP = np.zeros((7, 7), np.float32)


class Clock:
    """Seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def question(label: str, network: str, score: float) -> Question:
    rest = {name: (1 - score) / 2 for name in ("normal", "other", "covid19") if name != network}
    return Question("=a.png", label, label, b"jpeg", MAP, network, network, {**rest, network: score}, "nowhere")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room(clock: Clock) -> Room:
    return Room([question("covid19", "covid19", 0.9), question("normal", "covid19", 0.8)], clock)


def until(room: Room, phase: Phase) -> None:
    while room.state.phase is not phase:
        assert room.go_on(room.state.version)


def test_the_steps_follow_each_other_and_a_second_press_goes_on_once(room: Room) -> None:
    seen = [room.state]
    while room.go_on(room.state.version):
        assert not room.go_on(seen[-1].version), "a button that is pressed twice must go on once"
        seen.append(room.state)
    three = [Phase.BEFORE, Phase.AFTER, Phase.LABEL]
    assert [state.phase for state in seen] == [Phase.LOBBY, *three, *three, Phase.END]
    assert [state.index for state in seen] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [state.version for state in seen] == list(range(8))


def test_a_vote_counts_once_for_each_student_and_only_for_what_is_shown(room: Room) -> None:
    one, two = room.join(), room.join()
    assert not room.vote(one, room.state, Vote("normal", 0.5)), "nothing is shown yet"
    until(room, Phase.BEFORE)
    before = room.state
    assert room.vote(one, before, Vote("normal", 0.5)) and room.vote(two, before, Vote("normal", 0.7))
    assert room.vote(one, before, Vote("covid19", 0.7)), "a vote can be changed"
    assert room.counts(0, Phase.BEFORE) == {"covid19": 1, "normal": 1}
    assert not room.vote("stranger", before, Vote("normal", 0.5))
    until(room, Phase.AFTER)
    assert not room.vote(two, before, Vote("covid19", 0.9)), "the room has gone on"
    assert room.vote(two, room.state, Vote("covid19", 0.9))
    until(room, Phase.LABEL)
    assert not room.vote(one, room.state, Vote("normal", 0.5))
    assert room.voted(two, 0, Phase.BEFORE) == Vote("normal", 0.7)
    assert room.voted(one, 0, Phase.AFTER) is None
    assert [(ballot.index, ballot.phase, ballot.student) for ballot in room.ballots()] == [
        (0, Phase.BEFORE, 1),
        (0, Phase.BEFORE, 2),
        (0, Phase.AFTER, 2),
    ]


def test_students_come_late_come_back_and_leave(room: Room, clock: Clock) -> None:
    early = room.join()
    until(room, Phase.AFTER)
    late = room.join()
    assert room.join(early) == early and room.join("of another room") not in (early, late, "of another room")
    assert [room.number(early), room.number(late)] == [1, 2]
    assert room.present() == 3
    clock.now += rooms.ABSENT_SECONDS + 1
    assert room.present() == 0
    room.vote(late, room.state, Vote("normal", 0.5))
    clock.now += rooms.ABSENT_SECONDS + 1
    room.join(early)
    assert (room.present(), room.expected()) == (1, 2), "who has voted is expected, also when the phone is locked"


def test_a_full_room_takes_nobody_else(room: Room) -> None:
    tokens = [room.join() for _ in range(rooms.MOST_STUDENTS)]
    with pytest.raises(Full):
        room.join()
    assert room.join(tokens[0]) == tokens[0]


def test_only_the_secret_token_leads(room: Room) -> None:
    assert room.is_lecturer(room.lecturer) and len(room.lecturer) > 20
    assert not any(room.is_lecturer(token) for token in (None, "", room.join(), room.lecturer[:-1], "é"))


def test_votes_of_many_threads_are_all_there(room: Room) -> None:
    students = [room.join() for _ in range(60)]
    until(room, Phase.BEFORE)
    state, together = room.state, threading.Barrier(60)

    def vote(number: int) -> bool:
        together.wait()
        return room.vote(students[number], state, Vote(("normal", "other", "covid19")[number % 3], 0.7))

    with ThreadPoolExecutor(60) as pool:
        assert all(pool.map(vote, range(60)))
    assert room.counts(0, Phase.BEFORE) == {"normal": 20, "other": 20, "covid19": 20}
    assert [room.voted(token, 0, Phase.BEFORE) for token in students[:3]] == [
        Vote(name, 0.7) for name in ("normal", "other", "covid19")
    ]


def test_what_browsers_get_is_made_once_and_only_kept_while_it_is_shown(room: Room) -> None:
    made: list[str] = []

    def make() -> str:
        made.append("")
        return f"content {len(made)}"

    until(room, Phase.BEFORE)
    assert {room.packed(0, "en", with_heatmap=False, make=make) for _ in range(5)} == {"content 1"}
    assert room.packed(0, "fr", with_heatmap=False, make=make) == "content 2"
    assert room.packed(0, "en", with_heatmap=True, make=make) == "content 3"
    until(room, Phase.LABEL)
    room.go_on(room.state.version)
    assert room.packed(0, "en", with_heatmap=False, make=make) == "content 4", "that of the picture before is gone"
    assert room.packed(1, "en", with_heatmap=False, make=make) == "content 5"


def test_the_class_is_compared_with_the_network(room: Room) -> None:
    one, two, three = (room.join() for _ in range(3))
    cast = {
        (0, Phase.BEFORE): {one: Vote("normal", 0.7), two: Vote("covid19", 0.5)},
        (0, Phase.AFTER): {one: Vote("covid19", 0.85), two: Vote("covid19", 0.95)},
        (1, Phase.BEFORE): {one: Vote("normal", 0.95), two: Vote("other", 0.5), three: Vote("normal", 0.5)},
        (1, Phase.AFTER): {one: Vote("covid19", 0.7), two: Vote("covid19", 0.7), three: Vote("normal", 0.5)},
    }
    while room.go_on(room.state.version):
        for token, vote in cast.get((room.state.index, room.state.phase), {}).items():
            assert room.vote(token, room.state, vote)
    found = results.summarise(room.pictures, room.ballots())
    assert [(one.right.right, one.right.of) for one in (found.before, found.after, found.network)] == [
        (3, 5),
        (3, 5),
        (1, 2),
    ]
    assert found.before.brier == pytest.approx((0.7**2 + 0.5**2 + 0.05**2 + 0.5**2 + 0.5**2) / 5)
    assert found.network.brier == pytest.approx((0.1**2 + 0.8**2) / 2)
    assert found.network.sure == pytest.approx(0.85)
    assert [str(share) for _, _, share in found.before.bands] == [
        "2 of 3 (67%)",
        "0 of 1 (0%)",
        "1 of 1 (100%)",
    ]
    pull = found.pull
    assert (pull.voted_twice, pull.differed, pull.followed, pull.misled, pull.helped) == (5, 4, 3, 1, 1)
    assert [(index, before.right, after.right) for index, before, after in found.pictures] == [(0, 1, 2), (1, 2, 1)]
    rows = list(csv.DictReader(io.StringIO(results.table(room.pictures, room.ballots()).decode())))
    assert len(rows) == 10 and set(rows[0]) == set(results.COLUMNS)
    assert rows[0]["name"] == "'=a.png", "a name must not become a formula"
    assert [rows[0][name] for name in ("picture", "label", "student", "vote", "class", "sure", "network")] == [
        "1", "covid19", "1", "before", "normal", "0.7", "covid19",
    ]  # fmt: skip


def test_a_lesson_without_votes_has_no_figures(room: Room) -> None:
    found = results.summarise(room.pictures, room.ballots())
    assert found.before.brier is None and found.network.right.of == 0 and found.pull.voted_twice == 0


def test_a_room_ends_after_an_hour_without_use_and_not_because_pages_look_at_it(room: Room, clock: Clock) -> None:
    store: Expiring[Room] = Expiring(rooms.new_code, 2, 1000, rooms.IDLE_SECONDS, evict=False, clock=clock)
    code = store.put(room, 10)
    clock.now = rooms.IDLE_SECONDS - 1
    assert store.get(code) is room
    clock.now += rooms.IDLE_SECONDS - 1
    assert store.get(code, use=False) is room
    clock.now += 2
    assert store.get(code, use=False) is None and not len(store)


def test_a_second_lecturer_has_another_room_until_there_is_no_place(room: Room, clock: Clock) -> None:
    store: Expiring[Room] = Expiring(rooms.new_code, 2, 1000, 60, evict=False, clock=clock)
    first, second = store.put(room, 400), store.put(Room(room.pictures), 400)
    assert first != second and store.get(first) is room and store.get(second) is not room
    with pytest.raises(Full):
        store.put(room, 10)
    store.drop(second)
    with pytest.raises(Full):
        store.put(room, 700)
    store.put(room, 600)


def test_the_longest_unused_makes_room_where_that_is_allowed(clock: Clock) -> None:
    keys = iter("abcdef")
    store: Expiring[int] = Expiring(lambda: next(keys), 2, 100, 60, evict=True, clock=clock)
    store.put(1, 10), store.put(2, 10)
    assert store.get("a") == 1
    store.put(3, 10)
    assert [store.get(key) for key in "abc"] == [1, None, 3]
    store.put(4, 95)
    assert [store.get(key) for key in "acd"] == [None, None, 4]
    with pytest.raises(Full):
        store.put(5, 101)


def test_what_nobody_asks_for_is_forgotten_too() -> None:
    gone = threading.Event()

    class Value:
        def __del__(self) -> None:
            gone.set()

    store: Expiring[Value] = Expiring(lambda: "key", 2, 100, -1, evict=False)
    store.put(Value(), 10)
    assert gone.wait(30)


def test_codes_are_easy_to_read_and_type() -> None:
    codes = {rooms.new_code() for _ in range(200)}
    assert len(codes) == 200 and all(len(code) == rooms.CODE_LENGTH for code in codes)
    assert not set("".join(codes)) & set("0O1I")
    assert rooms.typed(" ab c2\t3 ") == "ABC23" and rooms.typed(None) == ""


def test_the_link_leads_to_the_replica_with_the_room() -> None:
    url = "https://reader.example.org/classroom"
    assert link.to_room(url, "ABCDE", {}) == f"{url}?room=ABCDE"
    assert link.to_room(url, "ABCDE", {"reader": "f" * 64}) == f"{url}?room=ABCDE&reader={'f' * 64}"
    assert link.elsewhere("ABCDE", {}) is None
    assert link.elsewhere("ABCDE", {"reader": "f"}) == "?room=ABCDE&reader=other"
    assert link.is_local("http://localhost:8501/classroom") and not link.is_local(url)


def test_the_qr_code_is_a_picture_with_its_quiet_zone() -> None:
    data = link.qr_code("https://reader.example.org/classroom?room=ABCDE")
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width == height and width % 10 == 0 and (width // 10 - 2 * 4 - 17) % 4 == 0

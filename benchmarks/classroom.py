"""A class of sixty that votes in one room: how soon a vote is seen, how soon a phone follows, and whether any is lost.

The real server on the loopback address; the lecturer and the students speak Streamlit's own protocol, and their pages
ask by themselves as often as a browser's would. Usage: python -m benchmarks.classroom [--students 60]
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import re
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

import cv2
import numpy as np
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks import machine
from benchmarks.images import crops
from interface.classroom.rooms import Phase
from model.reading.card import chosen, read_card
from scripts import serving
from scripts.visitor import Visitor

# The first pictures are voted on at leisure, as a class does; the last one by all as fast as they can.
PICTURES, LEISURE, RUSH = 3, 15.0, 1.0
BEFORE, AFTER = Phase.BEFORE, Phase.AFTER
NEXT = {
    Phase.LOBBY: "Show the first picture",
    BEFORE: "Show the network's answer",
    AFTER: "Show the label",
    Phase.LABEL: "Next picture",
}
LIMIT = 1.0  # seconds
PATIENCE = 120.0
Place = tuple[int, Phase]


@dataclass
class Lesson:
    """What happened when, in seconds of `time.perf_counter()`; threads share it and only append.

    Attributes:
        steps: when the lecturer went on to a picture and phase.
        arrived: when a student's page showed it.
        sent: when a student sent a vote.
        counted: (when, how many votes) the projector showed.
        votes: what each student sent, by number in the table.
        errors: what went wrong.
        ended: set when the result is there.
    """

    steps: dict[Place, float] = field(default_factory=dict)
    arrived: dict[Place, list[float]] = field(default_factory=dict)
    sent: dict[Place, list[float]] = field(default_factory=dict)
    counted: dict[Place, list[tuple[float, int]]] = field(default_factory=dict)
    votes: dict[int, dict[Place, tuple[str, str]]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Phone(Visitor):
    """A page whose parts that run by themselves do so."""

    def __init__(self, server: serving.Server, query: str = "") -> None:
        """Args: server: that runs the app; query: of the address."""
        self._due: dict[str, float] = {}
        self.choices: list[WidgetState] = []
        super().__init__(server, PATIENCE, page="classroom", query=query)

    def follow(self, until: float) -> None:
        """Take what the server sends, and have the parts of the page run, until a time."""
        while (now := time.perf_counter()) < until:
            for name, seconds in list(self.timers.items()):
                if self._due.setdefault(name, now + seconds) <= now:
                    # With what was chosen, as a browser does: without it Streamlit takes the choice of a vote that
                    # still waits for its run as gone.
                    self.ask(*self.choices, fragment=name, timer=True)
                    self._due[name] = now + seconds
            wait = min([until, *(self._due[name] for name in self.timers)]) - time.perf_counter()
            message = self.next_within(max(wait, 0.001))
            if message is not None and self.take(message):
                self.drawn()

    def drawn(self) -> None:
        """Is called after each run of the script."""

    @property
    def text(self) -> str:
        """What stands on the page now."""
        parts = []
        for element in self.seen.elements.values():
            kind = element.WhichOneof("type")
            if kind in ("markdown", "heading", "html", "alert"):
                parts.append(getattr(element, kind).body)
        return " ".join(parts)


class Projector(Phone):
    """The lecturer's page; it notes when how many votes are to be seen."""

    def __init__(self, server: serving.Server) -> None:
        """Args: server: that runs the app."""
        self.lesson: Lesson | None = None
        self.place: Place = (0, Phase.LOBBY)
        super().__init__(server)

    def drawn(self) -> None:
        """Note how many votes are to be seen."""
        if self.lesson is not None and (found := re.findall(r"(\d+) of \d+ have voted", self.text)):
            self.lesson.counted.setdefault(self.place, []).append((time.perf_counter(), int(found[-1])))

    def go_on(self, lesson: Lesson, index: int, phase: Phase, label: str) -> None:
        """Press the button that leads to a picture and phase."""
        wait_for(self, lambda: any(is_button(element, label) for element in self.seen.elements.values()))
        self.place = (index, phase)
        lesson.steps[self.place] = time.perf_counter()
        self.ask(WidgetState(id=self.seen.button(label), trigger_value=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write `results/classroom.json`; exit code 1 where a vote was lost, mixed up or seen too late."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classroom", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=60)
    parser.add_argument("--name", default="classroom", help="of the file in benchmarks/results")
    options = parser.parse_args(arguments)
    before = machine.describe()
    with tempfile.TemporaryDirectory() as scratch, serving.serve(Path(scratch) / "log.txt") as server:
        lesson, rows = hold(server, options.students)
        resident = round(serving.resident_megabytes(server.pid), 1)
        traces = server.log.read_text(errors="replace").count("Traceback")
    wrong = mixed_up(lesson, rows)
    seen = {place: delays(lesson, place) for place in lesson.sent}
    leisure = [delay for (index, _), found in seen.items() if index < PICTURES - 1 for delay in found]
    rush = [delay for (index, _), found in seen.items() if index == PICTURES - 1 for delay in found]
    follow = [at - lesson.steps[place] for place, arrived in lesson.arrived.items() for at in arrived]
    expected = options.students * PICTURES * 2
    late = float(np.percentile(leisure, 95)) if leisure else float("inf")
    errors = len(lesson.errors) + traces
    machine.write(
        options.name,
        {
            "what": f"{options.students} students and a lecturer in one room, {PICTURES} radiographs, two votes on "
            f"each; on the first {PICTURES - 1} the votes come over {LEISURE:g} s, on the last within {RUSH:g} s; "
            "clients and server share the machine",
            "how": "a vote is seen when the projector's page has got a count that holds all votes sent until then",
            "machine": before,
            "load_after": round(os.getloadavg()[0], 2),
            "bundle": read_card(chosen()).title,
            "students": options.students,
            "votes": sum(map(len, lesson.sent.values())),
            "seconds_until_a_vote_is_seen": {"over_some_seconds": spread(leisure), "all_at_once": spread(rush)},
            "seconds_until_a_phone_shows_the_next_step": spread(follow),
            "resident_mb_of_the_server": resident,
            "errors": dict(Counter(lesson.errors)),
            "targets": {
                "seconds until a vote is seen, 95 % of those over some seconds": {
                    "limit": f"at most {LIMIT:g}", "found": round(late, 3), "met": late <= LIMIT,
                },
                "votes that are missing from the table, or not as they were sent": {
                    "limit": "none", "found": wrong + expected - len(rows), "met": not wrong and len(rows) == expected,
                },
                "errors": {"limit": "none", "found": errors, "met": not errors},
            },
        },
    )  # fmt: skip
    return 1 if wrong or len(rows) != expected or errors or late > LIMIT else 0


def hold(server: serving.Server, students: int) -> tuple[Lesson, list[dict[str, str]]]:
    """A whole lesson.

    Args:
        server: that runs the app.
        students: how many.

    Returns:
        What happened, and the rows of the lecturer's table.
    """
    lesson = Lesson()
    with closing(Projector(server)) as lecturer, ThreadPoolExecutor(students) as pool:
        lecturer.run(lecturer.upload([("class.zip", pictures())]))
        lecturer.press("Open a room with these files")
        code = parse_qs(lecturer.query)["room"][0]
        running = [pool.submit(attend, server, code, number, lesson) for number in range(students)]
        wait_for(lecturer, lambda: f"{students} students are here" in lecturer.text or bool(lesson.errors))
        lecturer.lesson = lesson
        phase = Phase.LOBBY
        for index in range(PICTURES):
            for following in (BEFORE, AFTER, Phase.LABEL):
                lecturer.go_on(lesson, index, following, NEXT[phase])
                phase = following
                if phase is not Phase.LABEL:
                    wait_for(lecturer, lambda: voted(lesson, lecturer.place) >= students or bool(lesson.errors))
        lecturer.go_on(lesson, PICTURES - 1, Phase.END, "Show the result")
        wait_for(lecturer, lambda: "Picture by picture" in lecturer.text)
        rows = list(csv.DictReader(io.StringIO(lecturer.get("Votes (CSV)").decode())))
        for one in running:
            one.result()
    return lesson, rows


def pictures() -> bytes:
    """A ZIP of radiographs, sorted into folders with the class' name."""
    classes = read_card(chosen()).classes
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, pixels in enumerate(crops(PICTURES, seed=18, side=1024)):
            archive.writestr(
                f"{classes[number % len(classes)]}/{number}.png", cv2.imencode(".png", pixels)[1].tobytes()
            )
    return packed.getvalue()


def wait_for(page: Phone, condition: Callable[[], bool]) -> None:
    """Follow until something is so.

    Raises:
        TimeoutError: it does not become so.
    """
    end = time.perf_counter() + PATIENCE
    # Not in the middle of a run of the whole script, where a part of the page is missing.
    while page.running or not condition():
        if time.perf_counter() > end:
            raise TimeoutError(f"the page says: {page.text[-500:]}")
        page.follow(time.perf_counter() + 0.05)


def voted(lesson: Lesson, place: Place) -> int:
    """The largest count that the projector showed."""
    return max((count for _, count in lesson.counted.get(place, [])), default=0)


def attend(server: serving.Server, code: str, seed: int, lesson: Lesson) -> None:
    """A student: comes, votes on everything, and looks up the own number at the end."""
    rng = random.Random(seed)
    try:
        with closing(Phone(server, f"room={code}")) as phone:
            mine: dict[Place, tuple[str, str]] = {}
            for index in range(PICTURES):
                for phase in (BEFORE, AFTER):
                    place = (index, phase)
                    wait_for(phone, partial(shows, phone, index, phase))
                    with lesson.lock:
                        lesson.arrived.setdefault(place, []).append(time.perf_counter())
                    leisure = LEISURE if index < PICTURES - 1 else RUSH
                    phone.follow(time.perf_counter() + rng.uniform(0, leisure))
                    wait_for(phone, partial(shows, phone, index, phase))
                    mine[place] = vote(phone, rng, lesson, place)
            wait_for(phone, lambda: "You are number" in phone.text)
            number = re.search(r"You are number (\d+)", phone.text)
            assert number is not None
            with lesson.lock:
                lesson.votes[int(number[1])] = mine
    except Exception as error:
        lesson.errors.append(f"{type(error).__name__}: {error}"[:200])


def is_button(element: Element, label: str) -> bool:
    """Whether it is the button with this label."""
    return element.WhichOneof("type") == "button" and element.button.label == label


def shows(phone: Phone, index: int, phase: Phase) -> bool:
    """Whether a page asks for the vote on a picture in a phase."""
    text = phone.text
    can_vote = any(is_button(element, "Send") for element in phone.seen.elements.values())
    return can_vote and f"Picture {index + 1} of {PICTURES}" in text and ("Vote once more" in text) == (phase is AFTER)


def vote(phone: Phone, rng: random.Random, lesson: Lesson, place: Place) -> tuple[str, str]:
    """Choose by chance and send; returns the class as the page calls it and how sure."""
    states: list[WidgetState] = []
    name = sure = button = fragment = ""
    for path, element in phone.seen.elements.items():
        kind = element.WhichOneof("type")
        if kind == "radio" and element.radio.label == "What do you see?":
            name = rng.choice(list(element.radio.options))
            states.append(WidgetState(id=element.radio.id, string_value=name))
        elif kind == "button_group" and element.button_group.label == "How sure are you?":
            sure = rng.choice([option.content for option in element.button_group.options])
            state = WidgetState(id=element.button_group.id)
            state.string_array_value.data.append(sure)
            states.append(state)
        elif kind == "button" and element.button.label == "Send":
            button, fragment = element.button.id, phone.seen.fragments[path]
    with lesson.lock:
        lesson.sent.setdefault(place, []).append(time.perf_counter())
    phone.choices = states
    phone.ask(*states, WidgetState(id=button, trigger_value=True), fragment=fragment)
    return name, sure


def delays(lesson: Lesson, place: Place) -> list[float]:
    """For each vote the seconds until a count was to be seen that holds all votes sent until then."""
    counted = lesson.counted.get(place, [])
    found = []
    for rank, sent in enumerate(sorted(lesson.sent[place]), 1):
        seen = next((at for at, count in counted if count >= rank), float("inf"))
        found.append(max(seen - sent, 0.0))
    return found


def mixed_up(lesson: Lesson, rows: list[dict[str, str]]) -> int:
    """How many rows of the table are not what the student with that number sent."""
    from interface.core.labels import class_name, percent

    wrong = 0
    for row in rows:
        place = (int(row["picture"]) - 1, BEFORE if row["vote"] == "before" else AFTER)
        name, sure = lesson.votes.get(int(row["student"]), {}).get(place, ("", ""))
        wrong += name != class_name(row["class"]) or not sure.startswith(percent(float(row["sure"])))
    return wrong


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and the slowest."""
    return (
        {f"p{percent}": round(float(np.percentile(seconds, percent)), 3) for percent in (50, 95, 100)}
        if seconds
        else {}
    )


if __name__ == "__main__":
    raise SystemExit(main())

"""Rooms of a class that votes on radiographs: who has voted for what, and what is shown; in memory alone, no names.

A room knows its students by random tokens and by the order in which they came. It is safe to use from several threads.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from interface.core.expiring import Expiring, Full
from interface.quiz.rounds import Question

# Without letters and digits that look alike on a projector.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 5
MOST_ROOMS, MOST_BYTES, MOST_STUDENTS, MOST_PICTURES = 20, 48_000_000, 250, 20
IDLE_SECONDS = 3600
# A student whose page did not ask for so long is not waited for: the phone is locked, or the connection lost.
ABSENT_SECONDS = 12


class Phase(IntEnum):
    """What is shown: for each picture BEFORE, AFTER and LABEL, one after the other."""

    LOBBY = 0
    BEFORE = 1  # the picture alone: first vote
    AFTER = 2  # with the network's answer and heatmap: second vote
    LABEL = 3
    END = 4


VOTING = (Phase.BEFORE, Phase.AFTER)


@dataclass(frozen=True)
class State:
    """What a room shows at one moment.

    Attributes:
        version: grows with every step of the lecturer.
        phase: what is shown.
        index: of the picture, from 0.
    """

    version: int
    phase: Phase
    index: int


@dataclass(frozen=True)
class Vote:
    """A class, and how sure from 0 to 1."""

    name: str
    sure: float


@dataclass(frozen=True)
class Ballot:
    """A vote with its place in the lesson.

    Attributes:
        index: of the picture, from 0.
        phase: BEFORE or AFTER the network's answer was shown.
        student: number, from 1, in the order in which they came.
        vote: the class and how sure.
    """

    index: int
    phase: Phase
    student: int
    vote: Vote


@dataclass
class _Student:
    number: int
    seen: float


class Room:
    """One lesson.

    Args:
        pictures: one or more, in the order in which they are shown.
        clock: seconds that only grow.

    Attributes:
        pictures: as given.
        lecturer: the token that may go on to the next step; secret.
    """

    def __init__(self, pictures: Sequence[Question], clock: Callable[[], float] = time.monotonic) -> None:
        self.pictures = tuple(pictures)
        self.lecturer = secrets.token_urlsafe(16)
        self._clock = clock
        self._lock = threading.RLock()
        self._state = State(0, Phase.LOBBY, 0)
        self._students: dict[str, _Student] = {}
        self._votes: dict[tuple[int, Phase], dict[str, Vote]] = {}
        self._packed: dict[tuple[int, bool, str], str] = {}

    @property
    def state(self) -> State:
        """What is shown now."""
        return self._state

    @property
    def picture(self) -> Question:
        """The picture that is shown now."""
        return self.pictures[self._state.index]

    def is_lecturer(self, token: str | None) -> bool:
        """Whether a token is the lecturer's."""
        return token is not None and secrets.compare_digest(token.encode(), self.lecturer.encode())

    def join(self, token: str | None = None) -> str:
        """Come in, or come back with the token of before.

        Args:
            token: of a student who was here; another one is not accepted and gives a new student.

        Returns:
            The student's token.

        Raises:
            Full: there are `MOST_STUDENTS`.
        """
        with self._lock:
            if token in self._students:
                self._students[token].seen = self._clock()
                return token
            if len(self._students) >= MOST_STUDENTS:
                raise Full
            new = secrets.token_urlsafe(9)
            self._students[new] = _Student(len(self._students) + 1, self._clock())
            return new

    def number(self, token: str) -> int:
        """A student's number in the table, from 1."""
        return self._students[token].number

    def present(self) -> int:
        """How many students have the room open now."""
        with self._lock:
            return sum(self._clock() - student.seen <= ABSENT_SECONDS for student in self._students.values())

    def expected(self) -> int:
        """How many votes there can be on the picture that is shown: of those who are here or have voted."""
        with self._lock:
            voted = self._votes.get((self._state.index, self._state.phase), {})
            now = self._clock()
            return sum(token in voted or now - who.seen <= ABSENT_SECONDS for token, who in self._students.items())

    def vote(self, token: str, state: State, vote: Vote) -> bool:
        """Vote, or vote otherwise than before.

        Args:
            token: the student's.
            state: what the student saw.
            vote: the class and how sure.

        Returns:
            False where the room had gone on meanwhile, and for a stranger: the vote does not count then.
        """
        with self._lock:
            if state.version != self._state.version or state.phase not in VOTING or token not in self._students:
                return False
            self._votes.setdefault((state.index, state.phase), {})[token] = vote
            self._students[token].seen = self._clock()
            return True

    def voted(self, token: str, index: int, phase: Phase) -> Vote | None:
        """What a student voted; None where there is no vote."""
        return self._votes.get((index, phase), {}).get(token)

    def counts(self, index: int, phase: Phase) -> dict[str, int]:
        """How many voted for each class that was voted for."""
        with self._lock:
            result: dict[str, int] = {}
            for vote in self._votes.get((index, phase), {}).values():
                result[vote.name] = result.get(vote.name, 0) + 1
            return result

    def go_on(self, version: int) -> bool:
        """Show what comes next.

        Args:
            version: of the state that the lecturer saw: a button that is pressed twice, or in two windows, goes on
                once.

        Returns:
            Whether it went on.
        """
        with self._lock:
            state = self._state
            if version != state.version or state.phase is Phase.END:
                return False
            last = state.index == len(self.pictures) - 1
            if state.phase is not Phase.LABEL:
                phase, index = Phase(state.phase + 1), state.index
            elif last:
                phase, index = Phase.END, state.index
            else:
                phase, index = Phase.BEFORE, state.index + 1
            self._state = State(state.version + 1, phase, index)
            self._packed = {key: packed for key, packed in self._packed.items() if key[0] == index}
            return True

    def end(self) -> None:
        """Go to the result at once; pictures that were not shown have no votes."""
        with self._lock:
            self._state = State(self._state.version + 1, Phase.END, self._state.index)
            self._packed.clear()

    def ballots(self) -> list[Ballot]:
        """All votes, by picture, phase and student."""
        with self._lock:
            result = [
                Ballot(index, phase, self._students[token].number, vote)
                for (index, phase), votes in self._votes.items()
                for token, vote in votes.items()
            ]
        return sorted(result, key=lambda ballot: (ballot.index, ballot.phase, ballot.student))

    def packed(self, index: int, language: str, *, with_heatmap: bool, make: Callable[[], str]) -> str:
        """What the browsers get of a picture, made once for all of them while it is shown.

        Args:
            index: of the picture.
            language: that its words are in.
            with_heatmap: whether the heatmap lies over it.
            make: makes it.
        """
        key = (index, with_heatmap, language)
        with self._lock:
            if key in self._packed:
                return self._packed[key]
            made = make()
            if index == self._state.index:
                self._packed[key] = made
            return made


def new_code() -> str:
    """A short code to type from a projector; 33 million of them, for at most `MOST_ROOMS` rooms."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def typed(code: str | None) -> str:
    """A code as `new_code` writes it, from what a person typed: "abc 23" is ABC23."""
    return "".join((code or "").split()).upper()


# One a server, as the modules of a Streamlit app are.
ROOMS: Expiring[Room] = Expiring(new_code, MOST_ROOMS, MOST_BYTES, IDLE_SECONDS, evict=False)

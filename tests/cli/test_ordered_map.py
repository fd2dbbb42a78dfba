"""Several files at a time: the order stays, memory does not grow, and what goes wrong comes at its place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.cli.ordered_map import AHEAD, in_order
from model.errors import RemoteError
from model.files.places import Listed, Place
from model.files.zip import Load


def files(count: int, taken: list[int] | None = None) -> Iterator[tuple[Place, Load]]:
    for number in range(count):
        if taken is not None:
            taken.append(number)
        yield Path(str(number)), lambda number=number: bytes([number])  # type: ignore[misc]


def test_two_are_worked_on_at_once_and_come_in_their_order() -> None:
    # Each waits for the other: were there only one worker, it would wait for ever.
    both = threading.Barrier(2, timeout=30)

    def work(path: Listed, load: Load) -> tuple[Listed, int]:
        both.wait()
        return path, load()[0]

    found = list(in_order(files(40), work, 2))
    assert found == [(Path(str(number)), number) for number in range(40)]


def test_a_file_that_takes_long_holds_up_none_of_those_behind_it() -> None:
    others = threading.Semaphore(0)

    def work(path: Listed, load: Load) -> int:
        if (number := load()[0]) == 0:
            # All that are taken with it are read meanwhile, by the other worker.
            for _ in range(AHEAD * 2):
                assert others.acquire(timeout=30)
        else:
            others.release()
        return number

    assert list(in_order(files(30), work, 2)) == list(range(30))


def test_files_are_taken_no_sooner_than_they_can_be_worked_on() -> None:
    taken: list[int] = []
    for done, number in enumerate(in_order(files(50, taken), lambda _, load: load()[0], 2)):
        assert number == done and len(taken) <= done + 1 + AHEAD * 2


def test_a_list_that_breaks_off_costs_nothing_of_what_came_before() -> None:
    def broken() -> Iterator[tuple[Place, Load]]:
        yield from files(5)
        raise RemoteError("gone")

    given = in_order(broken(), lambda _, load: load()[0], 2)
    assert [next(given) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(RemoteError, match="gone"):
        next(given)


def test_a_file_that_can_not_be_had_ends_it_at_its_place() -> None:
    def work(path: Listed, load: Load) -> int:
        if (number := load()[0]) == 3:
            raise RemoteError("no answer")
        return number

    given = in_order(files(9), work, 2)
    assert [next(given) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RemoteError, match="no answer"):
        next(given)


def test_who_leaves_early_waits_for_none_that_was_not_begun() -> None:
    begun: list[int] = []

    def work(path: Listed, load: Load) -> int:
        begun.append(load()[0])
        return begun[-1]

    for number in in_order(files(1000), work, 2):
        if number == 4:
            break
    assert len(begun) <= 4 + 1 + AHEAD * 2

"""The engines side by side: all processes live, asked in turn in random order, so that none has the quiet minute."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from studies.engines import judging, ways
from studies.engines.process import EngineError, Process

Row = dict[str, Any]
Places = tuple[Path, Path]


def sit(rows: dict[str, Row], places: Places, facts: Row, starts: int, rounds: int) -> dict[str, list[float]]:
    """Start every engine several times and time it; what fails gets a "problem" and is left out from then on.

    Args:
        rows: by name; those without a "problem" are measured, and get what was found.
        places: folder of files, and bundle.
        facts: what prepare.py wrote.
        starts: of each process.
        rounds: after each start.

    Returns:
        By name, the median seconds of each round.
    """
    order = random.Random(0)
    found = {name: _Found() for name in rows}
    for sitting in range(starts):
        with ExitStack() as stack:
            live = _start(rows, places, order, stack, found)
            for _ in range(rounds):
                _round(rows, live, order, found)
            for name in _left(rows):
                memory = _ask(rows[name], live[name], "memory").get("megabytes", 0)
                rows[name]["peak_mb"] = round(max(memory, rows[name].get("peak_mb", 0)), 1)
            for name in _shuffled(rows, order) * 2:
                if seconds := _ask(rows[name], live[name], "batch").get("seconds"):
                    found[name].batches.append(seconds)
            for name in _left(rows) if sitting == 0 else ():
                if file := _ask(rows[name], live[name], "accuracy").get("file"):
                    rows[name] |= judging.judge(ways.named(name), places[0] / file, places[0], facts)
        print(f"{sitting + 1} of {starts} sittings", flush=True)
    for name in _left(rows):
        rows[name] |= found[name].summary()
    return {name: found[name].medians for name in _left(rows)}


@dataclass
class _Found:
    """Seconds of one way: to each first result, the median of each round, and a picture of each batch."""

    firsts: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)

    def summary(self) -> Row:
        """As a row has them."""
        batch = {"batch_a_second": round(1 / float(np.median(self.batches)), 1)} if self.batches else {}
        first = round(float(np.median(self.firsts)), 2)
        return {"first_result_s": first, "ms": machine.spread(self.medians), **batch}


def _start(
    rows: dict[str, Row], places: Places, order: random.Random, stack: ExitStack, found: dict[str, _Found]
) -> dict[str, Process]:
    live: dict[str, Process] = {}
    for name in _shuffled(rows, order):
        try:
            live[name] = stack.enter_context(Process(ways.named(name), *places))
            found[name].firsts.append(live[name].first)
        except EngineError as error:
            rows[name]["problem"] = str(error)
    return live


def _round(rows: dict[str, Row], live: dict[str, Process], order: random.Random, found: dict[str, _Found]) -> None:
    for name in _shuffled(rows, order):
        if seconds := _ask(rows[name], live[name], "one").get("seconds"):
            found[name].medians.append(float(np.median(seconds)))


def _shuffled(rows: dict[str, Row], order: random.Random) -> list[str]:
    return order.sample(_left(rows), len(_left(rows)))


def _left(rows: dict[str, Row]) -> list[str]:
    return [name for name, row in rows.items() if "problem" not in row]


def _ask(row: Row, process: Process, word: str) -> Row:
    """The answer; empty, with a "problem" in the row, where there is none."""
    if "problem" in row:
        return {}
    try:
        return process.ask(word)
    except EngineError as error:
        row["problem"] = f"{word}: {error}"
        return {}

"""A class of thirty at once: errors, mixed-up results, waiting times, and whether the server's memory stays flat.

The real server on the loopback address, and visitors that speak Streamlit's own protocol. `--readings 5000` lets a few
of them go on for so many readings afterwards. Usage: python -m benchmarks.crowd [--readings 5000]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.images import SIDE, crops
from model.reading.card import MODEL_FILE, chosen, read_card
from scripts import serving
from scripts.visitor import Visitor

FLAT_MB, MOST_MB = 30, 400
P95_SECONDS = 2.0
# How many are there at a time after the classes, how many pictures each brings before the next visitor comes, and how
# many readings lie between two looks at the memory.
STEADY, BRINGS, EVERY = 4, 25, 50


@dataclass
class Tally:
    """What the visitors met; threads share it, and each of them only appends."""

    seconds: list[float] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write `results/crowd.json`; exit code 1 where a reading failed or was mixed up."""
    options = _options(arguments)
    before = machine.describe()
    with tempfile.TemporaryDirectory() as scratch:
        watch = serving.watch(Path(scratch) / "watch")
        os.environ.update(watch.environment)
        with serving.serve(Path(scratch) / "log.txt") as server:
            classes, tally = [], Tally()
            for number in range(options.classes):
                if number:
                    time.sleep(options.pause)
                classes.append(
                    hold_class(server, options.sessions, options.pictures, tally, lambda: resident(server.pid))
                )
            steady = _steady(server, options.readings, tally) if options.readings else None
        # Its sum is checked and it is loaded with one opening.
        loads = watch.read(MODEL_FILE)
        traces = server.log.read_text(errors="replace").count("Traceback")
    content = {
        "what": f"{options.sessions} sessions at once, each uploads and reads {options.pictures} different radiographs "
        f"(PNG, {SIDE} pixels a side) one after the other as fast as it can; then they leave and the next class comes",
        "machine": before,
        "bundle": read_card(chosen()).title,
        "sessions": options.sessions,
        "pictures": options.pictures,
        "classes": classes,
        "seconds_between_classes": options.pause,
        "steady": steady,
        "readings": len(tally.seconds),
        "readings_that_waited": len(tally.waited),
        "errors": dict(Counter(tally.errors)),
        "targets": _targets(tally, traces, classes, steady, loads),
    }
    machine.write(options.name, content)
    return 1 if tally.errors or tally.mixed or traces else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--pictures", type=int, default=10, help="that each session reads")
    parser.add_argument("--classes", type=int, default=4, help="one after the other")
    parser.add_argument("--pause", type=float, default=65, help="seconds between two classes: a session lives 60 more")
    parser.add_argument("--readings", type=int, default=0, help="further ones, by a few sessions, to watch the memory")
    parser.add_argument("--name", default="crowd", help="of the file in benchmarks/results")
    return parser.parse_args(arguments)


def hold_class(
    server: serving.Server, sessions: int, count: int, tally: Tally, measure: Callable[[], float]
) -> dict[str, Any]:
    """All sessions open the page, read a picture each, another each, and so on, and leave.

    Args:
        server: where they go.
        sessions: how many there are.
        count: pictures that each reads.
        tally: what came of it is added to it.
        measure: resident memory of what reads, in MB.

    Returns:
        Memory before and after each picture, and how long all and each took.
    """
    start, done = time.perf_counter(), len(tally.seconds)
    memory: list[float] = []
    # Everybody has read a picture before anybody begins the next: memory is looked at while nothing runs.
    together = threading.Barrier(sessions, lambda: memory.append(measure()))

    def visit(number: int) -> None:
        try:
            with Visitor(server) as visitor:
                together.wait()
                for index, pixels in enumerate(crops(count, seed=1000 * number)):
                    _read(visitor, f"s{number}p{index}", pixels, tally)
                    together.wait()
        except Exception as error:
            tally.errors.append(f"{type(error).__name__} ended a session")
            together.abort()

    with ThreadPoolExecutor(sessions) as pool:
        list(pool.map(visit, range(sessions)))
    return {
        "resident_mb_before_and_after_each_picture": memory,
        "seconds": round(time.perf_counter() - start, 1),
        "reading_seconds": _spread(tally.seconds[done:]),
    }


def _steady(server: serving.Server, readings: int, tally: Tally) -> dict[str, Any]:
    """Visitors come, read, leave, and the next one comes; a few are there at a time."""
    start, done = time.perf_counter(), len(tally.seconds)
    memory: list[float] = []

    def visit(number: int) -> None:
        try:
            with Visitor(server) as visitor:
                for index, pixels in enumerate(crops(BRINGS, seed=1_000_000 + number)):
                    _read(visitor, f"s{number}p{index}", pixels, tally)
                    if len(tally.seconds) // EVERY > len(memory) + done // EVERY:
                        memory.append(resident(server.pid))
        except Exception as error:
            tally.errors.append(f"{type(error).__name__} ended a session")

    with ThreadPoolExecutor(STEADY) as pool:
        list(pool.map(visit, range(-(-readings // BRINGS))))
    # In the first fifth the sessions that a minute holds come together.
    tenths = np.array_split(np.asarray(memory[len(memory) // 5 :]), 8)
    return {
        "readings": len(tally.seconds) - done,
        "sessions_at_a_time": STEADY,
        "pictures_of_each": BRINGS,
        "seconds": round(time.perf_counter() - start, 1),
        "reading_seconds": _spread(tally.seconds[done:]),
        "resident_mb": memory,
        "medians_of_each_tenth_after_the_second": [round(float(np.median(part)), 1) for part in tenths if len(part)],
    }


def _read(visitor: Visitor, name: str, pixels: NDArray[np.uint8], tally: Tally) -> None:
    """One reading, and whether the page shows that of this visitor's radiograph."""
    data = cv2.imencode(".png", pixels)[1].tobytes()
    start = time.perf_counter()
    seen = visitor.read((f"{name}.png", data))
    tally.seconds.append(time.perf_counter() - start)
    shown = " ".join(seen.texts)
    if "Waiting: " in shown:
        tally.waited.append(name)
    try:
        sha256 = visitor.reading()["sha256"]
    except (KeyError, OSError) as error:
        tally.errors.append(f"{type(error).__name__}: no reading on the page")
        return
    session = name.split("p")[0]
    others = [other for other in re.findall(r"\b(s\d+)p\d+", shown) if other != session]
    if sha256 != hashlib.sha256(data).hexdigest() or name not in shown or others:
        tally.mixed.append(name)


def _targets(
    tally: Tally, traces: int, classes: list[dict[str, Any]], steady: dict[str, Any] | None, loads: int
) -> dict[str, Any]:
    peaks = [max(row["resident_mb_before_and_after_each_picture"]) for row in classes]
    highest = max(*peaks, *(steady["resident_mb"] if steady else ()), 0.0)
    slowest = max(row["reading_seconds"].get("p95", 0.0) for row in classes)
    targets = {
        "errors": ("none", len(tally.errors) + traces, not tally.errors and not traces),
        "readings that came back in another session or for another picture": (
            "none", len(tally.mixed), not tally.mixed,
        ),
        "highest resident MB of the server": (f"under {MOST_MB}", highest, highest < MOST_MB),
        "seconds of a reading while all sessions read, p95 of the slowest class": (
            f"under {P95_SECONDS:g}", slowest, slowest < P95_SECONDS,
        ),
        "times that the network was loaded": ("once", loads, loads == 1),
    }  # fmt: skip
    if len(peaks) > 2:
        growth = round(max(peaks[2:]) - peaks[1], 1)
        targets["MB by which the memory's peak grew after the second class"] = (
            f"at most {FLAT_MB}", growth, growth <= FLAT_MB,
        )  # fmt: skip
    if steady:
        medians = steady["medians_of_each_tenth_after_the_second"]
        drift = round(medians[-1] - medians[0], 1)
        targets[f"MB by which the memory grew over {steady['readings']} readings"] = (
            f"at most {FLAT_MB}", drift, drift <= FLAT_MB,
        )  # fmt: skip
    return {name: {"limit": limit, "found": value, "met": met} for name, (limit, value, met) in targets.items()}


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {f"p{percent}": round(float(np.percentile(seconds, percent)), 3) for percent in (50, 95, 100)}


def resident(pid: int) -> float:
    """Resident memory of a server in MB."""
    return round(serving.resident_megabytes(pid), 1)


if __name__ == "__main__":
    raise SystemExit(main())

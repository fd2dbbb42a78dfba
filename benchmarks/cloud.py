"""Whether ten people can read at once on the smallest machine of Streamlit Community Cloud, which has 690 MB.

The real server in a control group with that limit and no swap, or, where none can be made, under a watch on its
resident memory; the result says which. Usage: python -m benchmarks.cloud [--python .venv/bin/python]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread

from benchmarks import images, machine
from benchmarks.memory_limit import limited
from model.reading.card import chosen, read_card
from scripts import serving
from scripts.visitor import Visitor

LIMIT_MB, SESSIONS, READINGS, PATIENCE = 690, 10, 5, 120


@dataclass
class Tally:
    """What the visitors met; threads share it and only append."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write `results/cloud.json`; exit code 1 where the server was killed or a reading failed."""
    options = _options(arguments)
    before = machine.describe()
    with tempfile.TemporaryDirectory() as scratch, limited(options.limit) as limit:
        with serving.serve(
            Path(scratch) / "log.txt", patience=PATIENCE, python=options.python, inside=limit.inside
        ) as server:
            at_start = _memory(server, "VmRSS")
            tally = _visit(server, options.sessions, options.readings)
            survived = serving.answers(server.url, 10)
            resident = {name: _memory(server, key) for name, key in (("at_end", "VmRSS"), ("peak", "VmHWM"))}
        counted = limit.found()
        traces = (Path(scratch) / "log.txt").read_text(errors="replace").count("Traceback")
    kills = counted.get("kills", 0) + (not survived)
    machine.write(
        options.name,
        {
            "what": f"{options.sessions} sessions at once on one server, each uploads and reads {options.readings} "
            "different raw DICOM radiographs of 7 MB one after the other as fast as it can",
            "machine": before,
            "bundle": read_card(chosen()).title,
            "limit": limit.how,
            "resident_mb": {"at_start": at_start, **resident},
            "control_group": counted,
            "readings": len(tally.seconds),
            "reading_ms": machine.spread(tally.seconds) if tally.seconds else None,
            "errors": dict(Counter(tally.errors)),
            "targets": {
                "servers that were killed or gave up": _target(0, kills),
                "readings that failed, or were of another picture": _target(0, len(tally.errors)),
                "failures in the server's log": _target(0, traces),
                "highest resident memory of the server, MB": _target(options.limit, resident["peak"]),
            },
        },
    )
    return int(bool(kills or tally.errors or traces))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cloud", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="of the environment that runs the server")
    parser.add_argument("--limit", type=int, default=LIMIT_MB, help=f"MB of 1,000,000 bytes (default: {LIMIT_MB})")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help=f"default: {SESSIONS}")
    parser.add_argument("--readings", type=int, default=READINGS, help=f"of each session (default: {READINGS})")
    parser.add_argument("--name", default="cloud", help="of the file in benchmarks/results")
    return parser.parse_args(arguments)


def _target(limit: float, found: float) -> dict[str, Any]:
    return {"limit": f"at most {limit}", "found": found, "met": found <= limit}


def _memory(server: serving.Server, key: str) -> float:
    """A line of /proc/PID/status in MB; elsewhere, and of a process that is gone, what `ps` says or nothing."""
    status = Path(f"/proc/{server.pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{key}:")), None)
    if found is None:
        found = 0.0 if Path("/proc").exists() else serving.resident_megabytes(server.pid)
    return round(found, 1)


def _radiographs(count: int, seed: int) -> Iterator[bytes]:
    """DICOM files of different parts of the sample, too large for the input check to take them for anything else."""
    rng = np.random.default_rng(seed)
    dataset = dcmread(io.BytesIO(images.sample()))
    whole = dataset.pixel_array
    for _ in range(count):
        dataset.Rows, dataset.Columns = (int(side * rng.uniform(0.92, 1)) for side in whole.shape)
        dataset.PixelData = whole[-dataset.Rows :, : dataset.Columns].tobytes()
        file = io.BytesIO()
        dataset.save_as(file)
        yield file.getvalue()


def _visit(server: serving.Server, sessions: int, readings: int) -> Tally:
    """All sessions open the page, wait for one another, and then each reads on as fast as it can."""
    tally, together = Tally(), threading.Barrier(sessions)

    def one(number: int) -> None:
        try:
            with Visitor(server, patience=PATIENCE) as visitor:
                together.wait(PATIENCE)
                for index, data in enumerate(_radiographs(readings, seed=number)):
                    start = time.perf_counter()
                    visitor.read((f"s{number}p{index}", data))
                    tally.seconds.append(time.perf_counter() - start)
                    if visitor.reading()["sha256"] != hashlib.sha256(data).hexdigest():
                        tally.errors.append("a reading of another picture")
        except Exception as error:
            tally.errors.append(f"{type(error).__name__} ended a session")

    with ThreadPoolExecutor(sessions) as pool:
        list(pool.map(one, range(sessions)))
    return tally


if __name__ == "__main__":
    sys.exit(main())

"""Whether ten people can read at once on the smallest machine of Streamlit Community Cloud, which has 690 MB.

The real server in a control group with that limit and no swap, or, where none can be made, under a watch on its
resident memory; the result says which. Usage: python -m benchmarks.cloud [--python .venv/bin/python] [--large]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydicom import dcmread

from benchmarks import images, machine
from benchmarks.crowd import Tally
from model.reading.card import chosen, read_card
from scripts import serving
from scripts.visitor import Visitor

LIMIT_MB, SESSIONS, READINGS, PATIENCE = 690, 10, 5, 120
# (height, width) of what modern detectors give: 30 MB of 16 bits, the most that the first page is meant to take.
LARGE = 4280, 3520
# Runs before the program, in its process: what it allocates before it enters the group would not count.
_ENTER = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"


@dataclass
class Limit:
    """How a program's memory is bounded.

    Attributes:
        how: in words.
        group: folder of the control group; None where its resident memory is only watched.
        names: of the group's files, for version 1 or 2: highest use, and the one with the number of kills.
    """

    how: str
    group: Path | None = None
    names: tuple[str, str] = ("", "")

    def inside(self, program: list[str]) -> list[str]:
        """The command that runs a program under the limit; its first word is the path of a Python."""
        if self.group is None:
            return program
        return [sys.executable, "-c", _ENTER, str(self.group / "cgroup.procs"), *program]

    def counted(self) -> dict[str, Any]:
        """What the group counted, page cache included, which is dropped before anything is killed."""
        if self.group is None:
            return {}
        peak = int((self.group / self.names[0]).read_text()) / 1e6
        lines = (self.group / self.names[1]).read_text().splitlines()
        kills = next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
        return {"peak_mb_with_page_cache": round(peak, 1), "kills": kills}


@contextmanager
def limited(megabytes: int) -> Iterator[Limit]:
    """Make a control group with a limit, or say that there is none; it is removed at the end, when it is empty.

    Args:
        megabytes: of 1,000,000 bytes.
    """
    top = Path("/sys/fs/cgroup")
    for parent, settings, names, version in (
        (top / "memory", {"memory.limit_in_bytes": megabytes, "memory.swappiness": 0},
         ("memory.max_usage_in_bytes", "memory.oom_control"), 1),
        (top, {"memory.max": megabytes, "memory.swap.max": 0}, ("memory.peak", "memory.events"), 2),
    ):  # fmt: skip
        group = parent / f"cxr-cloud-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            for name, value in settings.items():
                (group / name).write_text(str(value * 1_000_000))
        except OSError:
            group.rmdir()
            continue
        try:
            yield Limit(f"control group (version {version}) with {megabytes} MB and no swap", group, names)
        finally:
            # The last process needs a moment to be gone.
            for _ in range(50):
                try:
                    group.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)
        return
    yield Limit(f"none could be set: the highest resident memory is compared with {megabytes} MB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write `results/cloud.json`; exit code 1 where the server was killed or a reading failed."""
    options = _options(arguments)
    before = machine.describe()
    with tempfile.TemporaryDirectory() as scratch, limited(options.limit) as limit:
        with serving.serve(
            Path(scratch) / "log.txt", patience=PATIENCE, python=options.python, inside=limit.inside
        ) as server:
            at_start = serving.memory_megabytes(server.pid, "VmRSS")
            tally = _visit(server, options)
            survived = serving.answers(server.url, 10)
            resident = {
                name: serving.memory_megabytes(server.pid, key)
                for name, key in (("at_end", "VmRSS"), ("peak", "VmHWM"))
            }
        counted = limit.counted()
        traces = (Path(scratch) / "log.txt").read_text(errors="replace").count("Traceback")
    kills = counted.get("kills", 0) + (not survived)
    machine.write(
        "cloud_large" if options.large else "cloud",
        {
            "what": f"{options.sessions} sessions at once on one server, each uploads and reads {options.readings} "
            f"different raw DICOM radiographs of up to {30 if options.large else 7} MB one after the other as fast as "
            "it can",
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
    parser.add_argument("--large", action="store_true", help=f"radiographs of {LARGE[1]} x {LARGE[0]} pixels")
    return parser.parse_args(arguments)


def _target(limit: float, value: float) -> dict[str, Any]:
    return {"limit": f"at most {limit}", "found": value, "met": value <= limit}


def _radiographs(count: int, seed: int, large: bool) -> Iterator[bytes]:
    """DICOM files of different parts of the sample, too large for the input check to take them for anything else."""
    rng = np.random.default_rng(seed)
    dataset = dcmread(io.BytesIO(images.sample()))
    whole = cv2.resize(dataset.pixel_array, LARGE[::-1]) if large else dataset.pixel_array
    for _ in range(count):
        dataset.Rows, dataset.Columns = (int(side * rng.uniform(0.92, 1)) for side in whole.shape)
        dataset.PixelData = whole[-dataset.Rows :, : dataset.Columns].tobytes()
        file = io.BytesIO()
        dataset.save_as(file)
        yield file.getvalue()


def _visit(server: serving.Server, options: argparse.Namespace) -> Tally:
    """All sessions open the page, wait for one another, and then each reads on as fast as it can."""
    tally, together = Tally(), threading.Barrier(options.sessions)

    def visit(number: int) -> None:
        try:
            with Visitor(server, patience=PATIENCE) as visitor:
                together.wait(PATIENCE)
                for index, data in enumerate(_radiographs(options.readings, number, options.large)):
                    start = time.perf_counter()
                    visitor.read((f"s{number}p{index}", data))
                    tally.seconds.append(time.perf_counter() - start)
                    if visitor.reading()["sha256"] != hashlib.sha256(data).hexdigest():
                        tally.errors.append("a reading of another picture")
        except Exception as error:
            tally.errors.append(f"{type(error).__name__} ended a session")

    with ThreadPoolExecutor(options.sessions) as pool:
        list(pool.map(visit, range(options.sessions)))
    return tally


if __name__ == "__main__":
    sys.exit(main())

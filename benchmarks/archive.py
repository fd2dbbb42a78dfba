"""Reading an archive: one process and Ray's, the overhead of Ray, and how time and memory grow with the archive.

Usage: python -m benchmarks.archive [--pictures 400] [--growth 100,1000,10000] [--killed 1000]

Pictures are links to the real ones of the shared data, over and over. Ray is measured where it is installed
(requirements/archive.txt). `python -m studies.archive_estimate` then writes the tables of docs/archive.md.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import images, machine
from model.files import sources
from model.reading.card import chosen, read_card

ROOT = Path(__file__).resolve().parents[1]
# What differs between archives may be this much of what one needs.
SLOWER, LARGER_MB = 1.1, 20
# Smaller ones are not compared: one picture needs one reader, a hundred all that there will be.
SETTLED = 100
_READ = [sys.executable, "-m", "model", "read"]
_SUMMARY = re.compile(r"(\d+) files in ([\d.]+) s with (\d+) processes")


def main() -> None:
    """Measure and write `results/archive.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=400, help="for the comparison of engines")
    parser.add_argument("--growth", default="100,1000,10000", help="sizes of the archives whose growth is measured")
    parser.add_argument("--killed", type=int, default=1000, help="size of the archive whose reading is killed")
    options = parser.parse_args()
    before = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        store = _store(Path(folder, "store"))
        engines = _engines(Path(folder), store, options.pictures)
        growth = [_grown(Path(folder), store, int(size)) for size in options.growth.split(",")]
        killed = _killed(Path(folder), store, options.killed)
    machine.write(
        "archive",
        {
            "what": "python -m model read on folders of real radiographs, from the start of the process to its end",
            "machine": before,
            "bundle": read_card(chosen()).title,
            "different_pictures": len(store),
            "mean_file_mb": round(float(np.mean([path.stat().st_size for path in store])) / 1e6, 4),
            "engines": engines,
            "growth": growth,
            "killed": killed,
            "targets": _targets(growth, killed),
        },
    )


def _store(folder: Path) -> list[Path]:
    """Real pictures: at most 500 of the shared data, else windows of the sample."""
    manifest = images.SHARED / "manifest.csv"
    if manifest.exists():
        with manifest.open(encoding="utf-8") as file:
            named = [row["path"] for row in csv.DictReader(file)]
        return [images.SHARED / str(name) for name in np.random.default_rng(0).permutation(named)[:500]]
    folder.mkdir()
    made = []
    for number, data in enumerate(images.windowed(50)):
        made.append(folder / f"{number}.png")
        made[-1].write_bytes(images.as_png(data))
    return made


def _archive(folder: Path, store: list[Path], size: int) -> Path:
    """A folder of links, a thousand to a sub-folder."""
    top = folder / f"archive-{size}"
    if not top.exists():
        for number, path in enumerate(islice(cycle(store), size)):
            below = top / f"{number // 1000:05}"
            below.mkdir(parents=True, exist_ok=True)
            (below / f"{number:08}{path.suffix}").symlink_to(path)
    return top


def _engines(folder: Path, store: list[Path], size: int) -> dict[str, Any]:
    """Seconds and pictures a second; those of Ray without its start, which stands beside."""
    top, out = _archive(folder, store, size), folder / "out.jsonl"
    alone = _archive(folder, store, 1)
    rates: dict[str, Any] = {"pictures": size}
    for name, cores in (("local", None), ("local_on_one_core", 1)):
        start = _run([str(alone), "--out", str(out)], cores)["seconds"]
        whole = _run([str(top), "--out", str(out)], cores)
        rates[name] = _rates(size, whole["seconds"] - start, start, whole["peak_mb"])
    if importlib.util.find_spec("ray") is None:
        rates["ray"] = "not measured: pip install -r requirements/archive.txt"
        return rates
    # Enough blocks that the processes end at about the same time.
    block = max(1, size // 40)
    for processes in (1, 2):
        parts = folder / f"parts-{processes}"
        arguments = ["--engine", "ray", "--processes", str(processes), "--block", str(block), "--out", str(parts)]
        whole = _run([str(top), *arguments], processes)
        summary = _SUMMARY.search(whole["said"])
        if not summary or int(summary[1]) != size:
            raise RuntimeError(f"Ray did not read everything: {whole['said'][-2000:]}")
        seconds = float(summary[2])
        rates[f"ray_{processes}"] = _rates(size, seconds, whole["seconds"] - seconds) | {"block": block}
    on_one_core = rates["local_on_one_core"]["pictures_a_second"]
    rates["overhead_of_ray"] = round(on_one_core / rates["ray_1"]["pictures_a_second"], 3)
    rates["second_process_adds"] = round(rates["ray_2"]["pictures_a_second"] / rates["ray_1"]["pictures_a_second"], 3)
    return rates


def _rates(size: int, seconds: float, start: float, peak: float | None = None) -> dict[str, Any]:
    rates = {"seconds": round(seconds, 2), "start_seconds": round(start, 2)}
    rates["pictures_a_second"] = round((size - 1 if peak else size) / seconds, 2)
    return rates if peak is None else rates | {"peak_mb": peak}


def _grown(folder: Path, store: list[Path], size: int) -> dict[str, Any]:
    top = _archive(folder, store, size)
    start = time.perf_counter()
    listed = sum(1 for _ in sources.files(top))
    listing = time.perf_counter() - start
    if listed != size:
        raise RuntimeError(f"the archive of {size} has {listed} files")
    whole = _run([str(top), "--out", str(folder / "grown.jsonl")], None)
    return {
        "pictures": size,
        "seconds": round(whole["seconds"], 2),
        "peak_mb": whole["peak_mb"],
        "listed_a_second": round(size / listing),
    }


def _killed(folder: Path, store: list[Path], size: int) -> dict[str, Any]:
    """Kill a run when about half is read, go on, and count."""
    top, out = _archive(folder, store, size), folder / "killed.jsonl"
    command = [*_READ, str(top), "--out", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while (before := _lines(out)) < size // 2:
            if process.poll() is not None:
                raise RuntimeError("it ended before it could be killed")
            time.sleep(0.05)
        process.kill()
    before = _lines(out)
    whole = _run([str(top), "--out", str(out), "--resume"], None)
    times = Counter(json.loads(line)["path"] for line in out.read_text(encoding="utf-8").splitlines())
    return {
        "pictures": size,
        "whole_lines_at_the_kill": before,
        "seconds_of_the_second_run": round(whole["seconds"], 2),
        "lines": times.total(),
        "read_twice": sum(count - 1 for count in times.values()),
        "lost": size - len(times),
    }


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _targets(growth: list[dict[str, Any]], killed: dict[str, Any]) -> dict[str, Any]:
    wrong = killed["read_twice"] + killed["lost"]
    targets = {
        f"pictures of {killed['pictures']:,} that a kill in the middle cost or had read twice": {
            "limit": "none", "found": wrong, "met": not wrong
        }
    }  # fmt: skip
    return targets | _flat(growth)


def _flat(growth: list[dict[str, Any]]) -> dict[str, Any]:
    growth = [row for row in growth if row["pictures"] >= SETTLED]
    if len(growth) < 3:
        return {}
    # From the differences, so that the start of the process does not count.
    (a, b), (c, d) = growth[:2], growth[-2:]
    first, last = ((y["seconds"] - x["seconds"]) / (y["pictures"] - x["pictures"]) for x, y in ((a, b), (c, d)))
    slower, larger = round(last / first, 3), round(growth[-1]["peak_mb"] - growth[0]["peak_mb"], 1)
    return {
        f"seconds a further picture, largest archive against that of {growth[0]['pictures']:,}": {
            "limit": f"at most {SLOWER}", "found": slower, "met": slower <= SLOWER
        },
        f"peak memory, largest archive less that of {growth[0]['pictures']:,}, MB": {
            "limit": f"at most {LARGER_MB}", "found": larger, "met": larger <= LARGER_MB
        },
    }  # fmt: skip


def _run(arguments: list[str], cores: int | None) -> dict[str, Any]:
    """Run the command to its end; returns seconds, the highest resident memory, and what it said."""
    command = [*_READ, *arguments]

    def bind() -> None:
        if cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])

    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=ROOT, stderr=said, preexec_fn=bind)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"it ended with {process.returncode}: {text[-2000:]}")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return {"seconds": seconds, "peak_mb": round(kilobytes * 1024 / 1e6, 1), "said": text}


if __name__ == "__main__":
    main()

"""Reading an archive: against its networks alone, on Ray, and how time and memory grow with the archive.

Usage: python -m benchmarks.archive [--pictures 5000] [--files 600] [--growth 100,1000,10000] [--killed 1000]

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
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks import images, machine
from model.files import sources
from model.reading import bundle as bundles
from model.reading.card import chosen, read_card
from model.reading.malloc import give_freed_memory_back
from model.reading.radiograph import decode
from model.reading.reader_pool import readers_at_once

ROOT = Path(__file__).resolve().parents[1]
# What differs between archives may be this much of what one needs.
SLOWER, LARGER_MB = 1.1, 20
# Smaller ones are not compared: one picture needs one reader, a hundred all that there will be.
SETTLED = 100
# Of the time that decoding and the networks alone take: how much of it a whole run may take. Ray's against the local
# engine's on one core, and how much two processes read in the time of one.
LEAST_SHARE, MOST_OF_LOCAL, LEAST_OF_TWO = 0.95, 1.10, 1.9
FORMATS = ("JPEG", "PNG", "raw DICOM")
ROUNDS = 5
_READ = [sys.executable, "-m", "model", "read"]
_SUMMARY = re.compile(r"(\d+) files in ([\d.]+) s with (\d+) processes")


def main() -> None:
    """Measure and write `results/archive.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5000, help="for the comparison of engines")
    parser.add_argument("--files", type=int, default=600, help="of each format, to compare with the networks alone")
    parser.add_argument("--growth", default="100,1000,10000", help="sizes of the archives whose growth is measured")
    parser.add_argument("--killed", type=int, default=1000, help="size of the archive whose reading is killed")
    parser.add_argument("--alone", type=Path, metavar="DIR", help="decode DIR and run the networks, nothing else")
    options = parser.parse_args()
    if options.alone:
        _networks_alone(options.alone)
        return
    before = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        store = _store(Path(folder, "store"))
        formats = {kind: _against_networks(Path(folder), kind, options.files) for kind in FORMATS}
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
            "formats": formats,
            "engines": engines,
            "growth": growth,
            "killed": killed,
            "targets": _targets(formats, engines, growth, killed),
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


def _against_networks(folder: Path, kind: str, count: int) -> dict[str, Any]:
    """Pictures a second of a whole run, and of decoding and the networks alone, in turns."""
    top = folder / kind.replace(" ", "-")
    one = folder / f"one-{top.name}"
    for made in (top, one):
        made.mkdir()
    for number, data in enumerate(_of_format(kind, min(count, 60))):
        for path in range(number, count, min(count, 60)):
            (top / f"{path:05}").write_bytes(data)
    (one / "0").write_bytes((top / "00000").read_bytes())
    ways = {
        "model read": lambda folder: _run([str(folder), "--out", str(folder.with_suffix(".jsonl"))], None),
        "networks alone": lambda folder: _run(
            ["--alone", str(folder)], None, [sys.executable, "-m", "benchmarks.archive"]
        ),
    }
    taken: dict[str, dict[str, list[float]]] = {key: {name: [] for name in ways} for key in ("seconds", "processor")}
    for _ in range(ROUNDS):
        for name, run in ways.items():
            start, whole = run(one), run(top)
            for key, rows in taken.items():
                rows[name].append((whole[key] - start[key]) / (count - 1))
    seconds, processor = taken.values()
    return {
        "files": count,
        "milliseconds_a_file": {name: machine.spread(values) for name, values in seconds.items()},
        "share": machine.ratio(seconds["networks alone"], seconds["model read"]),
        # What other processes of the machine change least.
        "share_of_processor_time": machine.ratio(processor["networks alone"], processor["model read"]),
    }


def _of_format(kind: str, count: int) -> Iterator[bytes]:
    """Radiographs of a megapixel as JPEG or PNG, and raw DICOM files of three."""
    for data in images.windowed(count):
        if kind == "raw DICOM":
            yield data
        else:
            grey = np.clip(np.rint(decode(data).to_input(1024)[0, :, :, 0]), 0, 255).astype(np.uint8)
            yield cv2.imencode(f".{kind.lower()}", grey)[1].tobytes()


def _networks_alone(folder: Path) -> None:
    """Decode the files of a folder and run the bundle's networks on any picture, by as many threads as `read` has."""
    cv2.setNumThreads(1)
    give_freed_memory_back()
    own = threading.local()
    bundle = chosen()

    def work(path: Path) -> None:
        decode(path.read_bytes())
        if not hasattr(own, "networks"):
            files = [bundle / name for name in ("model.tflite", bundles.LUNGS_FILE, bundles.SIDE_FILE)]
            own.networks = [_bare(path) for path in files if path.exists()]
        for run in own.networks:
            run()

    with ThreadPoolExecutor(readers_at_once()) as pool:
        for _ in pool.map(work, sorted(folder.iterdir())):
            pass


def _bare(path: Path) -> Callable[[], object]:
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]
    results = [output["index"] for output in interpreter.get_output_details()]
    image = np.random.default_rng(0).uniform(0, 255, place["shape"]).astype(np.float32)

    def run() -> list[np.ndarray]:
        interpreter.set_tensor(place["index"], image)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in results]

    return run


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
    block = max(1, size // 50)
    for processes in (1, 2):
        arguments = ["--engine", "ray", "--processes", str(processes), "--block", str(block), "--out"]
        start = _run([str(alone), *arguments, str(folder / f"start-{processes}")], processes)["seconds"]
        whole = _run([str(top), *arguments, str(folder / f"parts-{processes}")], processes)
        summary = _SUMMARY.search(whole["said"])
        if not summary or int(summary[1]) != size:
            raise RuntimeError(f"Ray did not read everything: {whole['said'][-2000:]}")
        rates[f"ray_{processes}"] = _rates(size, whole["seconds"] - start, start) | {"block": block}
    on_one_core = rates["local_on_one_core"]["pictures_a_second"]
    rates["overhead_of_ray"] = round(on_one_core / rates["ray_1"]["pictures_a_second"], 3)
    rates["second_process_adds"] = round(rates["ray_2"]["pictures_a_second"] / rates["ray_1"]["pictures_a_second"], 3)
    return rates


def _rates(size: int, seconds: float, start: float, peak: float | None = None) -> dict[str, Any]:
    rates = {"seconds": round(seconds, 2), "start_seconds": round(start, 2)}
    rates["pictures_a_second"] = round((size - 1) / seconds, 2)
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


def _targets(
    formats: dict[str, Any], engines: dict[str, Any], growth: list[dict[str, Any]], killed: dict[str, Any]
) -> dict[str, Any]:
    wrong = killed["read_twice"] + killed["lost"]
    targets: dict[str, Any] = {
        f"model read of {kind}, share of what decoding and the networks alone give": {
            "limit": f"at least {LEAST_SHARE}",
            "found": row["share"]["value"],
            "met": row["share"]["value"] >= LEAST_SHARE,
        }
        for kind, row in formats.items()
    }
    for key, name, limit, met in (
        ("overhead_of_ray", "local engine on one core / Ray with one process", f"at most {MOST_OF_LOCAL}",
         lambda found: found <= MOST_OF_LOCAL),
        ("second_process_adds", "Ray with two processes / with one", f"at least {LEAST_OF_TWO}",
         lambda found: found >= LEAST_OF_TWO),
    ):  # fmt: skip
        if key in engines:
            targets[name] = {"limit": limit, "found": engines[key], "met": met(engines[key])}
    targets |= {
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


def _run(arguments: list[str], cores: int | None, program: Sequence[str] = _READ) -> dict[str, Any]:
    """Run the command to its end; returns seconds, the highest resident memory, and what it said."""
    command = [*program, *arguments]

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
    return {
        "seconds": seconds,
        "processor": usage.ru_utime + usage.ru_stime,
        "peak_mb": round(kilobytes * 1024 / 1e6, 1),
        "said": text,
    }


if __name__ == "__main__":
    main()

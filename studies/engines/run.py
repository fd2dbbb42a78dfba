"""This project's reader against the engines that people use: same weights, same pictures, two threads.

Usage: python -m studies.engines.run [--weights runs/f/final.weights.h5] [--out studies/engines/results.json]
       python -m studies.engines.run --page     draws docs/engines.md and docs/engines.svg from the JSON anew

An engine that is not installed is listed as such: pip install -r requirements/engines.txt brings all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from model.reading.card import DEFAULT_BUNDLE, read_card
from studies.engines import compare, files, limits, page, prepare, targets, ways
from studies.engines.worker import ROOT, Process, environment

OUT = Path(__file__).with_name("results.json")


def main() -> int:
    """Prepare, measure, write the JSON, draw the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=ROOT / "runs" / "f" / "final.weights.h5")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--files", type=Path, default=ROOT / "artefacts" / "engines", help="folder for their files")
    parser.add_argument("--starts", type=int, default=3, help="how often each engine's process is started")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds after each start")
    parser.add_argument("--pictures", type=int, default=208, help="JPEG files of the archive")
    parser.add_argument("--page", action="store_true", help="draw the page alone")
    options = parser.parse_args()
    if not options.page:
        if not options.weights.exists():
            print(f"{options.weights} does not exist: name the Keras weights of the bundle with --weights.")
            return 1
        result = measure(options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not options.out.exists():
        print(f"{options.out} is not there: run it without --page first.", file=sys.stderr)
        return 1
    if options.out.resolve() == OUT.resolve():
        page.write(json.loads(OUT.read_text(encoding="utf-8")))
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that the JSON holds."""
    described = machine.describe()
    folder = options.files.resolve()
    places = folder, options.bundle.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    notes = prepare.prepare(*places, options.weights.resolve())
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    others = limits.OtherProcesses()
    rows: dict[str, dict[str, Any]] = {way.name: _describe(way, places, facts, notes) for way in ways.WAYS}
    seconds = compare.measure(rows, places, facts, options.starts, options.rounds)
    archive = _archive(rows, places, options.pictures)
    first = files.first_readings(2 * options.starts + 1)[1:]  # the very first one reads the files from the disk
    dicom = _dicom(options.rounds * 3)
    with np.load(folder / "reference.npz") as reference:
        scores = compare.scores(reference["logits"], facts["temperature"])
    result: dict[str, Any] = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "what": "one picture, already decoded, -> scores and, where the way gives one, the heatmap of one class",
        "machine": described,
        "others_took": others.share(),
        "threads": ways.THREADS,
        "pictures": facts["pictures"],
        "calibrated_on": facts["calibrated_on"],
        "shipped": _shipped(options.bundle),
        "reference_auc": compare.auc(scores, np.load(folder / "labels.npy"), facts["positive"]),
        "rows": rows,
        "archive": archive,
        "first_reading": machine.spread(first),
        "dicom": dicom,
        "limits": _limits(rows, facts["gflop_a_picture"]),
    }
    result["targets"] = targets.judge(result, seconds, archive, first, dicom)
    return result


def _shipped(folder: Path) -> dict[str, Any]:
    """What the card says of the form that ships and of how it was chosen."""
    card = read_card(folder)
    return {
        "bundle": card.title,
        "form": card.architecture.weights_stored_as,
        "export": {name: value for name, value in card.export.items() if name != "gradcam"},
    }


def _describe(way: ways.Way, places: compare.Places, facts: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    """What a row holds before anything is timed; with a "problem" where it can't be."""
    row: dict[str, Any] = {"heatmap": way.heatmap, "packages": {}}
    if missing := way.missing():
        return row | {"problem": f"not installed: {', '.join(missing)}"}
    row["packages"] = {package: version(package) for package in way.packages}
    megabytes, cuda = limits.installed_megabytes(way.packages)
    row |= {"installed_mb": megabytes, "installed_cuda_mb": cuda}
    known = ways.Facts(facts["size"], len(facts["classes"]), facts["positive"], places[1])
    path = way.path(places[0], known)
    if not path.exists():
        return row | {"problem": f"there is no {path.name}: {'; '.join(notes.values()) or 'it was not made'}"}
    return row | {"file": path.name, "file_mb": round(path.stat().st_size / 1e6, 1)}


def _archive(rows: dict[str, dict[str, Any]], places: compare.Places, count: int) -> dict[str, Any]:
    """JPEG files a second: `python -m model read` against the bare engine that is quickest with batches."""
    quickest = max((way.name for way in ways.WAYS if way.quick), key=lambda name: rows[name].get("batch_a_second", 0))
    engines = {"same": ways.BARE, "bare": quickest}
    seconds: dict[str, list[float]] = {"reader": [], "same": [], "bare": []}
    read = 0
    for _ in range(3):
        each, read = files.jpeg_seconds(places[0], count)
        seconds["reader"].append(each)
        for which, name in engines.items():
            with Process(ways.named(name), *places) as process:
                seconds[which].append(process.ask("archive")["seconds"])
    return {
        "pictures": read,
        **{
            which: {
                "engine": engines.get(which, "`python -m model read`"),
                "pictures_a_second": round(1 / float(np.median(found)), 1),
                "ms": machine.spread(found),
            }
            for which, found in seconds.items()
        },
    }


def _dicom(rounds: int) -> dict[str, Any]:
    command_line = [sys.executable, "-m", "studies.engines.files", str(rounds)]
    done = subprocess.run(command_line, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _limits(rows: dict[str, dict[str, Any]], gflop: float) -> dict[str, Any]:
    """What the cores do at most, and what share of it each bare forward pass reaches in its precision."""
    peaks = limits.peaks()
    result: dict[str, Any] = {"gflop_a_picture": round(gflop, 3), "peaks_gops": peaks, "reached": {}}
    for way in ways.WAYS:
        kind = "int8" if "int8" in way.name or way.file == "bundle" else "bfloat16" if "bf" in way.name else "float32"
        row, peak = rows[way.name], max(peaks.get(kind, {}).values(), default=0)
        if "ms" in row and peak and way.heatmap != ways.GRADIENT:
            reached = gflop / row["ms"]["median"] * 1000
            result["reached"][way.name] = {"gops": round(reached, 1), "of": kind, "share": round(reached / peak, 3)}
    return result


if __name__ == "__main__":
    sys.exit(main())

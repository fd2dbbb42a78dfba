"""This project's reader against the engines that people use: same weights, same pictures, two threads.

Usage: python -m studies.engines.run [--weights runs/latest/final.weights.h5] [--out studies/engines/results.json]
       python -m studies.engines.run --page     writes docs/engines.md and docs/engines.svg from the JSON anew

All processes live side by side and are asked in turn, in random order. An engine that is not installed is listed as
such: pip install -r requirements/engines.txt brings all.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from studies.engines import ways
from studies.engines.worker import Answer, EngineError, Process, limit_threads

ROOT = Path(__file__).resolve().parents[2]
OUT = Path(__file__).with_name("results.json")
Row = dict[str, Any]


def main() -> int:
    """Prepare, measure, write the JSON and the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=ROOT / "runs" / "latest" / "final.weights.h5")
    parser.add_argument("--bundle", type=Path, default=ROOT / "model" / "bundles" / "covid_resnet50")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--files", type=Path, default=ROOT / "artefacts" / "engines", help="folder for their files")
    parser.add_argument("--starts", type=int, default=3, help="how often each engine's process is started")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds after each start")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    options = parser.parse_args()
    if not options.page:
        if not options.weights.exists():
            print(f"{options.weights} does not exist: name the Keras weights of the bundle with --weights.")
            return 1
        result = measure(options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    # Imported here, as the workers import this module too.
    from studies.engines import page

    if options.out.resolve() == OUT.resolve():
        page.write(json.loads(OUT.read_text(encoding="utf-8")))
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that the JSON holds."""
    from model.reading.card import read_card
    from studies.engines.prepare import prepare

    described = machine.describe()
    limit_threads()
    files, bundle = options.files.resolve(), options.bundle.resolve()
    files.mkdir(parents=True, exist_ok=True)
    facts = prepare(files, bundle, options.weights.resolve())
    rows = {way.name: describe(way, files, bundle, facts["not_made"]) for way in ways.WAYS}
    seconds = measure_rows(rows, files, bundle, facts, options.starts, options.rounds)
    card = read_card(bundle)
    with np.load(files / "reference.npz") as reference:
        exact = judge(facts, {"logits": reference["logits"], "maps": []}, files, clipped=False)
    result: dict[str, Any] = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "what": "one picture, already decoded, -> scores and, where the way gives one, the heatmap of one class",
        "machine": described,
        "threads": ways.THREADS,
        "pictures": facts["pictures"],
        "calibrated_on": facts["calibrated_on"],
        "shipped": {
            "bundle": card.title,
            "form": card.architecture.weights_stored_as,
            "export": {name: value for name, value in card.export.items() if name != "gradcam"},
        },
        "reference_auc": exact["auc"],
        "rows": rows,
    }
    result["targets"] = targets(result, seconds)
    return result


def describe(way: ways.Way, files: Path, bundle: Path, not_made: dict[str, str]) -> Row:
    """What a row holds before anything is timed; with a "problem" where it can't be."""
    row: Row = {"heatmap": way.heatmap, "packages": {}}
    if missing := way.missing():
        return row | {"problem": f"not installed: {', '.join(missing)}"}
    row["packages"] = {package: version(package) for package in way.packages}
    path = way.path(files, bundle)
    if not path.exists():
        return row | {"problem": f"there is no {path.name}: {'; '.join(not_made.values()) or 'it was not made'}"}
    return row | {"file": path.name, "file_mb": round(path.stat().st_size / 1e6, 1)}


@dataclass
class _Timings:
    """Seconds of one way: to each first result, the median of each round, and a picture of each batch."""

    firsts: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)


class _Engines:
    """All engines that still answer; what fails gets a "problem" in its row and is left out from then on."""

    def __init__(self, rows: dict[str, Row]) -> None:
        self.rows, self.timings = rows, {name: _Timings() for name in rows}
        self._order, self._live = random.Random(0), dict[str, Process]()

    def shuffled(self) -> list[str]:
        left = [name for name, row in self.rows.items() if "problem" not in row]
        return self._order.sample(left, len(left))

    def start(self, stack: ExitStack, files: Path, bundle: Path) -> None:
        for name in self.shuffled():
            try:
                self._live[name] = stack.enter_context(Process(ways.named(name), files, bundle))
                self.timings[name].firsts.append(self._live[name].first)
            except EngineError as error:
                self.rows[name]["problem"] = str(error)

    def ask(self, word: str) -> Iterator[tuple[str, Answer]]:
        """The name and the answer of each engine, in random order."""
        for name in self.shuffled():
            try:
                yield name, self._live[name].ask(word)
            except EngineError as error:
                self.rows[name]["problem"] = f"{word}: {error}"

    def time(self, rounds: int) -> None:
        for _ in range(rounds):
            for name, answer in self.ask("picture"):
                self.timings[name].medians.append(float(np.median(answer["seconds"])))
        for name, answer in self.ask("memory"):
            self.rows[name]["peak_mb"] = round(max(answer["megabytes"], self.rows[name].get("peak_mb", 0)), 1)
        for _ in range(2):
            for name, answer in self.ask("batch"):
                self.timings[name].batches += [answer["seconds"]] if answer["seconds"] else []


def measure_rows(
    rows: dict[str, Row], files: Path, bundle: Path, facts: Row, starts: int, rounds: int
) -> dict[str, list[float]]:
    """Start every engine several times and time it.

    Args:
        rows: by name; those without a "problem" are measured, and get what was measured.
        files: what prepare.py made.
        bundle: the shipped one.
        facts: what prepare.py returned.
        starts: of each process.
        rounds: after each start.

    Returns:
        By name, the median seconds of each round.
    """
    engines = _Engines(rows)
    for start in range(starts):
        with ExitStack() as stack:
            engines.start(stack, files, bundle)
            engines.time(rounds)
            for name, outputs in engines.ask("accuracy") if start == 0 else ():
                rows[name] |= judge(facts, outputs, files, clipped=rows[name]["heatmap"] == ways.GRADIENT)
        print(f"start {start + 1} of {starts}", flush=True)
    left = engines.shuffled()
    for name in left:
        timings = engines.timings[name]
        rows[name] |= {
            "first_result_s": round(float(np.median(timings.firsts)), 2),
            "ms": machine.spread(timings.medians),
        }
        if timings.batches:
            rows[name]["batch_a_second"] = round(1 / float(np.median(timings.batches)), 1)
    return {name: engines.timings[name].medians for name in left}


def judge(facts: Row, outputs: Answer, files: Path, *, clipped: bool) -> Row:
    """Compare a way's outputs with those of Keras in float32.

    Args:
        facts: what prepare.py returned.
        outputs: "logits" and "maps" of the pictures.
        files: with reference.npz.
        clipped: whether the maps show what is positive alone.

    Returns:
        "score_difference" (the largest), "mean_score_difference", "auc" and "pictures" where the way gives scores;
        "rank_correlation" and "maps" where it gives heatmaps.
    """
    import cv2
    from scipy.stats import spearmanr

    from model.training.export import calibration

    positive = facts["positive"]
    with np.load(files / "reference.npz") as reference:
        expected, right_maps, labels = reference["logits"], reference["maps"][..., positive], reference["labels"]
    result: Row = {}
    if np.ndim(outputs["logits"]) == 2:
        scores, exact = (calibration.scores_of(some, facts["temperature"]) for some in (outputs["logits"], expected))
        result = {
            "score_difference": float(np.abs(scores - exact).max()),
            "mean_score_difference": float(np.abs(scores - exact).mean()),
            "auc": calibration.auc(labels == positive, scores[:, positive], np.ones(len(labels))),
            "pictures": len(scores),
        }
    ranks = []
    for heatmap, right in zip(outputs["maps"], right_maps, strict=False):
        if clipped:
            right = np.maximum(right, 0)
            heatmap = cv2.resize(heatmap, right.shape[::-1], interpolation=cv2.INTER_AREA)
        if np.ptp(right) and np.ptp(heatmap):
            ranks.append(float(spearmanr(heatmap.ravel(), right.ravel()).statistic))
    return result | ({"rank_correlation": float(np.mean(ranks)), "maps": len(ranks)} if ranks else {})


def keeps(row: Row, reference_auc: float) -> bool:
    """Whether a form may be shipped, by its AUC and heatmaps against those of Keras in float32."""
    from model.training.export import calibration

    return row.get("auc") is not None and calibration.keeps(reference_auc - row["auc"], row.get("rank_correlation", 0))


def targets(result: Row, seconds: dict[str, list[float]]) -> Row:
    """What was promised against what was measured.

    Args:
        result: has "rows" and "reference_auc".
        seconds: medians of each way's rounds, in the same order for all.

    Returns:
        What was promised -> {"limit", "found", "met"}.
    """
    from model.training.export.calibration import AUC_LOST, RANK_KEPT

    rows, auc = result["rows"], result["reference_auc"]
    promised: Row = {}

    def add(name: str, limit: str, value: float, met: bool, note: str = "") -> None:
        promised[name] = {"limit": limit, "found": value, "met": bool(met), **({"note": note} if note else {})}

    def interval(ratio: dict[str, float]) -> str:
        return f"95 % interval {ratio['low']} to {ratio['high']}"

    ours = seconds[ways.READER]
    for kept, words in ((False, "any engine"), (True, "those that keep AUC and heatmaps")):
        measured = [way.name for way in ways.WAYS if way.quick and "ms" in rows.get(way.name, {})]
        quick = [name for name in measured if not kept or keeps(rows[name], auc)]
        name = min(quick, key=lambda name: float(rows[name]["ms"]["median"]))
        to_bare = machine.ratio(ours, seconds[name])
        title = f"score and heatmap / fastest bare forward pass of {words}"
        add(title, "at most 1.05", to_bare["value"], to_bare["value"] <= 1.05, f"{name}, {interval(to_bare)}")
    if ways.VIS in seconds:
        to_vis = machine.ratio(seconds[ways.VIS], ours)
        add(f"{ways.VIS} / this project", "at least 40", to_vis["value"], to_vis["value"] >= 40, interval(to_vis))
    loss, rank = round(auc - rows[ways.BARE]["auc"], 4), round(rows[ways.BARE]["rank_correlation"], 4)
    add("AUC that the shipped file loses", f"at most {AUC_LOST}", loss, loss <= AUC_LOST)
    add("rank correlation of its heatmaps with float32", f"above {RANK_KEPT}", rank, rank > RANK_KEPT)
    return promised


if __name__ == "__main__":
    sys.exit(main())

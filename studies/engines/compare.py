"""The engines side by side: all processes live, asked in turn in random order; and how far each is from Keras."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.special import softmax
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from benchmarks import machine
from studies.engines import ways
from studies.engines.worker import EngineError, Process

Row = dict[str, Any]
Places = tuple[Path, Path]


def measure(rows: dict[str, Row], places: Places, facts: Row, starts: int, rounds: int) -> dict[str, list[float]]:
    """Start every engine several times and time it; what fails gets a "problem" and is left out from then on.

    Args:
        rows: by name; those without a "problem" are measured, and get what was measured.
        places: folder of files, and bundle.
        facts: what prepare.py wrote.
        starts: of each process.
        rounds: after each start.

    Returns:
        By name, the median seconds of each round.
    """
    order = random.Random(0)
    timings = {name: _Timings() for name in rows}
    for start in range(starts):
        with ExitStack() as stack:
            live = _start(rows, places, order, stack, timings)
            for _ in range(rounds):
                _round(rows, live, order, timings)
            for name in _left(rows):
                memory = _ask(rows[name], live[name], "memory").get("megabytes", 0)
                rows[name]["peak_mb"] = round(max(memory, rows[name].get("peak_mb", 0)), 1)
            for name in _shuffled(rows, order) * 2:
                if seconds := _ask(rows[name], live[name], "batch").get("seconds"):
                    timings[name].batches.append(seconds)
            for name in _left(rows) if start == 0 else ():
                if file := _ask(rows[name], live[name], "accuracy").get("file"):
                    rows[name] |= judge(ways.named(name), places[0] / file, places[0], facts)
        print(f"start {start + 1} of {starts}", flush=True)
    for name in _left(rows):
        rows[name] |= timings[name].summary()
    return {name: timings[name].medians for name in _left(rows)}


@dataclass
class _Timings:
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
    rows: dict[str, Row], places: Places, order: random.Random, stack: ExitStack, timings: dict[str, _Timings]
) -> dict[str, Process]:
    live: dict[str, Process] = {}
    for name in _shuffled(rows, order):
        try:
            live[name] = stack.enter_context(Process(ways.named(name), *places))
            timings[name].firsts.append(live[name].first)
        except EngineError as error:
            rows[name]["problem"] = str(error)
    return live


def _round(rows: dict[str, Row], live: dict[str, Process], order: random.Random, timings: dict[str, _Timings]) -> None:
    for name in _shuffled(rows, order):
        if seconds := _ask(rows[name], live[name], "one").get("seconds"):
            timings[name].medians.append(float(np.median(seconds)))


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


def judge(way: ways.Way, written: Path, files: Path, facts: dict[str, Any]) -> Row:
    """Compare what the worker wrote with the reference.

    Args:
        way: that was run.
        written: file with "logits" and "maps".
        files: folder with reference.npz and labels.npy.
        facts: what prepare.py wrote.

    Returns:
        "score_difference" (the largest), "mean_score_difference", "auc" and "pictures" where the way gives scores;
        "rank_correlation" and "maps" where it gives heatmaps.
    """
    with np.load(written) as outputs, np.load(files / "reference.npz") as reference:
        logits, maps = outputs["logits"], outputs["maps"]
        expected, right_maps = reference["logits"], reference["maps"][..., facts["positive"]]
    result: Row = {}
    if logits.ndim == 2:
        measured, exact = (scores(some, facts["temperature"]) for some in (logits, expected))
        labels = np.load(files / "labels.npy")
        result = {
            "score_difference": float(np.abs(measured - exact).max()),
            "mean_score_difference": float(np.abs(measured - exact).mean()),
            "auc": auc(measured, labels, facts["positive"]),
            "pictures": len(measured),
        }
    if len(maps):
        pairs = zip(maps, right_maps, strict=False)
        ranks = [_rank(heatmap, right, way.heatmap == ways.GRADIENT) for heatmap, right in pairs]
        kept = [rank for rank in ranks if rank is not None]
        result |= {"rank_correlation": float(np.mean(kept)), "maps": len(kept)}
    return result


def scores(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Calibrated scores of (N, C) logits."""
    return np.asarray(softmax(logits / temperature, axis=1))


def auc(measured: np.ndarray, labels: np.ndarray, positive: int) -> float:
    """Typical against negative pictures by the score of the positive class."""
    return float(roc_auc_score(labels == positive, measured[:, positive]))


def _rank(heatmap: np.ndarray, right: np.ndarray, clipped: bool) -> float | None:
    """Spearman's correlation; of clipped maps with the clipped reference, and none where that is zero all over."""
    if clipped:
        right = np.maximum(right, 0)
        heatmap = cv2.resize(heatmap, right.shape[::-1], interpolation=cv2.INTER_AREA)
    if np.ptp(right) == 0 or np.ptp(heatmap) == 0:
        return None
    return float(spearmanr(heatmap.ravel(), right.ravel()).statistic)

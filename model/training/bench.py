"""How fast this machine trains, what it waits for, and how near that is to what it could do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model.machine import describe
from model.training import distributed, flops, network
from model.training.background import SIDE
from model.training.batches import Batches
from model.training.config import Settings, TrainingError
from model.training.dataset import Dataset
from model.training.fit import compile_model, make_batches

# Batches before the measurement: the first one traces the graph, the second may still fill caches.
WARM = 2
# As many batches as `Batches.stream` prepares ahead: taken away first, or the data would seem faster than they are.
AHEAD = 6
PROFILED = 3
CLASSES = 3


def run(
    data: Dataset | None, settings: Settings, *, steps: int, profile: Path | None = None, out: Path
) -> dict[str, Any]:
    """Measure the training step in float32 and in the precision that training would choose here.

    Args:
        data: the pictures; None for random ones.
        settings: as for a training.
        steps: batches that are measured.
        profile: a folder for a profile that TensorBoard shows.
        out: the JSON file.

    Returns:
        What was written.

    Raises:
        TrainingError: no steps.
    """
    if steps < 1:
        raise TrainingError(f"--steps {steps} measures nothing: give 1 or more.")
    machine = describe()
    said = distributed.choose_precision()
    chosen = keras.mixed_precision.global_policy().name
    print(said, flush=True)
    wanted = settings.batch_size * (WARM + AHEAD + steps)
    batches = draw(settings, wanted) if data is None else make_batches(sample(data, wanted, settings.seed), settings)
    rows = []
    try:
        for policy in dict.fromkeys(["float32", chosen]):
            keras.mixed_precision.set_global_policy(policy)
            rows.append(measure(batches, settings, steps, profile if policy == chosen else None))
            print(_line(rows[-1]), flush=True)
    finally:
        keras.mixed_precision.set_global_policy(chosen)
    found = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "device": said,
        "data": "random pictures" if data is None else f"{len(batches.pictures)} pictures",
        "settings": asdict(settings),
        "rows": rows,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"written to {out}", flush=True)
    return found


def measure(batches: Batches, settings: Settings, steps: int, profile: Path | None = None) -> dict[str, Any]:
    """Measure the compiled step under the precision that is set, fed by the real stream of batches.

    Args:
        batches: what is learnt from.
        settings: of the training; its weights are not loaded, since they do not change the speed.
        steps: batches that are measured.
        profile: a folder for a profile of some further steps.

    Returns:
        One row of the table.
    """
    size = settings.size_in(0)
    model = network.build(settings.arch, batches.targets.shape[1], None, None, settings.harmonise)
    network.freeze_below(model, settings.first_stage, settings.norms)
    counted = flops.count(model, size)
    compile_model(model, settings, len(batches))
    stream = iter(batches.stream(0))
    for _ in range(WARM):
        model.train_on_batch(*next(stream))
    alone = _time_data(stream, max(2, steps // 2))
    waits, works = [], []
    for _ in range(steps):
        began = time.perf_counter()
        batch = next(stream)
        ready = time.perf_counter()
        # It returns the loss as a number, so the device is done by then.
        model.train_on_batch(*batch)
        waits.append(ready - began)
        works.append(time.perf_counter() - ready)
    if profile is not None:
        _profile(model, stream, profile)
    policy = keras.mixed_precision.global_policy()
    rate = settings.batch_size * steps / (sum(waits) + sum(works))
    reached = sum(counted.values()) * settings.batch_size * steps / sum(works)
    peak = flops.measure_peak(policy.compute_dtype)
    return {
        "precision": policy.name,
        "xla": bool(model.jit_compile),
        "image_size": size,
        "pictures_a_second": round(rate, 2),
        "pictures_a_second_data_alone": round(settings.batch_size / alone, 2),
        "share_waiting_for_data": round(sum(waits) / (sum(waits) + sum(works)), 4),
        "step_ms": _spread(works),
        "gflop_a_picture": {name: round(number / 1e9, 3) for name, number in counted.items()},
        "gflops_reached": round(reached / 1e9, 1),
        "gflops_peak_matmul": round(peak / 1e9, 1),
        "share_of_peak": round(reached / peak, 3),
    }


def draw(settings: Settings, wanted: int) -> Batches:
    """Random pictures with random targets, as large as decoded ones, at most 256: the speed is the same."""
    rng = np.random.default_rng(settings.seed)
    number, side = min(wanted, 256), settings.decoded_size
    targets = np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, number)]
    lungs = np.full((number, SIDE, SIDE), 255, np.uint8) if settings.augmentation.background else None
    pictures = rng.integers(0, 256, (number, side, side), np.uint8)
    return Batches(pictures, targets, np.ones(number, np.float32), settings, np.ones(targets.shape, bool), lungs)


def sample(data: Dataset, wanted: int, seed: int) -> Dataset:
    """At most so many of the pictures that are learnt from: those of the training split, drawn at random."""
    train = data.indices("train")
    chosen = np.sort(np.random.default_rng(seed).permutation(train)[:wanted])
    return replace(data, records=tuple(data.records[i] for i in chosen), pictures=data.pictures[chosen])


def _time_data(stream: Iterator[Any], batches: int) -> float:
    """Seconds for a batch where nothing but the data is worked at."""
    for _ in range(AHEAD):
        next(stream)
    began = time.perf_counter()
    for _ in range(batches):
        next(stream)
    return (time.perf_counter() - began) / batches


def _profile(model: keras.Model, stream: Iterator[Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tf.profiler.experimental.start(str(folder))
    for number in range(PROFILED):
        with tf.profiler.experimental.Trace("train", step_num=number, _r=1):
            model.train_on_batch(*next(stream))
    tf.profiler.experimental.stop()
    print(f"a profile of {PROFILED} steps is in {folder}", flush=True)


def _spread(seconds: list[float]) -> dict[str, float]:
    low, middle, high = np.percentile(np.asarray(seconds) * 1000, [10, 50, 90])
    return {"median": round(middle, 1), "p10": round(low, 1), "p90": round(high, 1)}


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['precision']:15} {row['pictures_a_second']:9.1f} pictures/s"
        f" (the data alone {row['pictures_a_second_data_alone']:.1f})"
        f"  waiting for data {row['share_waiting_for_data']:6.1%}"
        f"  {row['gflops_reached']:9.1f} GFLOP/s = {row['share_of_peak']:.0%} of {row['gflops_peak_matmul']:.0f}"
    )

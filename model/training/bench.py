"""How fast this machine trains: the step with its input pipeline, and the bare step."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model.machine import describe
from model.reading.framing import Box
from model.training import distributed, network
from model.training.config import Settings, TrainingError
from model.training.data.dataset import Dataset
from model.training.data.targets import FINDINGS
from model.training.data.views import Crops, Views, cut
from model.training.fit import compile_model, load_segmenter, prepare

# Steps before the measurement: the first one traces the graph, the second may still fill caches.
WARM_UP = 2
# More batches than any stream prepares ahead: taken first, or the data would seem faster than they are.
AHEAD = 8
PROFILED = 3
CLASSES = 3


def run(
    data: Dataset | None,
    settings: Settings,
    *,
    steps: int,
    sizes: Sequence[int] = (),
    stages: Sequence[int] = (),
    profile: Path | None = None,
    out: Path,
) -> dict[str, Any]:
    """Measure the training step, in the precision that training chooses here, with and without its input pipeline.

    Args:
        data: the images; None for random ones.
        settings: as for a training.
        steps: steps that are measured of each kind.
        sizes: pixels a side of the network's input; empty for that of the settings.
        stages: first stages that are trained; empty for that of the settings.
        profile: a folder for a profile of the last row, which TensorBoard shows.
        out: the JSON file.

    Returns:
        What was written.

    Raises:
        TrainingError: no steps.
    """
    if steps < 1:
        raise TrainingError(f"--steps {steps} measures nothing: give 1 or more.")
    device = distributed.choose_precision()
    print(device, flush=True)
    policy = keras.mixed_precision.global_policy()
    classes = CLASSES if data is None else len(data.classes)
    segmenter = None if data is None else load_segmenter(settings)
    rows = []
    for size, stage in itertools.product(sizes or [settings.image_size], stages or [settings.first_stage]):
        detail = min(settings.detail, size)
        variant = replace(settings, image_size=size, start_epochs=0, first_stage=stage, detail=detail)
        wanted = settings.batch_size * (WARM_UP + AHEAD + steps)
        crops = draw(variant, wanted) if data is None else cut(sample(data, wanted, variant.seed), segmenter, variant)
        rows.append(measure(Views(crops, variant), classes, steps, profile))
        print(_line(rows[-1]), flush=True)
    result = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe(),
        "device": device,
        "precision": policy.name,
        "data": "random images" if data is None else f"{len(data.records)} images",
        "settings": asdict(settings),
        "rows": rows,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written to {out}", flush=True)
    return result


def measure(
    views: Views,
    classes: int,
    steps: int,
    profile: Path | None = None,
) -> dict[str, Any]:
    """Measure the compiled step, fed by the input pipeline and fed with one batch that is there already.

    Args:
        views: the training batches, with the settings of the training; its weights are not loaded, since they do not
            change the speed.
        classes: their number.
        steps: steps that are measured of each kind.
        profile: a folder for a profile of some further steps.

    Returns:
        One row of the table.
    """
    settings, size = views.settings, views.settings.image_size
    model = prepare(network.build(settings.arch, classes, None), settings)
    network.freeze_below(model, settings.first_stage)
    compile_model(model, settings, len(views))
    batches = iter(views.stream(0))
    for _ in range(WARM_UP):
        ready = next(batches)
        model.train_on_batch(*ready)
    data_alone = _time_data(batches, max(2, steps // 2))
    # Half of the bare steps before the others and half after, so that a drift of the machine's speed cancels.
    _, bare, bare_cpu = _time_steps(model, itertools.repeat(ready), steps // 2)
    for _ in range(AHEAD):
        next(batches)
    waits, fed, fed_cpu = _time_steps(model, batches, steps)
    _, more, more_cpu = _time_steps(model, itertools.repeat(ready), steps - steps // 2)
    bare, bare_cpu = bare + more, bare_cpu + more_cpu
    if profile is not None:
        _profile(model, batches, profile)
    rate, bare_rate = (settings.batch_size * steps / sum(seconds) for seconds in (fed, bare))
    return {
        "image_size": size,
        "first_stage": settings.first_stage,
        "batch_size": settings.batch_size,
        "xla": bool(model.jit_compile),
        "images_a_second": round(rate, 2),
        "images_a_second_bare_step": round(bare_rate, 2),
        "share_of_bare_step": round(rate / bare_rate, 3),
        # What other work on the machine does not change.
        "cpu_s_of_bare_step": round(bare_cpu / steps, 4),
        "cpu_s_with_pipeline": round(fed_cpu / steps, 4),
        "images_a_second_data_alone": round(settings.batch_size / data_alone, 2),
        "share_waiting_for_data": round(sum(waits) / sum(fed), 4),
        "step_ms": _spread(bare),
    }


def _time_steps(model: keras.Model, batches: Iterator[Any], steps: int) -> tuple[list[float], list[float], float]:
    """Seconds that each step waits for its batch, and takes with the waiting; CPU seconds of all steps."""
    # Not measured: the input pipeline fills its buffer or, after it was emptied, gets into its rhythm.
    model.train_on_batch(*next(batches))
    waits, totals = [], []
    cpu = time.process_time()
    for _ in range(steps):
        start = time.perf_counter()
        batch = next(batches)
        waits.append(time.perf_counter() - start)
        model.train_on_batch(*batch)  # returns the loss as a number, so the device is done by then
        totals.append(time.perf_counter() - start)
    return waits, totals, time.process_time() - cpu


def draw(settings: Settings, wanted: int) -> Crops:
    """Random images as large as the crops of decoded ones, at most 256 of them: the speed is the same."""
    rng = np.random.default_rng(settings.seed)
    number, side = min(wanted, 256), settings.cropped_size
    pictures = rng.integers(0, 256, (number, side, side), np.uint8)
    boxes = (None if settings.framing.margin is None else Box(0.2, 0.2, 0.8, 0.8),) * number
    targets = np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, number)]
    unknown = np.full((number, len(FINDINGS)), -1, np.float32)
    return Crops(pictures, boxes, targets, unknown, np.full(number, 1 / number))


def sample(data: Dataset, wanted: int, seed: int) -> Dataset:
    """At most `wanted` images of the training split, drawn at random."""
    train = data.indices("train")
    chosen = np.sort(np.random.default_rng(seed).permutation(train)[:wanted])
    return replace(data, records=tuple(data.records[i] for i in chosen), pictures=data.pictures[chosen])


def _time_data(batches: Iterator[Any], number: int) -> float:
    """Seconds for a batch where the machine does nothing else."""
    for _ in range(AHEAD):
        next(batches)
    start = time.perf_counter()
    for _ in range(number):
        next(batches)
    return (time.perf_counter() - start) / number


def _profile(model: keras.Model, batches: Iterator[Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tf.profiler.experimental.start(str(folder))
    for number in range(PROFILED):
        with tf.profiler.experimental.Trace("train", step_num=number, _r=1):
            model.train_on_batch(*next(batches))
    tf.profiler.experimental.stop()
    print(f"a profile of {PROFILED} steps is in {folder}", flush=True)


def _spread(seconds: list[float]) -> dict[str, float]:
    low, middle, high = np.percentile(np.asarray(seconds) * 1000, [10, 50, 90])
    return {"median": round(middle, 1), "p10": round(low, 1), "p90": round(high, 1)}


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['image_size']} px from stage {row['first_stage']}: {row['images_a_second']:.1f} images/s, "
        f"{row['share_of_bare_step']:.3f} of the bare step, waiting for data {row['share_waiting_for_data']:.1%}; "
        f"the data alone {row['images_a_second_data_alone']:.0f} images/s"
    )

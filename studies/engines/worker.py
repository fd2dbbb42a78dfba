"""One engine in a process of its own, which is asked through a pipe."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import numpy as np

from model.errors import ReaderError
from studies.engines import ways

BATCH, ROUND_SECONDS, FEWEST, MOST = 16, 0.3, 2, 12
# Heatmaps by gradients are compared on the first so many pictures: one takes up to a second.
SLOW_MAPS = 32
Answer = dict[str, Any]


class EngineError(ReaderError):
    """The engine did not do what it was asked."""


def limit_threads() -> None:
    """Two threads for every library that asks the environment, and no GPU, in the processes that are started next.

    Threads wait without spinning: where anything else wants the processor too, PyTorch would take thirty times as long.
    """
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(ways.THREADS)))
    os.environ.update({"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""})


class Process:
    """A worker that has given its first result.

    Attributes:
        first: seconds from the start of the process to that result.
    """

    def __init__(self, way: ways.Way, files: Path, bundle: Path) -> None:
        """Start it.

        Raises:
            EngineError: it ended before the first result.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=answer, args=(theirs, way.name, files, bundle, monotonic()), daemon=True)
        self._process.start()
        theirs.close()
        self.first = float(self._receive()["first"])

    def __enter__(self) -> Process:
        """Nothing more: it runs already."""
        return self

    def __exit__(self, *error: object) -> None:
        """End it, whatever happened."""
        self._pipe.close()
        self._process.join(20)
        if self._process.is_alive():
            self._process.kill()

    def ask(self, word: str) -> Answer:
        """What the worker answers to a word.

        Raises:
            EngineError: it ended, or its engine failed.
        """
        self._pipe.send(word)
        return self._receive()

    def _receive(self) -> Answer:
        try:
            received: Answer = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join(20)
            raise EngineError(f"it ended with exit code {self._process.exitcode}") from error
        if "error" in received:
            raise EngineError(received["error"])
        return received


def answer(pipe: Connection, name: str, files: Path, bundle: Path, began: float) -> None:
    """In the worker: load, give the first result, then answer until the pipe is closed.

    Args:
        pipe: to the measurement.
        name: of the way.
        files: what prepare.py made.
        bundle: the shipped one.
        began: `time.monotonic()` when the process was started.
    """
    way, facts = ways.named(name), ways.Facts.read(files, bundle)
    images = np.load(files / "pictures.npy", mmap_mode="r")
    first = np.array(images[:1])
    asked: dict[str, Callable[[ways.Engine], Answer]] = {
        "picture": lambda engine: {"seconds": _repeat(lambda: engine.run(first))},
        "batch": lambda engine: _batch(engine, np.array(images[:BATCH])),
        "memory": lambda engine: {"megabytes": highest_megabytes()},
        "accuracy": lambda engine: _accuracy(way, engine, images),
    }
    try:
        engine = way.load(files, facts)
        engine.run(first)
        pipe.send({"first": monotonic() - began})
        while True:
            pipe.send(asked[pipe.recv()](engine))
    except EOFError:
        return
    # An engine's own errors are of any kind; the measurement goes on without it and says why.
    except Exception as error:
        pipe.send({"error": f"{type(error).__name__}: {str(error)[:300]}"})


def highest_megabytes() -> float:
    """The most memory that this process has had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _repeat(run: Callable[[], object]) -> list[float]:
    """Some runs after one that warms the processor's caches, which other engines used in between."""
    run()
    seconds: list[float] = []
    while len(seconds) < FEWEST or (sum(seconds) < ROUND_SECONDS and len(seconds) < MOST):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    return seconds


def _batch(engine: ways.Engine, images: ways.Array) -> Answer:
    if engine.batch(images) is None:
        return {"seconds": None}
    start = perf_counter()
    engine.batch(images)
    return {"seconds": (perf_counter() - start) / len(images)}


def _accuracy(way: ways.Way, engine: ways.Engine, images: ways.Array) -> Answer:
    """Logits (n, C), empty where it gives none, and maps (m, h, w) of the judged pictures."""
    slow, alone = way.heatmap == ways.GRADIENT, way.heatmap == ways.NONE
    logits, maps = [], []
    for image in () if alone else images[: SLOW_MAPS if slow else len(images)]:
        row, heatmap = engine.run(np.array(image[None]))
        logits.append(row)
        if heatmap is not None:
            maps.append(np.array(heatmap, np.float32))
    if slow or alone:
        # The very network that the gradient is taken of, without the gradient.
        parts = [engine.batch(np.array(images[at : at + BATCH])) for at in range(0, len(images), BATCH)]
        logits = [row for part in parts if part is not None for row in part]
    return {"logits": np.array(logits, np.float32), "maps": np.array(maps, np.float32)}

"""One engine in a process: `Process` starts it and asks, the worker answers with a JSON object a line.

The worker gets the way's name, the folder of prepared files, the bundle and the moment of the start; it is asked on
stdin with one word a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, perf_counter
from types import TracebackType
from typing import Any

import numpy as np

from studies.engines import ways

ROOT = Path(__file__).resolve().parents[2]
LAST_WORDS = 400
BATCH, ROUND_SECONDS, FEWEST, MOST = 16, 0.3, 2, 12
# Heatmaps by gradients are compared on the first so many pictures: one takes up to a second.
SLOW_MAPS = 32


class EngineError(RuntimeError):
    """The engine did not do what it was asked; the message has its last words."""


def environment() -> dict[str, str]:
    """Two threads for every library that asks the environment, and no GPU.

    Threads wait without spinning: where anything else wants the processor too, PyTorch would take thirty times as long.
    """
    wanted = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(ways.THREADS))
    quiet = {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, **wanted, **quiet}


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
        self._words = files / f"worker-{ways.WAYS.index(way)}.log"
        arguments = [way.name, str(files), str(bundle)]
        with self._words.open("w") as words:
            began = monotonic()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "studies.engines.worker", *arguments, str(began)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                cwd=ROOT,
                env=environment(),
            )
        self.first = float(self._answer()["first"])

    def __enter__(self) -> Process:
        """Nothing more: it runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, whatever happened."""
        self.close()

    def ask(self, word: str) -> dict[str, Any]:
        """What the worker answers to a word.

        Raises:
            EngineError: it ended, or its engine failed.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(f"it ended: {self._words.read_text(errors='replace')[-LAST_WORDS:].strip()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineError(str(answer["error"]))
        return answer


def main() -> None:
    """Load, give the first result, then answer."""
    name, folder, bundle, began = sys.argv[1:5]
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    way, files = ways.named(name), Path(folder)
    known = json.loads((files / "facts.json").read_text(encoding="utf-8"))
    facts = ways.Facts(known["size"], len(known["classes"]), known["positive"], Path(bundle))
    images = np.load(files / "pictures.npy", mmap_mode="r")
    first = np.array(images[:1])
    engine = way.load(files, facts)
    engine.run(first)
    answer: dict[str, Any] = {"first": monotonic() - float(began)}
    asked: dict[str, Callable[[], dict[str, Any]]] = {
        "one": lambda: {"seconds": _repeat(lambda: engine.run(first))},
        "batch": lambda: _batch(engine, np.array(images[:BATCH])),
        "memory": lambda: {"megabytes": highest_megabytes()},
        "accuracy": lambda: _accuracy(way, engine, images, files),
        "archive": lambda: _archive(engine, json.loads((files / "paths.json").read_text()), facts.size),
    }
    while True:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if (word := sys.stdin.readline().strip()) not in asked:
            return
        try:
            answer = asked[word]()
        # An engine's own errors are of any kind; the measurement goes on without it and says why.
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}


def highest_megabytes() -> float:
    """The most memory that this process has had, without what it was forked from (as ru_maxrss counts)."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _repeat(run: Callable[[], object]) -> list[float]:
    """Some runs after one that warms the processor's caches, which other engines used in between."""
    run()
    seconds: list[float] = []
    while len(seconds) < FEWEST or (sum(seconds) < ROUND_SECONDS and len(seconds) < MOST):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    return seconds


def _batch(engine: ways.Engine, images: ways.Array) -> dict[str, Any]:
    if engine.batch(images) is None:
        return {"seconds": None}
    start = perf_counter()
    engine.batch(images)
    return {"seconds": (perf_counter() - start) / len(images)}


def _accuracy(way: ways.Way, engine: ways.Engine, images: ways.Array, files: Path) -> dict[str, Any]:
    """Write logits and maps of the judged pictures where the measurement finds them."""
    slow = way.heatmap == ways.GRADIENT
    alone = way.heatmap == ways.NONE
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
    out = files / f"found-{ways.WAYS.index(way)}.npz"
    np.savez(out, logits=np.array(logits, np.float32), maps=np.array(maps, np.float32))
    return {"file": out.name}


def _archive(engine: ways.Engine, paths: list[str], size: int) -> dict[str, Any]:
    """Seconds a JPEG file: decoded by OpenCV in threads ahead of the engine, one by one or in batches."""
    import cv2

    cv2.setNumThreads(1)

    def decode(path: str) -> ways.Array:
        grey = np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE))
        small = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(small[:, :, None], np.float32)

    paths = paths[: len(paths) - len(paths) % BATCH]
    seconds = {}
    for number in (1, BATCH):
        engine.batch(np.zeros((number, size, size, 1), np.float32))
        batches = [paths[at : at + number] for at in range(0, len(paths), number)]
        start = perf_counter()
        for images in _ahead(batches, decode, 2 * BATCH // number):
            engine.batch(images)
        seconds[number] = (perf_counter() - start) / len(paths)
    best = min(seconds, key=seconds.__getitem__)
    return {"seconds": seconds[best], "at_a_time": best, "pictures": len(paths)}


def _ahead(batches: list[list[str]], decode: Callable[[str], ways.Array], number: int) -> Iterator[ways.Array]:
    """The batches, so many of them always being decoded ahead."""
    with ThreadPoolExecutor(ways.THREADS) as pool:
        waiting = deque([pool.submit(decode, path) for path in batch] for batch in batches[:number])
        for later in range(number, number + len(batches)):
            images = np.stack([decoded.result() for decoded in waiting.popleft()])
            if later < len(batches):
                waiting.append([pool.submit(decode, path) for path in batches[later]])
            yield images


if __name__ == "__main__":
    main()

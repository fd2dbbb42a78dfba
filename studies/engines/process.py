"""Starts a worker, asks it and ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from studies.engines.ways import THREADS, WAYS, Way

ROOT = Path(__file__).resolve().parents[2]
LAST_WORDS = 400


class EngineError(RuntimeError):
    """The engine did not do what it was asked; the message has its last words."""


def environment() -> dict[str, str]:
    """Two threads for every library that asks the environment, and no GPU.

    Threads wait without spinning: where anything else wants the processor too, PyTorch would take thirty times as long.
    """
    wanted = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(THREADS))
    quiet = {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, **wanted, **quiet}


class Process:
    """A worker that has given its first result.

    Attributes:
        first: seconds from the start of the process to that result.
    """

    def __init__(self, way: Way, files: Path, bundle: Path) -> None:
        """Start it.

        Raises:
            EngineError: it ended before the first result.
        """
        self._words = files / f"worker-{WAYS.index(way)}.log"
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

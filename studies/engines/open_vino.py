"""OpenVINO on the CPU, in the precision that the way names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino

from studies.engines.ways import THREADS, Array, Facts, Way


class OpenVino:
    """A network with the outputs "logits" and "maps", compiled for one picture and for batches."""

    def __init__(self, path: Path, facts: Facts, precision: str) -> None:
        self._core = openvino.Core()
        self._path, self._precision, self._positive = path, precision, facts.positive
        self._compiled: dict[int, openvino.CompiledModel] = {}
        self._compile(1, facts.size)

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One forward pass."""
        found = self._compile(1, image.shape[1])(image)
        return np.array(found["logits"])[0], np.array(found["maps"])[0, :, :, self._positive]

    def batch(self, images: Array) -> Array | None:
        """All in one pass."""
        return np.array(self._compile(len(images), images.shape[1])(images)["logits"])

    def _compile(self, number: int, size: int) -> openvino.CompiledModel:
        if number not in self._compiled:
            model = self._core.read_model(self._path)
            # Fixed sizes are what its documentation advises for speed.
            model.reshape([number, size, size, 1])
            self._compiled[number] = self._core.compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_NUM_THREADS": THREADS,
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_PRECISION_HINT": self._precision,
                },
            )
        return self._compiled[number]


def load(way: Way, path: Path, facts: Facts) -> OpenVino:
    """Read and compile the file."""
    return OpenVino(path, facts, way.form)

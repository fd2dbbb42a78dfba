"""LiteRT with a file of any form: the least that a caller pays who sets the input, runs and takes the outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from studies.engines.ways import THREADS, Array, Facts, Way


class LiteRT:
    """A network with the outputs of `network.with_maps`."""

    def __init__(self, path: Path, facts: Facts) -> None:
        self._path, self._classes, self._positive = str(path), facts.classes, facts.positive
        self._one = self._open(1, facts.size)
        self._many: dict[int, Interpreter] = {}

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One forward pass."""
        logits, maps = self._invoke(self._one, image)
        return logits[0], maps[0, :, :, self._positive]

    def batch(self, images: Array) -> Array | None:
        """All in one pass, in an interpreter of that batch size."""
        if len(images) not in self._many:
            self._many[len(images)] = self._open(len(images), images.shape[1])
        return self._invoke(self._many[len(images)], images)[0]

    def _open(self, number: int, size: int) -> Interpreter:
        interpreter = Interpreter(model_path=self._path, num_threads=THREADS)
        if number > 1:
            place = interpreter.get_input_details()[0]["index"]
            interpreter.resize_tensor_input(place, [number, size, size, 1])
        interpreter.allocate_tensors()
        return interpreter

    def _invoke(self, interpreter: Interpreter, images: Array) -> tuple[Array, Array]:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
        interpreter.invoke()
        found = [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]
        # The signature's names are not the outputs' own; the three differ in their shapes.
        maps = next(one for one in found if one.ndim == 4)
        logits = next(one for one in found if one.ndim == 2 and one.shape[1] == self._classes)
        return np.asarray(logits), np.asarray(maps)


def load(way: Way, path: Path, facts: Facts) -> LiteRT:
    """Open the file."""
    return LiteRT(path, facts)

"""Whether a frontal radiograph seems mirrored: a small network of its own, which looks where the heart lies."""

from __future__ import annotations

import threading

from model.reading.radiograph import Radiograph


class SideTeller:
    """The network that tells a mirrored picture. One interpreter, used by one thread at a time."""

    def __init__(self, model: bytes, threshold: float, threads: int = 2) -> None:
        """Build the interpreter.

        Args:
            model: a LiteRT file, from a grey square to one logit.
            threshold: a picture with a higher logit is called mirrored.
            threads: of the interpreter.

        Raises:
            ValueError: the file is no such network.
        """
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()
        self.threshold = threshold
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=threads)
            self._run = self._interpreter.get_signature_runner("serving_default")
            shape = self._run.get_input_details()["image"]["shape"]
            output = self._run.get_output_details()["mirrored"]["shape"]
        except (ValueError, RuntimeError, KeyError) as error:
            raise ValueError("the network that tells mirrored pictures can't be loaded by LiteRT") from error
        if list(shape) != [1, shape[1], shape[1], 1] or list(output) != [1, 1]:
            raise ValueError("the network that tells mirrored pictures has not the shapes that it should have")
        self.size = int(shape[1])

    def logit(self, radiograph: Radiograph) -> float:
        """Log-odds of a mirrored picture; the mirror image of a picture has the negative of its own."""
        with self._lock:
            return float(self._run(image=radiograph.to_input(self.size))["mirrored"][0, 0])

    def mirrored(self, radiograph: Radiograph) -> bool:
        """Whether the picture seems mirrored; rarely true of one that is not, and not always of one that is."""
        return self.logit(radiograph) > self.threshold

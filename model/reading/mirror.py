"""Whether a frontal radiograph seems mirrored, by a small network that looks where the heart lies."""

from __future__ import annotations

from model.reading.network import Network
from model.reading.radiograph import Radiograph, to_input


class SideTeller:
    """The network that tells a mirrored picture."""

    def __init__(self, model: bytes, threshold: float, threads: int = 2) -> None:
        """Build the network.

        Args:
            model: a LiteRT file, from a grey square to one logit.
            threshold: a picture with a higher logit is called mirrored.
            threads: of the interpreter.

        Raises:
            ValueError: the file is no such network.
        """
        self.threshold = threshold
        self._network = Network(model, ("mirrored",), threads)
        if self._network.output_shapes["mirrored"] != (1, 1):
            raise ValueError("its output is not one logit")
        self.size = self._network.size

    def logit(self, radiograph: Radiograph) -> float:
        """Log-odds of a mirrored picture; the mirror image of a picture has the negative of its own."""
        return float(self._network.run(to_input(radiograph.overview, self.size))["mirrored"][0, 0])

    def mirrored(self, radiograph: Radiograph) -> bool:
        """Whether the picture seems mirrored; rarely true of one that is not, and not always of one that is."""
        return self.logit(radiograph) > self.threshold

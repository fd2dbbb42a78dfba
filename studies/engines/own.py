"""This project's reader: from a decoded radiograph to calibrated scores, the decision and the heatmap."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.reading import bundle as bundles
from model.reading.radiograph import Radiograph
from model.reading.reader import Reader
from studies.engines.ways import THREADS, Array, Facts, Way


class Own:
    """The shipped bundle, read as an app would: input check, scores and maps, without the lungs and the quality."""

    def __init__(self, facts: Facts) -> None:
        self._reader = Reader(bundles.load(facts.bundle, threads=THREADS))
        self._positive = facts.positive

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One reading; a picture that the input check refuses has no maps in it, and gets the network's own."""
        reading = self._reader.read(Radiograph(image[0, :, :, 0], "PNG", ""), examine=False)
        if reading.scores:
            return np.array([*reading.logits.values()], np.float32), reading.maps[..., self._positive]
        found = self._reader.bundle.run(image)
        return found.logits, found.maps[..., self._positive]

    def batch(self, images: Array) -> Array | None:
        """One after the other: the file is made for one picture at a time."""
        return np.stack([self._reader.bundle.run(image[None]).logits for image in images])


def load(way: Way, path: Path, facts: Facts) -> Own:
    """Load the shipped bundle."""
    return Own(facts)

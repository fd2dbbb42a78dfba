"""A bundle: a LiteRT model file, its card.json and the auxiliary networks; load, check the SHA-256, run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model.errors import BundleError
from model.reading import input_check
from model.reading.card import Card, chosen, read_card, read_checked, read_model
from model.reading.lungs import Segmenter
from model.reading.mirror import SideTeller
from model.reading.network import Network

SCREENING_FILE, LUNGS_FILE, SIDE_FILE = "screening.npz", "lungs.tflite", "side.tflite"
Part = TypeVar("Part")


@dataclass(frozen=True)
class Outputs:
    """What one forward pass gives for one radiograph.

    Attributes:
        logits: (C,).
        maps: (h, w, C); the cells of a class' map and its bias add up to its logit.
        features: (K,) pooled features.
    """

    logits: NDArray[np.float32]
    maps: NDArray[np.float32]
    features: NDArray[np.float32]


class Bundle:
    """A loaded network with its card and auxiliary networks. Threads may share it: each network runs for one at a time.

    Attributes:
        card: what the bundle says of itself.
        screener: the input check; None for bundles before 0.2.0.
        segmenter: finds lungs; None for bundles without it.
        side: tells mirrored pictures; None for bundles before 0.4.0.
    """

    def __init__(
        self,
        card: Card,
        model: bytes,
        threads: int,
        screener: input_check.Screener | None = None,
        segmenter: Segmenter | None = None,
        side: SideTeller | None = None,
    ) -> None:
        """Build the network.

        Raises:
            BundleError: the model file is no network with the inputs and outputs that the card promises.
        """
        self.card = card
        self.screener, self.segmenter, self.side = screener, segmenter, side
        try:
            self._network = Network(model, ("logits", "maps", "features"), threads)
        except ValueError as error:
            raise BundleError(f"In model.tflite of {card.title}, {error}: fetch or export it again.") from error
        shapes = self._network.output_shapes
        sizes = (self._network.size, shapes["logits"][-1], shapes["maps"][-1])
        if sizes != (card.size, len(card.classes), len(card.classes)):
            raise BundleError(f"model.tflite has not the picture size or classes of {card.title}: export it again.")
        # The first pass takes several times as long as the others; better now than in somebody's first reading.
        self.run(np.zeros((1, card.size, card.size, 1), np.float32))

    def run(self, image: NDArray[np.float32]) -> Outputs:
        """One forward pass.

        Args:
            image: (1, S, S, 1) float32 grey, 0-255.

        Returns:
            Logits, class maps and features of the picture.

        Raises:
            ValueError: the shape is another.
        """
        outputs = self._network.run(image)
        return Outputs(*(outputs[name][0] for name in ("logits", "maps", "features")))


def load(path: Path | str | None = None, threads: int = 2) -> Bundle:
    """Load a bundle from a folder.

    Args:
        path: the folder; default is the environment's CXR_BUNDLE, else the bundle that ships with the project.
        threads: of the interpreter.

    Returns:
        The bundle, ready to run.

    Raises:
        BundleError: a file is missing, the card is not valid, or the model file is not the one the card describes.
    """
    folder = chosen(path)
    card = read_card(folder)
    return build(folder, card, read_model(folder, card), threads)


def build(folder: Path, card: Card, model: bytes, threads: int = 2) -> Bundle:
    """Build a bundle from what was read of it before.

    Args:
        folder: of the bundle, with what stands beside the network.
        card: its card.
        model: the content of its model file, checked.
        threads: of the interpreters.

    Returns:
        The bundle, ready to run.

    Raises:
        BundleError: one of the other files is missing or wrong, or the model file is no such network.
    """
    screener, segmenter, mirror = None, None, None
    if card.screening:
        screener = _part(folder, card, SCREENING_FILE, card.screening.sha256, input_check.from_bytes)
    if card.lungs:
        segmenter = _part(folder, card, LUNGS_FILE, card.lungs.sha256, lambda data: Segmenter(data, threads))
    if side := card.side:
        make = partial(SideTeller, threshold=side.threshold, threads=threads)
        mirror = _part(folder, card, SIDE_FILE, side.sha256, make)
    return Bundle(card, model, threads, screener, segmenter, mirror)


def _part(folder: Path, card: Card, name: str, sha256: str, make: Callable[[bytes], Part]) -> Part:
    """An auxiliary network from its file."""
    data = read_checked(folder / name, sha256, card.title)
    try:
        return make(data)
    except ValueError as error:
        raise BundleError(f"In {name} of {card.title}, {error}: fetch or export it again.") from error

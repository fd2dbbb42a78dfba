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
from model.reading.card import Card, Framing, chosen, read_card, read_checked, read_model
from model.reading.framing import Box, frame, lungs_box
from model.reading.lungs import Lungs, Segmenter
from model.reading.network import Network
from model.reading.radiograph import PREVIEW_FOR, Radiograph

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


@dataclass(frozen=True)
class View:
    """What a network looks at in one radiograph.

    Attributes:
        image: (1, S, S, 1) float32 grey, 0-255.
        box: of the lungs; None where the image is the whole picture.
        lungs: where they are; None where they were not looked for.
        cut: the network is one that looks at the lungs' box.
    """

    image: NDArray[np.float32]
    box: Box | None
    lungs: Lungs | None
    cut: bool


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
        side: input_check.SideTeller | None = None,
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
        if card.framing.margin is not None and segmenter is None:
            raise BundleError(f"{card.title} looks at the lungs, but has no {LUNGS_FILE}: fetch or export it again.")
        # The first pass takes several times as long as the others; better now than in somebody's first reading.
        self.run(np.zeros((1, card.size, card.size, 1), np.float32))

    def look(self, radiograph: Radiograph, *, find_lungs: bool = True) -> View:
        """Cut out what the network looks at, as its training did.

        Args:
            radiograph: decoded.
            find_lungs: look for lungs even if the network takes the whole picture.

        Returns:
            The network's input. It is the whole picture where the lungs were not found, or their box makes no sense.
        """
        return look(radiograph, self.card.framing, self.segmenter, find_lungs=find_lungs)

    def check(self, radiograph: Radiograph, view: View, found: Outputs) -> input_check.Screening | None:
        """What the input check makes of a picture; None for a bundle without one."""
        return self.screener.screen(check_features(radiograph, view, found)) if self.screener else None

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


def look(radiograph: Radiograph, framing: Framing, segmenter: Segmenter | None, *, find_lungs: bool = True) -> View:
    """Cut out what a network looks at.

    Args:
        radiograph: decoded.
        framing: of the network's input.
        segmenter: finds the lungs; None where the bundle has no lung network.
        find_lungs: look for lungs even if the network takes the whole picture.

    Returns:
        The network's input. It is the whole picture where the lungs were not found, or their box makes no sense.
    """
    wanted = find_lungs or framing.margin is not None
    lungs = segmenter.find(radiograph) if wanted and segmenter else None
    box = lungs_box(lungs) if lungs is not None and framing.margin is not None else None
    pixels = radiograph.preview if framing.detail <= PREVIEW_FOR else radiograph.pixels
    return View(frame(pixels, box, framing), box, lungs, framing.margin is not None)


def check_features(radiograph: Radiograph, view: View, found: Outputs) -> NDArray[np.float32]:
    """What the input check judges by.

    Args:
        radiograph: decoded.
        view: what the network looked at.
        found: what it gave.

    Returns:
        The pooled features; where the network may see a part of the picture alone, what the whole of it looks like too.
    """
    if not view.cut or view.lungs is None:
        return found.features
    return np.concatenate([found.features, input_check.look_at_whole(radiograph.overview, view.lungs)])


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
        folder: of the bundle, with the files of the auxiliary networks.
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
        make = partial(input_check.SideTeller, threshold=side.threshold, threads=threads)
        mirror = _part(folder, card, SIDE_FILE, side.sha256, make)
    return Bundle(card, model, threads, screener, segmenter, mirror)


def _part(folder: Path, card: Card, name: str, sha256: str, make: Callable[[bytes], Part]) -> Part:
    """An auxiliary network from its file."""
    data = read_checked(folder / name, sha256, card.title)
    try:
        return make(data)
    except ValueError as error:
        raise BundleError(f"In {name} of {card.title}, {error}: fetch or export it again.") from error

"""A bundle: a LiteRT model file, its card.json and the input check's statistics; load, check the SHA-256, run."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.errors import BundleError
from model.reading import input_check
from model.reading.card import Card, chosen, read_card, read_checked, read_model
from model.reading.lungs import Segmenter
from model.reading.mirror import SideTeller

SCREENING_FILE, LUNGS_FILE, SIDE_FILE = "screening.npz", "lungs.tflite", "side.tflite"


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
    """A loaded network. One interpreter, used by one thread at a time; the others wait."""

    def __init__(
        self,
        card: Card,
        model: bytes,
        threads: int,
        screener: input_check.Screener | None = None,
        segmenter: Segmenter | None = None,
        side: SideTeller | None = None,
    ) -> None:
        """Build the interpreter.

        Raises:
            BundleError: the model file is no network with the outputs that the card promises.
        """
        # Here and not above: it costs 0.1 s that reading a card alone need not pay.
        from ai_edge_litert.interpreter import Interpreter

        self.card = card
        self.screener, self.segmenter, self.side = screener, segmenter, side
        self._lock = threading.Lock()
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=threads)
            self._run = self._interpreter.get_signature_runner("serving_default")
            inputs, outputs = self._run.get_input_details(), self._run.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise BundleError("model.tflite can't be loaded by LiteRT: fetch or export the bundle again.") from error
        if "image" not in inputs or not {"logits", "maps", "features"} <= set(outputs):
            raise BundleError(
                f"model.tflite has {sorted(inputs)} and {sorted(outputs)}, not image and logits, maps and features."
            )
        shape = [*inputs["image"]["shape"][1:], outputs["logits"]["shape"][-1], outputs["maps"]["shape"][-1]]
        if shape != [card.size, card.size, 1, len(card.classes), len(card.classes)]:
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
        expected = (1, self.card.size, self.card.size, 1)
        if image.shape != expected:
            raise ValueError(f"expected an image of shape {expected}, got {image.shape}")
        with self._lock:
            found = self._run(image=np.ascontiguousarray(image, dtype=np.float32))
        return Outputs(found["logits"][0].copy(), found["maps"][0].copy(), found["features"][0].copy())


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
    beside = _screener(folder, card), _segmenter(folder, card, threads), _side(folder, card, threads)
    return Bundle(card, model, threads, *beside)


def _screener(folder: Path, card: Card) -> input_check.Screener | None:
    """The input check, where the card has one; bundles before 0.2.0 had none."""
    described = card.raw.get("screening")
    if not isinstance(described, dict):
        return None
    data = read_checked(folder / SCREENING_FILE, str(described.get("sha256")), card.title)
    try:
        return input_check.from_bytes(data)
    except ValueError as error:
        raise BundleError(f"In {SCREENING_FILE} of {card.title} {error}: fetch or export it again.") from error


def _segmenter(folder: Path, card: Card, threads: int) -> Segmenter | None:
    described = card.raw.get("lungs")
    if not isinstance(described, dict):
        return None
    data = read_checked(folder / LUNGS_FILE, str(described.get("sha256")), card.title)
    try:
        return Segmenter(data, threads)
    except ValueError as error:
        raise BundleError(f"In {LUNGS_FILE} of {card.title}, {error}: fetch or export it again.") from error


def _side(folder: Path, card: Card, threads: int) -> SideTeller | None:
    """The network that tells mirrored pictures; bundles before 0.4.0 had none."""
    described = card.raw.get("side")
    if not isinstance(described, dict):
        return None
    data = read_checked(folder / SIDE_FILE, str(described.get("sha256")), card.title)
    try:
        return SideTeller(data, float(described["threshold"]), threads)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"In {SIDE_FILE} of {card.title}, {error}: fetch or export it again.") from error

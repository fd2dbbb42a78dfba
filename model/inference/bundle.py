"""A bundle: a LiteRT model file, its card.json and the input check's statistics; load, check the SHA-256, run."""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.inference import screening
from model.inference.lungs import Segmenter

DEFAULT_BUNDLE = Path(__file__).resolve().parents[1] / "bundles" / "covid_resnet50"
SCHEMA = 1
SCREENING_FILE, LUNGS_FILE = "screening.npz", "lungs.tflite"


class BundleError(Exception):
    """The bundle can't be used; the message is one sentence that says why and what to do."""


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the positive class' score, and how it was chosen."""

    name: str
    threshold: float
    how: str
    sensitivity: dict[str, float] | None
    specificity: dict[str, float] | None


@dataclass(frozen=True)
class Card:
    """What a bundle says of itself; `raw` is the whole card.json, the fields are what the reader needs.

    Attributes:
        name, version: of the bundle.
        classes: in the order of the logits.
        positive: the class that the headline and the operating points are about.
        size: pixels a side of the network's input.
        temperature: scores are softmax(logits / temperature).
        points: operating points by name; `default_point` names the one to use.
        margin: readings nearer than this to a decision boundary, in log-odds, are uncertain.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    positive: str
    size: int
    temperature: float
    points: dict[str, OperatingPoint]
    default_point: str
    margin: float
    sha256: str
    raw: dict[str, Any]

    @property
    def title(self) -> str:
        """Name and version in one string."""
        return f"{self.name} {self.version}"

    def point(self, name: str | None = None) -> OperatingPoint:
        """An operating point by name, or the default one.

        Raises:
            BundleError: the card has no such point.
        """
        try:
            return self.points[name or self.default_point]
        except KeyError:
            known = ", ".join(self.points)
            raise BundleError(f"There is no operating point {name}; this bundle has {known}.") from None


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
        screener: screening.Screener | None = None,
        segmenter: Segmenter | None = None,
    ) -> None:
        """Build the interpreter.

        Raises:
            BundleError: the model file is no network with the outputs that the card promises.
        """
        # Here and not above: it costs 0.1 s that reading a card alone need not pay.
        from ai_edge_litert.interpreter import Interpreter

        self.card = card
        self.screener, self.segmenter = screener, segmenter
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
    folder = Path(path or os.environ.get("CXR_BUNDLE") or DEFAULT_BUNDLE)
    card = read_card(folder)
    model = _read_checked(folder / "model.tflite", card.sha256, card.title)
    return Bundle(card, model, threads, _screener(folder, card), _segmenter(folder, card, threads))


def _read_checked(path: Path, sha256: str, title: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"The bundle {path.parent.name} has no readable {path.name}: fetch or export it again."
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BundleError(
            f"The file {path.name} of {title} is not the one its card describes (SHA-256 differs): "
            "it may be damaged or replaced; fetch or export the bundle again."
        )
    return data


def _screener(folder: Path, card: Card) -> screening.Screener | None:
    """The input check, where the card has one; bundles before 0.2.0 had none."""
    described = card.raw.get("screening")
    if not isinstance(described, dict):
        return None
    data = _read_checked(folder / SCREENING_FILE, str(described.get("sha256")), card.title)
    try:
        return screening.from_bytes(data)
    except ValueError as error:
        raise BundleError(f"In {SCREENING_FILE} of {card.title} {error}: fetch or export it again.") from error


def _segmenter(folder: Path, card: Card, threads: int) -> Segmenter | None:
    described = card.raw.get("lungs")
    if not isinstance(described, dict):
        return None
    data = _read_checked(folder / LUNGS_FILE, str(described.get("sha256")), card.title)
    try:
        return Segmenter(data, threads)
    except ValueError as error:
        raise BundleError(f"In {LUNGS_FILE} of {card.title}, {error}: fetch or export it again.") from error


def read_card(folder: Path) -> Card:
    """Read and check a bundle's card.json.

    Raises:
        BundleError: it is missing, is no JSON, or lacks something that the reader needs.
    """
    try:
        raw = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"There is no bundle in {folder}: it has no readable card.json.") from error
    except ValueError as error:
        raise BundleError(
            f"The card of the bundle {folder.name} is no valid JSON: fetch or export it again."
        ) from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise BundleError(f"The card of the bundle {folder.name} is not of schema {SCHEMA}: export it again.")
    try:
        card = _parse(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"The card of the bundle {folder.name} lacks or garbles {error}: export it again.") from error
    if not _is_consistent(card):
        raise BundleError(f"The card of the bundle {folder.name} contradicts itself: export it again.")
    return card


def _is_consistent(card: Card) -> bool:
    return (
        card.positive in card.classes
        and len(set(card.classes)) == len(card.classes) >= 2
        and card.default_point in card.points
        and all(0 < point.threshold < 1 for point in card.points.values())
        and 0 < card.temperature < math.inf
        and 0 <= card.margin < math.inf
        and card.size > 0
    )


def _parse(raw: dict[str, Any]) -> Card:
    points = {
        name: OperatingPoint(
            name, float(p["threshold"]), str(p.get("how", "")), p.get("sensitivity"), p.get("specificity")
        )
        for name, p in raw["operating_points"]["points"].items()
    }
    return Card(
        name=str(raw["name"]),
        version=str(raw["version"]),
        classes=tuple(str(c) for c in raw["classes"]),
        positive=str(raw["positive_class"]),
        size=int(raw["input"]["size"]),
        temperature=float(raw["calibration"]["temperature"]),
        points=points,
        default_point=str(raw["operating_points"]["default"]),
        margin=float(raw["uncertain"]["margin"]),
        sha256=str(raw["sha256"]),
        raw=raw,
    )

"""What a bundle says of itself: its card.json, checked; nothing here needs NumPy, so a page can ask it at once."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import BundleError

DEFAULT_BUNDLE = Path(__file__).resolve().parents[1] / "bundles" / "covid_resnet50"
MODEL_FILE = "model.tflite"
SCHEMA = 1


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


def chosen(path: Path | str | None = None) -> Path:
    """The folder of the bundle: the one given, else the one that CXR_BUNDLE names, else the one that ships."""
    return Path(path or os.environ.get("CXR_BUNDLE") or DEFAULT_BUNDLE)


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


def read_model(folder: Path, card: Card) -> bytes:
    """Read the network of a bundle.

    Args:
        folder: of the bundle.
        card: its card.

    Raises:
        BundleError: there is no such file, or it is not the one that the card describes.
    """
    return read_checked(folder / MODEL_FILE, card.sha256, card.title)


def read_checked(path: Path, sha256: str, title: str) -> bytes:
    """Read a file of a bundle.

    Args:
        path: of the file.
        sha256: that its card gives.
        title: of the bundle.

    Raises:
        BundleError: there is no such file, or it is not the one that the card describes.
    """
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

"""card.json -> a checked `Card`; and the other files of a bundle, checked against it."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path

from model.errors import BundleError
from model.reading.card.fields import Card
from model.reading.card.typed import parse

DEFAULT_BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "covid_resnet50"
MODEL_FILE = "model.tflite"
SCHEMA = 1


def chosen(path: Path | str | None = None) -> Path:
    """The folder of the bundle: the one given, else the one that CXR_BUNDLE names, else the one that ships."""
    return Path(path or os.environ.get("CXR_BUNDLE") or DEFAULT_BUNDLE)


def read_card(folder: Path) -> Card:
    """Read and check a bundle's card.json.

    Raises:
        BundleError: it is missing, is no JSON, or a field is missing, of another type or contradicts another one.
    """
    try:
        text = (folder / "card.json").read_text(encoding="utf-8")
    except OSError as error:
        raise BundleError(f"There is no bundle in {folder}: it has no readable card.json.") from error
    except ValueError as error:
        raise BundleError(f"The card of the bundle {folder.name} is no text: fetch or export it again.") from error
    try:
        return parse_card(text)
    except ValueError as error:
        raise BundleError(f"The card of the bundle {folder.name} is not valid: {error}; export it again.") from error


def parse_card(text: str) -> Card:
    """Make a card from the text of its file.

    Raises:
        ValueError: it is not valid; the message names the field.
    """
    raw = json.loads(text)
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise ValueError(f"it is not of schema {SCHEMA}")
    raw |= {"positive": raw.get("positive_class"), "json": text}
    sections = {name: raw.get(name) or {} for name in ("calibration", "operating_points", "uncertain")}
    for name, section, key in (
        ("temperature", "calibration", "temperature"),
        ("points", "operating_points", "points"),
        ("default_point", "operating_points", "default"),
        ("margin", "uncertain", "margin"),
    ):
        if key not in sections[section]:
            raise ValueError(f"{section}.{key} is missing")
        raw[name] = sections[section][key]
    if isinstance(raw["points"], dict):
        raw["points"] = {name: {"name": name} | point for name, point in raw["points"].items()}
    card = parse(Card, raw)
    for holds, what in (
        (card.positive in card.classes, "positive_class must be one of classes"),
        (len(set(card.classes)) == len(card.classes) >= 2, "classes must be two or more different ones"),
        (card.default_point in card.points, "operating_points.default must be one of operating_points.points"),
        (all(0 < point.threshold < 1 for point in card.points.values()), "thresholds must lie between 0 and 1"),
        (0 < card.temperature < math.inf, "calibration.temperature must be above 0"),
        (0 <= card.margin < math.inf, "uncertain.margin must be 0 or more"),
        (card.size > 0, "input.size must be above 0"),
        (0 < card.framing.detail <= card.size, "input.detail must lie between 1 and input.size"),
        (card.framing.margin is None or 0 <= card.framing.margin < 1, "input.margin must lie between 0 and 1"),
    ):
        if not holds:
            raise ValueError(f"{what}: the card contradicts itself")
    return card


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

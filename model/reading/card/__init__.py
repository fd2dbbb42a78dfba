"""The card of a bundle: typed, checked, and without NumPy, so that a page can have it at once."""

from model.reading.card.fields import Card, Estimate, Figure, Framing, Input, OperatingPoint, Source
from model.reading.card.file import DEFAULT_BUNDLE, MODEL_FILE, chosen, parse_card, read_card, read_checked, read_model

__all__ = [
    "DEFAULT_BUNDLE",
    "MODEL_FILE",
    "Card",
    "Estimate",
    "Figure",
    "Framing",
    "Input",
    "OperatingPoint",
    "Source",
    "chosen",
    "parse_card",
    "read_card",
    "read_checked",
    "read_model",
]

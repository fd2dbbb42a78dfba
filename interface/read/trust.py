"""What a result is worth in other hospitals, in one sentence, from the figures in the card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from interface.core import labels
from interface.core.language import ntr, tr
from model.reading.card import Card

# A source with fewer pictures of a kind tells no share of 100.
FEWEST = 30
# What the card calls sources that training never saw.
UNSEEN = ("choice", "external")


def sentence(card: Card) -> str:
    """How many healthy chests of unseen hospitals are called ill, and how often the positive class is found.

    Args:
        card: of the loaded bundle. Its "elsewhere" has both for each source; a card without it (bundles before 0.6.0)
            has figures that tell of healthy chests only how many get the positive class.

    Returns:
        Plain text; empty where the card has no such figure.
    """
    name = labels.class_name(card.positive)
    rows = card.raw.get("elsewhere")
    if isinstance(rows, list):
        ill = [row.get("called_ill") for row in rows]
        detected = [row.get("sensitivity") for row in rows]
        called = tr("ill")
    else:
        unseen = [row for row in card.raw.get("figures", ()) if row.get("role") in UNSEEN]
        specific = [row for row in unseen if str(row.get("id")).endswith(".specificity.normal")]
        ill = [{**row, "value": 1 - row["value"]} for row in specific]
        detected = [row for row in unseen if row.get("metric") == "sensitivity"]
        called = name
    parts = []
    if shares := _shares(ill):
        parts.append(tr("of 100 healthy chests, {range} are called {name}", range=_range(shares), name=called))
    if shares := _shares(detected):
        parts.append(tr("of 100 with {name}, {range} are found", range=_range(shares), name=name))
    if not parts:
        return ""
    sources = len({row.get("source") for row in (rows if isinstance(rows, list) else unseen)})
    where = ntr(
        "Measured at {count} hospital or collection that it never saw",
        "Measured at {count} hospitals and collections that it never saw",
        sources,
    )
    return f"{where}: {'; '.join(parts)}."


def _shares(figures: Iterable[Any]) -> list[int]:
    """The values of figures that rest on enough pictures, in whole percent."""
    return [round(100 * row["value"]) for row in figures if isinstance(row, dict) and row.get("n", 0) >= FEWEST]


def _range(shares: list[int]) -> str:
    low, high = min(shares), max(shares)
    return str(low) if low == high else tr("{low} to {high}", low=low, high=high)

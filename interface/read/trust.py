"""What a result is worth in other hospitals, in one sentence, from the figures in the card."""

from __future__ import annotations

from interface.core import labels
from interface.core.language import ntr, tr
from model.reading.card import Card
from model.reading.card.fields import Figure

# A source with fewer pictures of a kind tells no share of 100.
FEWEST = 30
# What the card calls sources that training never saw.
UNSEEN = ("choice", "external")


def sentence(card: Card) -> str:
    """How many healthy chests of unseen hospitals are called ill, and how often the positive class is found.

    Args:
        card: of the loaded bundle. One from before 0.6.0 tells of healthy chests only how many get the positive class.

    Returns:
        Plain text; empty where the card has no such figure.
    """
    name = labels.class_name(card.positive)
    unseen = [figure for figure in card.figures if figure.role in UNSEEN]
    detected = [figure.value for figure in unseen if figure.metric == "sensitivity" and _is_enough(figure)]
    ill = [figure.value for figure in unseen if figure.metric == "called ill" and _is_enough(figure)]
    called = tr("ill")
    if not ill:
        specific = [figure for figure in unseen if figure.id.endswith(".specificity.normal")]
        ill, called = [1 - figure.value for figure in specific if _is_enough(figure)], name
    parts = []
    if ill:
        parts.append(tr("of 100 healthy chests, {range} are called {name}", range=_range(ill), name=called))
    if detected:
        parts.append(tr("of 100 with {name}, {range} are found", range=_range(detected), name=name))
    if not parts:
        return ""
    sources = len({figure.source for figure in unseen})
    where = ntr(
        "Measured at {count} hospital or collection that it never saw",
        "Measured at {count} hospitals and collections that it never saw",
        sources,
    )
    return f"{where}: {'; '.join(parts)}."


def _is_enough(figure: Figure) -> bool:
    return (figure.n or 0) >= FEWEST


def _range(shares: list[float]) -> str:
    """The least and the largest of some shares of 0 to 1, in whole percent."""
    low, high = round(100 * min(shares)), round(100 * max(shares))
    return str(low) if low == high else tr("{low} to {high}", low=low, high=high)

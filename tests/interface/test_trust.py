"""What a result is worth elsewhere: the card's figures and no others."""

from __future__ import annotations

from dataclasses import replace

from interface.read import trust
from model.reading.card import DEFAULT_BUNDLE, read_card
from model.reading.card.fields import Figure

CARD = read_card(DEFAULT_BUNDLE)


def text(*figures: Figure) -> str:
    return trust.sentence(replace(CARD, figures=figures))


def figure(source: str, metric: str, value: float, role: str = "external", n: int = 100, part: str = "") -> Figure:
    return Figure(value, n=n, id=f"{source}.{metric}{part}", source=source, role=role, metric=metric)


def test_the_range_over_all_unseen_sources_is_told() -> None:
    sentence = text(
        figure("a", "called ill", 0.12, "choice"),
        figure("a", "sensitivity", 0.86, "choice"),
        figure("b", "called ill", 0.31),
        figure("c", "called ill", 0.99, n=6),
        figure("c", "sensitivity", 0.47),
        figure("d", "sensitivity", 0.99, "internal"),
    )
    assert "at 3 hospitals" in sentence
    assert "of 100 healthy chests, 12 to 31 are called ill" in sentence, "six pictures tell no share of 100"
    assert "of 100 with COVID-19 pattern, 47 to 86 are found" in sentence


def test_a_card_from_before_tells_what_it_has() -> None:
    sentence = text(figure("a", "specificity", 0.98, part=".normal"), figure("a", "sensitivity", 0.65))
    assert "2 are called COVID-19 pattern" in sentence and "65 are found" in sentence


def test_a_card_without_such_figures_says_nothing() -> None:
    assert text() == text(figure("a", "AUC", 0.9)) == ""


def test_the_bundle_that_ships_says_both() -> None:
    assert "healthy" in trust.sentence(CARD) and "are found" in trust.sentence(CARD)

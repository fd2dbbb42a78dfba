"""What a result is worth elsewhere: the card's figures and no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interface.read import trust
from model.reading.card import DEFAULT_BUNDLE, read_card

CARD = read_card(DEFAULT_BUNDLE)


def told(**raw: Any) -> str:
    return trust.sentence(replace(CARD, raw=raw))


def figure(value: float, n: int = 100) -> dict[str, float]:
    return {"value": value, "low": 0.0, "high": 1.0, "n": n}


def test_the_range_over_all_unseen_sources_is_told() -> None:
    rows = [
        {"source": "a", "role": "choice", "called_ill": figure(0.12), "sensitivity": figure(0.86)},
        {"source": "b", "role": "external", "called_ill": figure(0.31)},
        {"source": "c", "role": "external", "sensitivity": figure(0.47), "called_ill": figure(0.99, n=6)},
    ]
    sentence = told(elsewhere=rows)
    assert "at 3 hospitals" in sentence
    assert "of 100 healthy chests, 12 to 31 are called ill" in sentence, "six pictures tell no share of 100"
    assert "of 100 with COVID-19 pattern, 47 to 86 are found" in sentence


def test_a_card_from_before_tells_what_it_has() -> None:
    rows = [
        {"id": "a.specificity.normal", "source": "a", "role": "external", "metric": "specificity", **figure(0.98)},
        {"id": "a.sensitivity", "source": "a", "role": "external", "metric": "sensitivity", **figure(0.65)},
        {"id": "b.sensitivity", "source": "b", "role": "internal", "metric": "sensitivity", **figure(0.99)},
    ]
    sentence = told(figures=rows)
    assert "2 are called COVID-19 pattern" in sentence and "65 are found" in sentence and "99" not in sentence


def test_a_card_without_such_figures_says_nothing() -> None:
    assert told() == told(elsewhere=[]) == ""


def test_the_bundle_that_ships_says_both() -> None:
    assert "healthy" in trust.sentence(CARD) and "are found" in trust.sentence(CARD)

"""A decision in words: the finding first, never more than the scores say, and the two classes of a doubt."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from model.reading.card import DEFAULT_BUNDLE, Card, read_card
from model.reading.decision import decide, finding


@pytest.fixture(scope="module")
def card() -> Card:
    return read_card(DEFAULT_BUNDLE)


def named(card: Card, normal: float, other: float, covid19: float) -> dict[str, float]:
    return dict(zip(("normal", "other", "covid19"), (normal, other, covid19), strict=True))


@pytest.mark.parametrize(
    ("decision", "scores", "headline", "sentence"),
    [
        ("covid19", (0.1, 0.1, 0.8), "COVID-19 pattern", "COVID-19 pattern scores 0.80, at or above the operating"),
        ("covid19", (0.6, 0.1, 0.3), "COVID-19 pattern", "Normal scores higher (0.60), but COVID-19 pattern scores"),
        ("other", (0.15, 0.8, 0.05), "Other lung disease", "Other lung disease scores 0.80; COVID-19 pattern scores"),
        ("normal", (0.9, 0.07, 0.03), "No COVID-19 pattern seen", "Normal scores 0.90; COVID-19 pattern scores 0.03"),
        ("uncertain", (0.5, 0.47, 0.03), "Uncertain: Normal or Other lung disease", "Normal scores 0.50 and Other"),
        ("uncertain", (0.47, 0.5, 0.03), "Uncertain: Other lung disease or Normal", "Other lung disease scores 0.50"),
        ("uncertain", (0.6, 0.2, 0.2), "Uncertain: COVID-19 pattern or Normal", "COVID-19 pattern scores 0.20, too"),
    ],
)
def test_every_kind_of_finding(
    card: Card, decision: str, scores: tuple[float, float, float], headline: str, sentence: str
) -> None:
    words = finding(decision, named(card, *scores), card)
    assert str(words.headline) == headline
    assert str(words.sentence).startswith(sentence) and str(words.sentence).endswith(".")


def test_a_refused_picture_was_not_read(card: Card) -> None:
    assert str(finding("refused", {}, card).headline) == "Not read"


def test_the_words_fit_every_decision_that_scores_can_lead_to(card: Card) -> None:
    steps = np.linspace(0.005, 0.985, 50)
    seen = set()
    for point, first, second in itertools.product(card.points, steps, steps):
        if first + second >= 1:
            continue
        scores = named(card, first, second, 1 - first - second)
        decision, _ = decide(card, card.point(point), np.array([scores[name] for name in card.classes]))
        words = finding(decision, scores, card, point)
        text = str(words.headline)
        seen.add((decision, words.doubt))
        assert "absent" not in text and "present" not in text
        assert (decision == "uncertain") == text.startswith("Uncertain: ") == bool(words.doubt)
        if decision == "other":
            assert text == "Other lung disease"
        if decision == "covid19":
            outscored = max(scores["normal"], scores["other"]) > scores["covid19"]
            assert ("scores higher" in str(words.sentence)) == outscored
        if words.doubt and "covid19" not in words.doubt:
            assert scores["covid19"] < card.point(point).threshold
    doubts = {doubt for decision, doubt in seen if decision == "uncertain"}
    assert {frozenset(doubt) for doubt in doubts} == set(map(frozenset, itertools.combinations(card.classes, 2)))


def test_two_classes_without_a_normal_one(card: Card) -> None:
    two = replace(card, classes=("negative", "positive"), positive="positive")
    assert str(finding("negative", {"negative": 0.9, "positive": 0.1}, two).headline) == "Negative"
    doubt = finding("uncertain", {"negative": 0.8, "positive": 0.2}, two)
    assert doubt.doubt == ("positive", "negative")

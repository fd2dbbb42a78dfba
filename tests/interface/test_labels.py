"""Words: what a person reads is right, and what a stranger wrote can't become markup."""

from __future__ import annotations

import pytest

from interface.core import labels, language


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (0.004, "under 0.01"),
        (0.01, "0.01"),
        (0.624, "0.62"),
        (0.994, "0.99"),
        (0.998, "over 0.99"),
        (1, "1.00"),
    ],
)
def test_a_score_never_rounds_to_certainty(value: float, text: str) -> None:
    assert labels.score(value) == text


@pytest.mark.parametrize(
    ("factor", "text"), [(27.4, "27"), (14800, "15,000"), (0.078, "0.078"), (5.9e-8, "6 × 10⁻⁸"), (6.8e12, "7 × 10¹²")]
)
def test_factors(factor: float, text: str) -> None:
    assert labels.times(factor) == text


def test_classes_are_named_inside_a_sentence_and_nowhere_else() -> None:
    assert labels.named("covid19 against other, another set", ("other", "covid19")) == (
        "COVID-19 pattern against Other lung disease, another set"
    )


@pytest.mark.parametrize(
    ("name", "percent", "decimal", "factor"),
    [
        ("en", "88%", "1,234.50", "15,000"),
        ("hi", "88%", "1,234.50", "15,000"),
        ("fr", "88\u202f%", "1\u202f234,50", "15\u202f000"),
        ("es", "88\u00a0%", "1\u00a0234,50", "15\u00a0000"),
    ],
)
def test_numbers_are_written_as_the_language_does(
    monkeypatch: pytest.MonkeyPatch, name: str, percent: str, decimal: str, factor: str
) -> None:
    monkeypatch.setattr(language, "spoken", lambda: name)
    assert labels.percent(0.88) == percent
    assert labels.decimal(1234.5) == decimal
    assert labels.times(14800) == factor
    assert labels.decimal(-0.5, signed=True).startswith("\u2212")


def test_two_class_names_of_others_stay_readable() -> None:
    assert labels.class_name("viral_pneumonia") == "Viral pneumonia"


def test_plain_takes_markup_its_power() -> None:
    assert labels.plain("a|b\n<i>:red[x] $y$ `z` *w*") == r"a\|b \<i\>\:red\[x\] \$y\$ \`z\` \*w\*"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not stated"), (float("nan"), "not stated"), ("x", "not stated"), (1234, "1,234"), (0.5, "0.500")],
)
def test_numbers(value: object, text: str) -> None:
    assert labels.number(value) == text


def test_interval_without_bounds_is_the_value_alone() -> None:
    assert labels.interval({"value": 0.9}) == "0.900"
    assert labels.interval({"value": 0.9, "low": 0.8, "high": 0.95}) == "0.900 (0.800 to 0.950)"
    assert labels.interval(None) == "not stated"

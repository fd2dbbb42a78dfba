"""A card is typed; an error names the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model.reading.card import DEFAULT_BUNDLE, parse_card, read_card


def shipped() -> dict[str, Any]:
    card: dict[str, Any] = json.loads((DEFAULT_BUNDLE / "card.json").read_text(encoding="utf-8"))
    return card


def test_every_part_of_the_shipped_card_is_typed() -> None:
    raw, card = shipped(), read_card(DEFAULT_BUNDLE)
    assert (card.title, card.size, card.positive) == ("covid_resnet50 " + raw["version"], 112, raw["positive_class"])
    assert [figure.id for figure in card.figures] == [figure["id"] for figure in raw["figures"]]
    assert card.figures[0].value == raw["figures"][0]["value"]
    assert card.points["balanced"].sensitivity is not None
    assert card.training.sources[0].pictures == raw["training"]["sources"][0]["pictures"]
    assert card.screening is not None and card.screening.tested[0].refused == raw["screening"]["tested"][0]["refused"]
    assert card.calibration.n == raw["calibration"]["n"] and card.licence.code == "Apache-2.0"
    assert json.loads(card.json) == raw


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("input", "size"), "large", "input.size must be a whole number, not 'large'"),
        (("name",), None, "name must be text"),
        (("classes",), "normal", "classes must be a list, not str"),
        (("classes", 1), 7, r"classes\[1\] must be text, not 7"),
        (("operating_points", "points", "balanced", "threshold"), "0.5", "points.balanced.threshold must be a number"),
        (("figures", 2, "n"), 1.5, r"figures\[2\].n must be a whole number, not 1.5"),
        (("training", "sources", 0, "pictures"), [], r"training.sources\[0\].pictures must be an object"),
        (("uncertain", "margin"), True, "margin must be a number, not True"),
        (("lungs", "sha256"), 4, "lungs.sha256 must be text"),
        (("schema",), 2, "not of schema 1"),
    ],
)
def test_a_value_of_another_type_is_named(path: tuple[str | int, ...], value: Any, message: str) -> None:
    raw = part = shipped()
    for key in path[:-1]:
        part = part[key]  # type: ignore[index]
    part[path[-1]] = value  # type: ignore[index]
    with pytest.raises(ValueError, match=message):
        parse_card(json.dumps(raw))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("version",), "version is missing"),
        (("input", "size"), "input.size is missing"),
        (("calibration", "temperature"), "calibration.temperature is missing"),
        (("side", "threshold"), "side.threshold is missing"),
    ],
)
def test_a_missing_field_is_named(path: tuple[str, ...], message: str) -> None:
    raw = part = shipped()
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    with pytest.raises(ValueError, match=message):
        parse_card(json.dumps(raw))


def test_what_is_known_of_no_field_and_what_may_be_missing_does_no_harm() -> None:
    raw = shipped() | {"new": 1}
    for name in ("figures", "export", "lungs", "side", "screening", "training", "licence", "limits"):
        del raw[name]
    card = parse_card(json.dumps(raw))
    assert (card.figures, card.lungs, card.training.sources) == ((), None, ())

"""Scores as bars: numbers, widths, and what is called uncertain."""

from __future__ import annotations

import math

import pytest

from interface.components import score_bars


def test_every_class_has_its_number_and_its_width() -> None:
    html = score_bars.scores({"covid19": 0.62, "other": 0.3, "normal": 0.08}, "covid19", 0.45, 0.5)
    assert [f"<b>{number}</b>" in html for number in ("0.62", "0.30", "0.08")] == [True] * 3
    assert 'class="cxr-bar cxr-positive" style="width:62.0%"' in html
    assert html.count("cxr-point") == 2  # the style, and one tick
    assert 'class="cxr-point" style="left:45.0%"' in html


def test_the_hatched_band_is_what_lies_nearer_than_the_margin() -> None:
    low, high = score_bars.uncertain_band(0.3, 0.5)
    assert math.log(low / (1 - low)) == pytest.approx(math.log(0.3 / 0.7) - 0.5)
    assert math.log(high / (1 - high)) == pytest.approx(math.log(0.3 / 0.7) + 0.5)
    assert score_bars.uncertain_band(0.3, 0.0) == pytest.approx((0.3, 0.3))


def test_a_class_name_can_not_bring_html_along() -> None:
    assert "<script" not in score_bars.scores({"<script>x": 0.5, "b": 0.5}, "b", 0.5, 0.1)

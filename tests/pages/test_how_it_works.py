"""The teaching page: it shows the measured numbers and the reading at hand."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from interface import depth, words


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return app.switch_page("pages/how_it_works.py").run()


def test_it_explains_in_order(page: AppTest) -> None:
    assert not page.exception
    assert page.title[0].value == "How it works"
    text = "\n".join(header.value for header in page.header)
    positions = [text.find(word) for word in ("From the picture", "gradient", "residual block", "152", "Grad-CAM")]
    assert positions == sorted(positions)
    assert -1 not in positions


def test_the_depth_slider_measures_anew(page: AppTest) -> None:
    def at_the_bottom() -> str:
        measured = next(text.value for text in page.markdown if "Gradient at the bottom" in text.value)
        (found,) = re.findall(r"^\| Plain layers \| ([^|]+) \|$", measured, re.MULTILINE)
        return str(found)

    page.slider(key="depth").set_value(8).run()
    assert at_the_bottom() == words.times(depth.trace("plain", 8).first)
    page.slider(key="depth").set_value(152).run()
    assert at_the_bottom() == words.times(depth.trace("plain", 152).first)
    assert "10⁻" in at_the_bottom()


def test_the_map_by_hand_adds_up_to_the_logit(page: AppTest) -> None:
    page.button(key="hand_sample").click().run()
    assert not page.exception
    (item,) = page.session_state.shelf.items.values()
    chosen = page.segmented_control(key="hand_class").value
    formula = next(text.value for text in page.latex if "logit" in text.value)
    total, bias, logit = (float(number) for number in re.findall(r"[+-]?\d+\.\d+", formula))
    assert total + bias == pytest.approx(logit, abs=0.011)
    assert logit == pytest.approx(item.reading.logits[chosen], abs=0.006)

"""The prevalence page: presets, sliders, and numbers that follow from them."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from interface.learn import prevalence as prevalence_charts
from tests.pages.test_read import said


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return app.switch_page("pages/prevalence.py").run()


def metric(page: AppTest, place: int) -> str:
    return str(page.metric[place].value)


def test_predictive_values_follow_the_prevalence(page: AppTest) -> None:
    assert not page.exception
    page.selectbox(key="preset").select("Custom values").run()
    page.slider(key="sensitivity").set_value(90).run()
    page.slider(key="specificity").set_value(90).run()
    page.select_slider(key="prevalence").set_value(1.0).run()
    assert not page.exception
    assert metric(page, 0) == "8.3%" and metric(page, 1) == "99.9%"
    page.select_slider(key="prevalence").set_value(50.0).run()
    assert metric(page, 0) == "90%" and metric(page, 1) == "90%"


def test_presets_bring_their_shares_and_their_source(page: AppTest) -> None:
    ct = next(preset for preset in prevalence_charts.LITERATURE if preset.name == "Chest CT")
    page.selectbox(key="preset").select(ct.name).run()
    assert page.slider(key="sensitivity").value == 97 and page.slider(key="specificity").value == 25
    assert "radiol\\.2020200642" in said(page)
    page.slider(key="specificity").set_value(60).run()
    assert page.selectbox(key="preset").value == "Custom values"


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "prevalence"), [(0.9, 0.9, 0.01), (0.25, 1.0, 0.5), (1, 0, 0.3)]
)
def test_people_add_up(sensitivity: float, specificity: float, prevalence: float) -> None:
    counts = prevalence_charts.count(sensitivity, specificity, prevalence)
    total = counts.ill_positive + counts.ill_negative + counts.well_positive + counts.well_negative
    assert total == prevalence_charts.PEOPLE
    drawn = sum(len(series["data"]) for series in prevalence_charts.people(counts)["series"])
    assert drawn == prevalence_charts.PEOPLE


def test_nomogram_is_a_straight_line_to_the_chance_after_the_test() -> None:
    option = prevalence_charts.nomogram(0.9, 0.9, 0.1)
    (left, middle, right) = option["series"][3]["data"]
    assert middle[1] == pytest.approx((left[1] + right[1]) / 2, abs=0.01)
    assert right[1] == pytest.approx(0, abs=0.01)  # 0.9 / 0.1 times odds of 1 : 9 is even odds

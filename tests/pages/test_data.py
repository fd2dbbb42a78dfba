"""The page Data: every source of the card, nothing that it does not say, and figures of the loaded network alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from interface.core import labels
from interface.evidence import datasets, document
from model.reading.card import chosen, read_card
from tests.app_fixtures import PATIENCE
from tests.conftest import ROOT
from tests.pages.test_read import said


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page as it is about the bundle that ships."""
    monkeypatch.delenv("CXR_BUNDLE", raising=False)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).switch_page("pages/data.py").run()


def test_every_source_stands_there_with_its_number_licence_and_page(shipped: AppTest) -> None:
    assert not shipped.exception
    text = said(shipped)
    card = read_card(chosen())
    assert len(card.training.sources) > 3
    for source in card.training.sources:
        known = datasets.COLLECTIONS[source.source]
        counts = " | ".join(labels.number(source.pictures.get(name, 0)) for name in card.classes)
        assert f"| {counts} |" in text
        assert labels.plain(source.licence) in text
        assert known.labels in text and f"]({known.page})" in text
    outside = [source.is_external for source in card.training.sources]
    assert text.count("Never learned from") == sum(outside) > 0
    assert text.rindex("Learned from, and measured") < text.index("Never learned from")


def test_the_measured_bias_is_that_of_the_evidence(shipped: AppTest) -> None:
    figures = datasets.told_apart(document.measured(), read_card(chosen()).sha256)
    assert {figure["id"].rsplit(".", 1)[-1] for figure in figures} == {"normal", "other", "covid19"}
    for figure in figures:
        assert f"{labels.interval(figure, 2)}, where guessing gives {figure['chance']:.2f}" in said(shipped)


def test_figures_of_another_network_are_not_shown() -> None:
    assert not datasets.told_apart(document.measured(), "0" * 64)
    assert not datasets.told_apart({}, "0" * 64)


def test_what_this_app_does_not_know_keeps_the_words_of_the_card(app: AppTest) -> None:
    app.switch_page("pages/data.py").run()
    assert not app.exception
    text = said(app)
    assert "Known biases" not in text, "nobody knows those of pictures of one's own"
    assert labels.NOT_STATED in text and "A picture to try" in text


def test_a_card_without_sources_says_so(
    app: AppTest, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = shutil.copytree(small_bundle, tmp_path / "bare")
    card = json.loads((bare / "card.json").read_text())
    del card["training"]
    (bare / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("CXR_BUNDLE", str(bare))
    app.switch_page("pages/data.py").run()
    assert not app.exception
    assert "does not say what it learned from" in app.info[0].value

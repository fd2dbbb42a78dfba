"""The card page shows what card.json says, all of it, and survives a card that says less."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from interface.core import labels
from tests.pages.test_read import said


def test_every_figure_limit_and_licence_is_shown(app: AppTest, small_bundle: Path) -> None:
    app.switch_page("pages/card.py").run()
    assert not app.exception
    card = json.loads((small_bundle / "card.json").read_text())
    text = said(app)
    assert card["figures"], "the fixture measured nothing"
    for figure in card["figures"]:
        assert labels.interval(figure) in text
        assert re.search(rf"\| {figure['n']:,} (\(\d[\d,]* positive\) )?\|", text)
    for sentence in [*card["limits"], *card["licence"].values(), card["intended_use"]]:
        assert labels.plain(sentence) in text
    for point in card["operating_points"]["points"]:
        assert labels.plain(labels.label(point)) in text
    assert card["sha256"] in text


def test_a_bare_card_is_shown_as_bare(
    app: AppTest, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = shutil.copytree(small_bundle, tmp_path / "bare")
    card = json.loads((bare / "card.json").read_text())
    for key in ("figures", "limits", "training", "export", "intended_use", "licence", "architecture", "created"):
        del card[key]
    (bare / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("CXR_BUNDLE", str(bare))
    app.switch_page("pages/card.py").run()
    assert not app.exception
    assert labels.NOT_STATED in said(app)
    assert "None was measured" in said(app)

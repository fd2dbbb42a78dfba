"""The page About: what it is for, what happens to a picture, and the versions that are installed."""

from __future__ import annotations

from importlib import metadata

from streamlit.testing.v1 import AppTest

from model import __version__


def test_it_says_what_it_is_for_and_names_what_is_installed(app: AppTest) -> None:
    app.switch_page("pages/about.py").run()
    assert not app.exception
    shown = "\n".join(markdown.value for markdown in app.markdown)
    assert "not a medical device" in shown
    assert metadata.version("streamlit") in shown
    card = app.code[0].value
    assert __version__ in card and "SHA-256" in card


def test_ten_terms_have_an_anchor_to_link_to(app: AppTest) -> None:
    app.switch_page("pages/about.py").run()
    anchors = [header.anchor for header in app.subheader if header.anchor]
    assert len(anchors) == len(set(anchors)) == 10 and {"auc", "operating-point", "ece"} <= set(anchors)

"""The page of the evidence: sections, figures and rows by source, from the document that a measurement wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from interface import evidence
from tests.conftest import ROOT

DOCUMENT = """# Evidence

<!-- Written by a script. -->

What it does (SHA-256 `0000aaaa…`).

## Per source

![AUC of each source](evidence/auc.svg)

### Inside

| Pictures | What | n |
| --- | --- | ---: |
| cohen (never trained on) | AUC: a | 48 |
| siim test split | AUC: b | 60 |

## Limits

| Kind | n |
| --- | --- |
| any | 3 |
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "auc.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    path = tmp_path / "evidence.md"
    path.write_text(DOCUMENT)
    return path


def test_a_document_is_taken_apart(document: Path) -> None:
    above, first, second = evidence.read(document)
    assert above.parts == ("What it does (SHA-256 `0000aaaa…`).",)
    assert first.title == "Per source"
    figure, heading, table = first.parts
    assert isinstance(figure, evidence.Figure) and figure.alt == "AUC of each source" and figure.path.exists()
    assert heading == "### Inside" and str(table).count("\n") == 3
    assert second.title == "Limits"


def test_rows_of_one_source_stay_and_other_tables_are_whole(document: Path) -> None:
    sections = evidence.read(document)
    assert evidence.sources(sections) == ["cohen", "siim"]
    table, other = str(sections[1].parts[2]), str(sections[2].parts[0])
    assert "cohen" in evidence.of_source(table, "cohen") and "siim" not in evidence.of_source(table, "cohen")
    assert evidence.of_source(table, "nih") == ""
    assert evidence.of_source(other, "cohen") == other


def test_the_page_says_of_which_network_its_figures_are(
    app: AppTest, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence.read, "__defaults__", (document,))
    app.switch_page("pages/evidence.py").run()
    assert not app.exception
    assert "another network" in app.warning[0].value
    app.selectbox(key="evidence_source").select("siim").run()
    shown = "\n".join(markdown.value for markdown in app.markdown)
    assert "siim test split" in shown and "cohen (never" not in shown


def test_without_a_measurement_the_page_says_so(app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence.read, "__defaults__", (tmp_path / "none.md",))
    app.switch_page("pages/evidence.py").run()
    assert not app.exception and "make evidence" in app.info[0].value


def test_what_was_published_can_be_shown() -> None:
    if not (ROOT / "docs" / "evidence.md").exists():
        pytest.skip("docs/evidence.md is not there yet: run `make evidence`")
    sections = evidence.read()
    assert len(sections) > 5 and evidence.sources(sections)
    figures = [part for section in sections for part in section.parts if isinstance(part, evidence.Figure)]
    assert figures and all(figure.path.exists() for figure in figures)

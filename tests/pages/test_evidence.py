"""The page of the evidence: sections, figures and rows by source, from the document that a measurement wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from interface.core import labels
from interface.evidence import charts, claims
from interface.evidence import document as evidence_document

DOCUMENT = """# Evidence: tables

<!-- Written by a script. -->

What it does (SHA-256 `0000aaaa…`).

## Per source

### Inside

| Pictures | What | n |
| --- | --- | ---: |
| cohen (never trained on) | AUC: a | 48 |
| siim test split | AUC: b | 60 |
| hannover (to choose by) | AUC: b | 60 |

## Limits

| Kind | n |
| --- | --- |
| any | 3 |
"""


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tables.md"
    path.write_text(DOCUMENT)
    (tmp_path / "evidence.json").write_text(json.dumps({"bundle": {"sha256": "0000aaaa", "classes": []}}))
    monkeypatch.setattr(evidence_document, "DOCUMENT", path)
    return path


def test_a_document_is_taken_apart(document: Path) -> None:
    above, first, second = evidence_document.read()
    assert above.parts == ("What it does (SHA-256 `0000aaaa…`).",)
    assert first.title == "Per source"
    heading, table = first.parts
    assert heading == "### Inside" and table.count("\n") == 4
    assert second.title == "Limits"


def filtered(text: str, *chosen: str) -> list[str]:
    """The paragraphs that are left when these sources are chosen."""
    section = evidence_document.Section("", tuple(text.split("\n\n")))
    return [str(part) for part in evidence_document.of_sources(section, chosen, ("cohen", "nih", "siim"))]


def test_rows_of_the_chosen_sources_stay_and_other_tables_are_whole(document: Path) -> None:
    sections = evidence_document.read()
    assert evidence_document.sources(sections) == ["cohen", "hannover", "siim"]
    table, other = sections[1].parts[1], sections[2].parts[0]
    (rows,) = filtered(table, "cohen")
    assert "cohen" in rows and "siim" not in rows
    assert filtered(table, "nih") == [] and filtered(table) == [table]
    assert filtered(other, "cohen") == [other]


def test_the_column_that_names_the_source_is_found() -> None:
    table = "| Pictures | Source | n |\n| --- | --- | --- |\n| external | cohen | 1 |\n| internal | siim | 2 |"
    (one,) = filtered(table, "siim")
    assert "| internal | siim | 2 |" in one and "cohen" not in one
    # A table of the literature has such a column too, and none of these sources in it.
    papers = "| Network | Source |\n| --- | --- |\n| A \\| B | Wang 2020 |"
    assert filtered(papers, "siim") == [papers]


@pytest.fixture
def found() -> dict[str, Any]:
    """A small JSON as `evaluate` writes it, of two sources."""

    def row(source: str, role: str, **more: Any) -> dict[str, Any]:
        where = {"external": "(never trained on)", "internal": "test split"}[role]
        return {"set": f"{source} {where}", "source": source, "role": role, "n": 40, "positives": 10, **more}

    both = (("cohen", "external"), ("siim", "internal"))
    areas = [
        row(*one, metric=metric, what="covid19 against normal", value=0.8, low=0.7, high=0.9)
        for one in both
        for metric in ("AUC", "average precision")
    ]
    curves = [
        row(*one, kind=kind, what="covid19 against normal", y=[0.2, 0.6, 1], low=[0, 0.5, 0.9], high=[0.3, 0.8, 1],
            points=[{"point": "balanced", "x": 0.3, "y": 0.4}])
        for one in both
        for kind in ("ROC", "precision-recall")
    ]  # fmt: skip
    classes = ["normal", "other", "covid19"]
    matrices = [row(*one, classes=classes, counts=[[20, 5, 5], [0, 0, 0], [1, 2, 7]], uncertain=3) for one in both]
    return {
        "bundle": {"classes": classes},
        "headline": {"figures": areas, "confusion": matrices},
        "curves": {"grid": [0, 0.5, 1], "curves": curves},
    }


@pytest.mark.parametrize("name", ["ROC", "precision-recall"])
def test_curves_have_their_band_and_say_their_result(found: dict[str, Any], name: str) -> None:
    (chart,) = [chart for chart in charts.of_section("Per source", found, ("siim",)) if chart.alt.startswith(name)]
    curve, low, gap, points = chart.option["series"][:4]
    assert curve["data"] == [[0, 0.2], [0.5, 0.6], [1, 1]]
    # Stacked on the lower edge, the second line is the upper one.
    assert low["stack"] == gap["stack"]
    assert [a[1] + b[1] for a, b in zip(low["data"], gap["data"], strict=True)] == pytest.approx([0.3, 0.8, 1])
    assert points["data"] == [{"value": [0.3, 0.4], "name": "balanced"}]
    assert "0.80 (0.70 to 0.90)" in chart.alt and "siim" in chart.alt and "cohen" not in chart.alt
    assert "n \\= 40" in chart.caption and "*curves*" in chart.caption
    json.dumps(chart.option, allow_nan=False)


def test_matrices_show_the_lines_that_there_are(found: dict[str, Any]) -> None:
    area, matrix = charts.of_section("Per source", found, ("cohen",))[:2]
    assert "Areas under the ROC curve: cohen" in area.alt
    assert [cell["value"] for cell in matrix.option["baseOption"]["series"][0]["data"]] == [
        [0, 0, 20], [1, 0, 5], [2, 0, 5], [0, 1, 1], [1, 1, 2], [2, 1, 7]
    ]  # fmt: skip
    assert matrix.option["baseOption"]["yAxis"]["data"] == ["is\nNormal", "is\nCOVID-19 pattern"]
    assert "COVID-19 pattern: 7 of 10 rightly called" in matrix.alt


def test_what_was_not_measured_is_not_drawn_and_other_figures_stay(found: dict[str, Any]) -> None:
    del found["curves"]
    assert len(charts.of_section("Per source", found, ())) == 3
    assert charts.of_section("Predictive values", found, ()) == charts.of_section("Per source", {}, ()) == []


def test_the_page_says_of_which_network_its_figures_are(app: AppTest, document: Path) -> None:
    app.switch_page("pages/evidence.py").run()
    assert not app.exception
    assert "another network" in app.warning[0].value
    app.selectbox(key="section").select("Per source").run()
    app.pills(key="source").select("siim").run()
    shown = "\n".join(markdown.value for markdown in app.markdown)
    assert "siim test split" in shown and "cohen (never" not in shown


def test_the_address_chooses_section_and_sources(app: AppTest, document: Path) -> None:
    app.query_params["section"] = "Limits"
    app.query_params["source"] = ["cohen"]
    app.switch_page("pages/evidence.py").run()
    assert not app.exception
    assert app.selectbox(key="section").value == "Limits" and app.pills(key="source").value == ["cohen"]


def test_without_a_measurement_the_page_says_so(app: AppTest, document: Path) -> None:
    document.unlink()
    app.switch_page("pages/evidence.py").run()
    assert not app.exception and "make evidence" in app.info[0].value


def test_every_chart_of_what_was_published_says_its_result() -> None:
    found, tables = evidence_document.measured(), evidence_document.read()
    known, titles = evidence_document.sources(tables), [section.title for section in tables]
    assert len(titles) > 5 and "cohen" in known
    drawn = {(source, title): charts.of_section(title, found, (source,)) for source in known for title in titles}
    assert sum(map(len, drawn.values())) > 10
    for (source, title), made in drawn.items():
        for chart in made:
            assert labels.plain(source) in chart.caption and re.search(r"n \\?= \d", chart.caption), title
            assert "docs/evidence/" in chart.caption and re.search(r"\d", chart.alt), title
            json.dumps(chart.option, allow_nan=False)


def figure(part: str, value: float, **fields: Any) -> dict[str, Any]:
    return {
        "source": "x",
        "set": "x",
        "role": "choice",
        "what": part,
        "value": value,
        "low": 0.0,
        "high": 1.0,
        "n": 99,
    } | fields


def test_the_claims_say_what_the_figures_say() -> None:
    changed = {"metric": "decisions changed", "source": "all choice"}
    rows = [
        figure("codec", value, form=form, bundle=bundle, **changed)
        for bundle, values in (("new 2", (0.08, 0.05)), ("old 1", (0.44, 0.27)))
        for form, value in zip(("JPEG of quality 20 at 256 px", "light blur"), values, strict=True)
    ]
    evidence = {
        "bundle": {"classes": ["normal", "covid19"]},
        "codec": {"figures": rows},
        "headline": {"figures": [figure("covid19 against normal", v, metric="AUC") for v in (0.9, 0.7)]},
        "elsewhere": {"figures": [figure("normal", v, metric="called ill", set=f"h{v}") for v in (0.1, 0.31)]},
    }
    by_title = {claim.title: claim for claim in claims.claims(evidence)}
    assert list(by_title) == ["What the file format does", "Other hospitals", "Healthy chests called ill"]
    form, hospitals, healthy = by_title.values()
    assert re.search(r"compressed JPEG, 256 pixels: 8.?% of the decisions change.*old 1.*44.?%", form.sentence)
    assert [series["name"] for series in form.option["baseOption"]["series"]] == ["new 2", "old 1"]
    assert "between 0.70 and 0.90" in hospitals.sentence
    assert "Of 100 healthy chests, 10 to 31 are called ill" in healthy.sentence
    assert healthy.option["baseOption"]["yAxis"]["data"] == ["h0.31", "h0.1"], "the worst first"


def test_the_page_tells_the_published_claims_first(app: AppTest) -> None:
    app.switch_page("pages/evidence.py").run()
    assert not app.exception
    expected = claims.claims(evidence_document.measured())
    assert [header.value for header in app.subheader][: len(expected)] == [
        f"{number}. {claim.title}" for number, claim in enumerate(expected, 1)
    ]

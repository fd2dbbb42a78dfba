"""The documents say what the JSON says; the published ones say what was measured on the bundle that ships."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from model.evaluation import run
from model.evaluation.render import studies
from model.reading.card import DEFAULT_BUNDLE, read_card
from tests.conftest import ROOT
from tests.evaluation.conftest import evidence

PUBLISHED = ROOT / "docs" / "evidence" / "evidence.json"


def test_documents_are_what_the_json_says_and_say_that_it_was_quick(measured: Path, small_bundle: Path) -> None:
    card = read_card(small_bundle)
    for path, text in run.pages(measured, card).items():
        assert path.read_text(encoding="utf-8") == text
        assert "A quick run" in text
        targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", text)
        assert [target for target in targets if not (path.parent / target).exists()] == []
    assert (measured / "docs" / "evidence" / "tables.md").read_text(encoding="utf-8").count("Not run:") == len(
        studies.STUDIES
    )
    label = (measured / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert [f"| {number} |" in label for number in range(1, 45)] == [True] * 44


def test_the_page_is_five_claims_with_their_figures(measured: Path) -> None:
    page = (measured / "docs" / "evidence.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [
        "1. The file format",
        "2. Other hospitals",
        "3. Healthy chests called ill",
        "4. The heatmap and the lungs",
        "5. Uncertain",
    ]
    drawn = re.findall(r"\]\((evidence/.*\.svg)\)", page)
    assert len(drawn) == page.count("## ") and all((measured / "docs" / name).is_file() for name in drawn)


def test_a_changed_figure_changes_the_documents(measured: Path, small_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(measured / "docs", tmp_path / "docs")
    changed = evidence(tmp_path)
    for row in changed["headline"]["figures"]:
        row["value"] = 0.1234
    (tmp_path / "docs" / "evidence" / "evidence.json").write_text(json.dumps(changed), encoding="utf-8")
    for path, text in run.pages(tmp_path, read_card(small_bundle)).items():
        assert "0.12" in text or "12 %" in text
        assert text != (measured / path.relative_to(tmp_path)).read_text(encoding="utf-8")


def test_an_extra_goes_into_the_page(measured: Path, small_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(measured / "docs", tmp_path / "docs")
    studies.write(tmp_path / "docs" / "evidence" / "seeds.json", ["Three runs."], ["Seed", "AUC"], [[1, "0.90"]])
    run.publish(tmp_path, read_card(small_bundle))
    page = (tmp_path / "docs" / "evidence" / "tables.md").read_text(encoding="utf-8")
    assert "Three runs." in page and "| 1 | 0.90 |" in page


def test_figures_are_small_and_the_same_for_the_same_values(measured: Path, small_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(measured / "docs", tmp_path / "docs")
    run.publish(tmp_path, read_card(small_bundle))
    drawn = sorted((measured / "docs" / "evidence").glob("*.svg"))
    assert len(drawn) == 5
    for path in drawn:
        assert path.stat().st_size < 400_000
        assert path.read_bytes() == (tmp_path / path.relative_to(measured)).read_bytes()


def test_the_published_documents_say_what_the_json_and_the_card_say() -> None:
    if not PUBLISHED.exists():
        pytest.skip("docs/evidence/evidence.json is not there yet: run `make evidence`")
    card = read_card(DEFAULT_BUNDLE)
    content = evidence(ROOT)
    assert not content["quick"]
    assert content["bundle"]["sha256"] == card.sha256, "measured on another bundle: run `make evidence`"
    for path, text in run.pages(ROOT, card).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make evidence`"
    # The README's table comes from the card (tests/test_project.py), the card's figures from the same pictures.
    here = {row["id"]: row for part in ("headline", "elsewhere") for row in content[part]["figures"]}
    for figure in card.figures:
        assert here[figure.id]["n"] == figure.n
        assert here[figure.id]["value"] == pytest.approx(figure.value, abs=0.005), figure.id

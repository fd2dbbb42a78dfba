"""docs/engines.md and its chart say what was measured, the missed targets and the engines left out too."""

from __future__ import annotations

import copy
import html
import json
from typing import Any

import pytest

from studies.engines import chart, page, run, targets, ways


@pytest.fixture
def result() -> dict[str, Any]:
    if not run.OUT.exists():
        pytest.skip(f"engines.json is not measured yet: run `{page.COMMAND}`")
    found: dict[str, Any] = json.loads(run.OUT.read_text(encoding="utf-8"))
    return found


def test_the_page_agrees_with_what_was_measured(result: dict[str, Any]) -> None:
    written = page.DOCUMENT.read_text(encoding="utf-8")
    assert page.document(result) == written, f"run `{page.COMMAND} --page`"


def test_the_chart_has_a_bar_for_every_way(result: dict[str, Any]) -> None:
    drawn = html.unescape(page.CHART.read_text(encoding="utf-8"))
    for name, row in result["rows"].items():
        if "ms" in row:
            assert f">{name}<" in drawn
            assert f">{row['ms']['median']:.1f}<" in drawn, f"run `{page.COMMAND} --page`"


def test_the_same_values_draw_the_same_chart(result: dict[str, Any]) -> None:
    slower = copy.deepcopy(result)
    next(row for row in slower["rows"].values() if "ms" in row)["ms"]["median"] += 1000
    assert chart.draw(result) == chart.draw(result)
    assert chart.draw(slower) != chart.draw(result)


def test_a_missed_target_shows(result: dict[str, Any]) -> None:
    worse = copy.deepcopy(result)
    for row in worse["targets"].values():
        row["met"] = False
    assert page.document(worse).count("**no**") == len(result["targets"])


def test_an_engine_that_is_not_installed_is_listed_as_such(result: dict[str, Any]) -> None:
    without = copy.deepcopy(result)
    without["rows"][ways.BARE] = {"heatmap": ways.FORWARD, "problem": "not installed: ai-edge-litert"}
    assert f"- {ways.BARE}: not installed: ai-edge-litert." in page.document(without)
    assert f"| {ways.BARE} | " not in page.document(without).split("## A folder")[0]


def test_what_may_be_shipped_is_told_by_auc_and_heatmaps() -> None:
    assert targets.keeps({"auc": 0.899, "rank_correlation": 0.99}, 0.9)
    assert not targets.keeps({"auc": 0.897, "rank_correlation": 0.99}, 0.9)
    assert not targets.keeps({"auc": 0.9, "rank_correlation": 0.97}, 0.9)
    assert not targets.keeps({"rank_correlation": 0.99}, 0.9)


def test_every_way_has_its_own_name_and_module() -> None:
    assert len({way.name for way in ways.WAYS}) == len(ways.WAYS)
    folder = page.ROOT / "studies" / "engines"
    assert [way.module for way in ways.WAYS if not (folder / f"{way.module}.py").is_file()] == []

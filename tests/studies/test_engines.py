"""docs/engines.md and its chart say what was measured, the missed targets and the engines left out too."""

from __future__ import annotations

import copy
import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.reading import bundle as bundles
from studies.engines import page, run, ways, worker


@pytest.fixture
def result() -> dict[str, Any]:
    if not run.OUT.exists():
        pytest.skip(f"engines.json is not measured yet: run `{page.COMMAND}`")
    results: dict[str, Any] = json.loads(run.OUT.read_text(encoding="utf-8"))
    return results


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
    assert page.draw(result) == page.draw(result)
    assert page.draw(slower) != page.draw(result)


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
    assert run.keeps({"auc": 0.899, "rank_correlation": 0.99}, 0.9)
    assert not run.keeps({"auc": 0.897, "rank_correlation": 0.99}, 0.9)
    assert not run.keeps({"auc": 0.9, "rank_correlation": 0.97}, 0.9)
    assert not run.keeps({"rank_correlation": 0.99}, 0.9)


def test_every_way_has_its_own_name_and_engine() -> None:
    assert len({way.name for way in ways.WAYS}) == len(ways.WAYS)
    for way in ways.WAYS:
        module, name = way.engine.split(".")
        assert f"class {name}" in (Path(run.__file__).parent / f"{module}.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def prepared(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare.py makes, of the small bundle: 20 pictures, and no file of another engine."""
    files = tmp_path_factory.mktemp("engines")
    images = np.random.default_rng(0).uniform(0, 255, (20, 64, 64, 1)).astype(np.float32)
    outputs = [bundles.load(small_bundle).run(image[None]) for image in images]
    logits, maps = np.stack([o.logits for o in outputs]), np.stack([o.maps for o in outputs])
    np.save(files / "pictures.npy", images)
    np.savez(files / "reference.npz", logits=logits, maps=maps, labels=np.arange(20) % 3)
    (files / "facts.json").write_text(json.dumps({"size": 64, "classes": 3, "positive": 2, "temperature": 1.0}))
    return files


def test_engines_are_asked_in_turn_and_one_that_fails_is_left_out(small_bundle: Path, prepared: Path) -> None:
    names = (ways.READER, ways.BARE, "Keras model.predict")
    rows = {name: run.describe(ways.named(name), prepared, small_bundle, {}) for name in names}
    assert "there is no network.final.weights.h5" in rows["Keras model.predict"]["problem"]
    facts = json.loads((prepared / "facts.json").read_text())
    seconds = run.measure_rows(rows, prepared, small_bundle, facts, 1, 2)
    assert {name: len(medians) for name, medians in seconds.items()} == {ways.READER: 2, ways.BARE: 2}
    row = rows[ways.BARE]
    assert row["ms"]["runs"] == 2 and row["first_result_s"] > 0 and row["peak_mb"] > 0 and row["batch_a_second"] > 0
    assert row["score_difference"] == 0 and row["pictures"] == 20
    assert row["rank_correlation"] == pytest.approx(1) and row["maps"] <= 20
    result = {"rows": rows, "reference_auc": row["auc"]}
    assert {name: target["met"] for name, target in run.targets(result, seconds).items()}[
        "AUC that the shipped file loses"
    ]


def test_an_engine_that_dies_is_told_in_a_sentence(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(worker.EngineError, match=r"^\w+: "):
        worker.Process(ways.named(ways.BARE), prepared, tmp_path)

"""`python train.py evaluate` from end to end on drawn radiographs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import train
from model.evaluation import loading, run, study
from model.evaluation.parts import codec, curves, linear
from model.training.data.manifest import describe_set
from tests.evaluation.conftest import evidence


def figures(content: object) -> list[dict]:
    """Every figure of the JSON, wherever it stands."""
    if isinstance(content, list):
        return [row for part in content for row in figures(part)]
    if isinstance(content, dict):
        here = [content] if "id" in content else []
        return here + [row for part in content.values() for row in figures(part)]
    return []


def test_every_figure_says_what_on_which_pictures_and_how_sure(measured: Path) -> None:
    content = figures(evidence(measured))
    assert len(content) > 100
    for row in content:
        assert {"id", "set", "source", "role", "metric", "what", "value", "low", "high", "n"} <= set(row), row
        assert row["low"] <= row["high"] and row["n"] > 0, row
        assert row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9 or row["metric"] in ("ECE", "MCE"), row
    assert len({row["id"] for row in content}) == len(content)


def test_sources_stand_apart_and_what_the_card_does_not_name_is_external(measured: Path, drawn_folder: Path) -> None:
    content = evidence(measured)
    roles = {(row["source"], row["role"]) for row in content["headline"]["figures"]}
    assert roles == {("elsewhere", "external"), (drawn_folder.name, "internal")}
    (matrix,) = [row for row in content["headline"]["confusion"] if row["source"] == "elsewhere"]
    assert np.sum(matrix["counts"], axis=1).tolist() == [20, 20, 20]


def test_the_figures_of_the_card_come_out_again(measured: Path, small_bundle: Path) -> None:
    content = evidence(measured)["headline"]["card"]
    card = json.loads((small_bundle / "card.json").read_text(encoding="utf-8"))
    assert content["compared"] == len(card["figures"]) > 0
    assert content["largest_difference"] < 0.005


def test_controls_stand_beside_the_whole_picture(measured: Path) -> None:
    part = evidence(measured)["controls"]
    named = {row.get("control") for row in part["figures"]}
    assert {
        "average lungs erased",
        "borders alone",
        linear.THUMBNAIL,
        "the whole picture",
        "own lungs erased",
        "the same with shuffled labels",
    } <= named
    assert part["masked"] == {"elsewhere": 60}
    value = {row["control"]: row["value"] for row in part["figures"] if row["id"].startswith("elsewhere.") and
             row["metric"] == "AUC" and row["what"] == "covid19 against normal"}  # fmt: skip
    # The drawn disease is in the lungs: without them less of it can be told.
    assert value["the whole picture"] > 0.8
    assert value["borders alone"] < value["the whole picture"]


def test_the_codec_control_tells_how_many_decisions_change(measured: Path) -> None:
    part = evidence(measured)["codec"]
    (title,) = part["bundles"]
    shares = {(row["form"], row["metric"]): row for row in part["figures"] if row["source"] == "elsewhere"}
    assert {form for form, _ in shares} == set(codec.FORMS) == set(part["forms"])
    for form in codec.FORMS:
        changed, largest = shares[form, codec.CHANGED], shares[form, codec.LARGEST]
        assert changed["bundle"] == title and 0 <= changed["value"] <= 1 and 0 <= largest["value"] <= 1
        assert shares[form, codec.SHIFT]["n"] <= changed["n"]


def test_a_bundle_is_compared_on_sources_that_it_never_saw(measured: Path, small_bundle: Path, manifest: Path) -> None:
    again = loading.load(small_bundle, manifest, measured / "cache", quick=True)
    part = codec.measure(again, [again.bundle])
    assert part["bundles"] == [again.bundle.card.title] * 2
    assert {row["source"] for row in part["figures"]} == {"elsewhere"}


def test_what_is_measured_elsewhere_is_told_by_source(measured: Path) -> None:
    part = evidence(measured)["elsewhere"]
    (row,) = part["rows"]
    assert row["source"] == "elsewhere" and row["role"] == "external" and row["called_ill"]["n"] == 20
    matrix = next(row for row in evidence(measured)["headline"]["confusion"] if row["source"] == "elsewhere")
    well, *called = matrix["counts"][matrix["classes"].index("normal")]
    assert row["called_ill"]["value"] == pytest.approx(sum(called) / (well + sum(called)), abs=1e-4)


def test_without_its_training_data_a_bundle_is_measured_elsewhere(
    measured: Path, small_bundle: Path, manifest: Path, tmp_path: Path
) -> None:
    alone = loading.load(small_bundle, manifest, measured / "cache", quick=True, outside=True)
    assert not alone.has_training_data and [row.source for row in alone.sets("external", "test")] == ["elsewhere"]
    run.run(small_bundle, manifest, tmp_path, measured / "cache", quick=True, outside=True, parts=["elsewhere"])
    assert set(evidence(tmp_path)) == {"schema", "quick", "bundle", "pictures", "literature", "elsewhere"}
    with pytest.raises(study.EvidenceError, match="no part nothing"):
        run.run(small_bundle, manifest, tmp_path, measured / "cache", quick=True, outside=True, parts=["nothing"])
    with pytest.raises(study.EvidenceError, match="never saw"):
        loading.load(small_bundle, manifest, measured / "cache", outside=True, sources=("nowhere",))


def test_roles_of_sources() -> None:
    assert describe_set("hannover", "external") == {
        "set": "hannover (to choose by)", "source": "hannover", "role": "choice"
    }  # fmt: skip
    assert describe_set("cohen", "external")["role"] == "external"
    assert describe_set("siim", "test")["set"] == "siim test split"


def test_other_data_than_those_of_the_training_are_refused(
    small_bundle: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # One training picture less: what was a test picture can't be known any more.
    lines = manifest.read_text(encoding="utf-8").splitlines()
    for name in ("manifest.csv", "lung_masks.csv"):
        shutil.copy(manifest.parent / name, tmp_path)
    for path in manifest.parent.glob("*.png"):
        shutil.copy(path, tmp_path)
    (tmp_path / "manifest.csv").write_text("\n".join([lines[0], *lines[2:]]), encoding="utf-8")
    arguments = ["evaluate", "--bundle", small_bundle, "--data", tmp_path / "manifest.csv", "--out", tmp_path]
    assert train.main([*map(str, arguments), "--cache", str(tmp_path), "--quick"]) == 1
    assert "Give the manifest that it was trained with" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()


def test_missing_data_are_told_in_a_sentence(
    small_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere.csv"
    assert (
        train.main(["evaluate", "--bundle", str(small_bundle), "--data", str(nowhere), "--cache", str(tmp_path)]) == 1
    )
    assert "does not exist" in capsys.readouterr().err


def test_a_second_run_finds_the_forward_passes_of_the_first(
    measured: Path, small_bundle: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = loading.load(small_bundle, manifest, measured / "cache", quick=True)
    (chosen,) = again.sets("external")
    expected = again.read(chosen).logits
    assert expected.shape == (60, 3)
    monkeypatch.setattr(again.passes, "bundle", None)  # nothing is left that could run
    assert np.array_equal(again.passes.run(again.inputs(chosen)).logits, expected)
    with pytest.raises(AttributeError):
        again.passes.logits(255 - again.inputs(chosen))


def test_operating_points_lie_on_the_curves_where_the_figures_say(measured: Path) -> None:
    content = evidence(measured)
    assert {row["kind"] for row in content["curves"]["curves"]} == {curves.ROC, curves.PRECISION_RECALL}
    figure = {(row["set"], row["metric"], row["what"], row.get("point")): row["value"]
              for row in content["headline"]["figures"]}  # fmt: skip
    for row in content["curves"]["curves"]:
        assert {len(row[line]) for line in ("y", "low", "high")} == {len(content["curves"]["grid"])}
        other = row["what"].split()[-1]
        for place in row["points"]:
            sensitivity = figure[row["set"], "sensitivity", "covid19 called covid19", place["point"]]
            if row["kind"] == curves.PRECISION_RECALL:
                assert place["x"] == pytest.approx(sensitivity, abs=1e-4)
                continue
            spared = figure[row["set"], "specificity", f"{other} not called covid19", place["point"]]
            assert (1 - place["x"], place["y"]) == pytest.approx((spared, sensitivity), abs=1e-4)

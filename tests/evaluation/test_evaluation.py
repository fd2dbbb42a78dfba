"""The evidence end to end on drawn pictures, its metrics against sklearn's, and the published documents against it."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

import train
from model.evaluation import codec, curves, linear, loading, masks, metrics, robustness, run, study
from model.evaluation.render import studies
from model.reading.card import DEFAULT_BUNDLE, read_card
from model.reading.radiograph import decode
from model.training import calibration
from model.training.manifest import DatasetError, describe_set
from studies import ablation, attempts, darkcovidnet
from tests.conftest import ROOT, draw_chest

PUBLISHED = ROOT / "docs" / "evidence" / "evidence.json"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, drawn_folder: Path) -> Path:
    """The pictures that the small bundle learned from, and those of another place with lung masks."""
    folder = tmp_path_factory.mktemp("elsewhere")
    rows = [
        [str(path), drawn_folder.name, path.parent.name, str(path), ""] for path in sorted(drawn_folder.rglob("*.png"))
    ]
    rng = np.random.default_rng(11)
    drawn_masks = [["image", "mask", "origin"]]
    mask = np.zeros((96, 96), np.uint8)
    for centre in (0.3, 0.7):
        cv2.ellipse(mask, (round(96 * centre), 48), (14, 30), 0, 0, 360, 255, -1)
    for label in ("normal", "other", "covid19"):
        for number in range(20):
            name = f"{label}-{number}.png"
            cv2.imwrite(str(folder / name), draw_chest(rng, label))
            cv2.imwrite(str(folder / f"mask-{name}"), mask)
            rows.append([name, "elsewhere", label, name, f"drawn {label}"])
            drawn_masks.append([name, f"mask-{name}", "drawn"])
    for path, content in (
        (folder / "manifest.csv", [["path", "source", "label", "group", "finding"], *rows]),
        (folder / "lung_masks.csv", drawn_masks),
    ):
        with path.open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows(content)
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, small_bundle: Path, manifest: Path) -> Path:
    """A folder that `train.py evaluate --quick` wrote."""
    out = tmp_path_factory.mktemp("evidence")
    arguments = ["evaluate", "--bundle", small_bundle, "--data", manifest, "--out", out, "--cache", out / "cache"]
    assert train.main([*map(str, arguments), "--quick"]) == 0
    return out


def evidence(folder: Path) -> dict:
    return json.loads((folder / "docs" / "evidence" / "evidence.json").read_text(encoding="utf-8"))


def figures(found: object) -> list[dict]:
    """Every figure of the JSON, wherever it stands."""
    if isinstance(found, list):
        return [one for part in found for one in figures(part)]
    if isinstance(found, dict):
        own = [found] if "id" in found else []
        return own + [one for part in found.values() for one in figures(part)]
    return []


def test_every_figure_says_what_on_which_pictures_and_how_sure(measured: Path) -> None:
    found = figures(evidence(measured))
    assert len(found) > 100
    for one in found:
        assert {"id", "set", "source", "role", "metric", "what", "value", "low", "high", "n"} <= set(one), one
        assert one["low"] <= one["high"] and one["n"] > 0, one
        assert one["low"] - 1e-9 <= one["value"] <= one["high"] + 1e-9 or one["metric"] in ("ECE", "MCE"), one
    assert len({one["id"] for one in found}) == len(found)


def test_sources_stand_apart_and_what_the_card_does_not_name_is_external(measured: Path, drawn_folder: Path) -> None:
    found = evidence(measured)
    roles = {(one["source"], one["role"]) for one in found["headline"]["figures"]}
    assert roles == {("elsewhere", "external"), (drawn_folder.name, "internal")}
    (matrix,) = [one for one in found["headline"]["confusion"] if one["source"] == "elsewhere"]
    assert np.sum(matrix["counts"], axis=1).tolist() == [20, 20, 20]


def test_the_figures_of_the_card_come_out_again(measured: Path, small_bundle: Path) -> None:
    found = evidence(measured)["headline"]["card"]
    card = json.loads((small_bundle / "card.json").read_text(encoding="utf-8"))
    assert found["compared"] == len(card["figures"]) > 0
    assert found["largest_difference"] < 0.005


def test_controls_stand_beside_the_whole_picture(measured: Path) -> None:
    part = evidence(measured)["controls"]
    named = {one.get("control") for one in part["figures"]}
    assert {
        "average lungs erased",
        "borders alone",
        linear.THUMBNAIL,
        "the whole picture",
        "own lungs erased",
        "the same with shuffled labels",
    } <= named
    assert part["masked"] == {"elsewhere": 60}
    value = {one["control"]: one["value"] for one in part["figures"] if one["id"].startswith("elsewhere.") and
             one["metric"] == "AUC" and one["what"] == "covid19 against normal"}  # fmt: skip
    # The drawn disease is in the lungs: without them less of it can be told.
    assert value["the whole picture"] > 0.8
    assert value["borders alone"] < value["the whole picture"]


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


def test_the_codec_control_tells_how_many_decisions_change(measured: Path) -> None:
    part = evidence(measured)["codec"]
    (title,) = part["bundles"]
    shares = {(one["form"], one["metric"]): one for one in part["figures"] if one["source"] == "elsewhere"}
    assert {form for form, _ in shares} == set(codec.FORMS) == set(part["forms"])
    for form in codec.FORMS:
        changed, largest = shares[form, codec.CHANGED], shares[form, codec.LARGEST]
        assert changed["bundle"] == title and 0 <= changed["value"] <= 1 and 0 <= largest["value"] <= 1
        assert shares[form, codec.SHIFT]["n"] <= changed["n"]


def test_forms_are_files_of_the_same_radiograph_of_a_lower_quality() -> None:
    grey = draw_chest(np.random.default_rng(0), "normal", 300).astype(np.float32)
    for name, write in codec.FORMS.items():
        form = decode(write(grey)).pixels
        assert max(form.shape) == {"JPEG of quality 20 at 256 px": 256, "128 px": 128}.get(name, 300), name
        back = cv2.resize(form, (300, 300), interpolation=cv2.INTER_LINEAR)
        assert 0.5 < np.abs(back - grey).mean() < 20, name


def test_a_bundle_is_compared_on_sources_that_it_never_saw(measured: Path, small_bundle: Path, manifest: Path) -> None:
    again = loading.load(small_bundle, manifest, measured / "cache", quick=True)
    part = codec.measure(again, [again.bundle])
    assert part["bundles"] == [again.bundle.card.title] * 2
    assert {one["source"] for one in part["figures"]} == {"elsewhere"}


def test_elsewhere_goes_into_the_card(measured: Path, small_bundle: Path, tmp_path: Path) -> None:
    part = evidence(measured)["elsewhere"]
    (row,) = part["rows"]
    assert row["source"] == "elsewhere" and row["role"] == "external" and row["called_ill"]["n"] == 20
    matrix = next(one for one in evidence(measured)["headline"]["confusion"] if one["source"] == "elsewhere")
    well, *called = matrix["counts"][matrix["classes"].index("normal")]
    assert row["called_ill"]["value"] == pytest.approx(sum(called) / (well + sum(called)), abs=1e-4)
    copy = tmp_path / "bundle"
    shutil.copytree(small_bundle, copy)
    run.write_elsewhere(copy, measured / "docs" / "evidence" / "evidence.json")
    (found,) = read_card(copy).elsewhere
    assert found.called_ill and found.called_ill.value == row["called_ill"]["value"] and found.role == "external"


def test_without_its_training_data_a_bundle_is_measured_elsewhere(
    measured: Path, small_bundle: Path, manifest: Path, tmp_path: Path
) -> None:
    alone = loading.load(small_bundle, manifest, measured / "cache", quick=True, outside=True)
    assert not alone.has_training_data and [one.source for one in alone.sets("external", "test")] == ["elsewhere"]
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


def test_a_changed_figure_changes_the_documents(measured: Path, small_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(measured / "docs", tmp_path / "docs")
    changed = evidence(tmp_path)
    for one in changed["headline"]["figures"]:
        one["value"] = 0.1234
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


def test_quick_metrics_equal_the_slow_ones() -> None:
    rng = np.random.default_rng(0)
    truth, score = rng.random(300) < 0.4, rng.random(300).round(2)
    for weight in (np.ones(300), rng.integers(0, 4, 300).astype(float)):
        found = metrics.auc_of(truth, score)(truth, score, weight)
        assert found == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))
        found = metrics.calibration_of(truth, score, largest=False)(truth, score, weight)
        rows = calibration.reliability(truth, score, weight)
        assert found == pytest.approx(sum(row["share"] * abs(row["observed"] - row["score"]) for row in rows))
    gaps = [abs(row["observed"] - row["score"]) for row in calibration.reliability(truth, score, np.ones(300))]
    found = metrics.calibration_of(truth, score, largest=True)(truth, score, np.ones(300))
    assert found == pytest.approx(max(gaps))
    alike = (truth[truth], score[truth], [""] * int(truth.sum()))
    assert metrics.row("x", {}, "AUC", "of one class", metrics.auc_of(*alike[:2]), alike) == []


def test_curves_are_those_of_sklearn() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.3
    score = (rng.random(200) + 0.3 * truth).round(2)
    for weight in (np.ones(200), rng.integers(0, 3, 200).astype(float)):
        ranking = curves.Ranking(truth, score)
        alarm, hit, _ = roc_curve(truth, score, sample_weight=weight, drop_intermediate=False)
        expected = [hit[alarm <= step + 1e-9].max() for step in curves.GRID]
        assert ranking.roc(weight) == pytest.approx(np.array(expected))
        right, found, _ = precision_recall_curve(truth, score, sample_weight=weight)
        # sklearn goes up from the lowest threshold; its last point, nobody called, is none of ours.
        right, found = right[:-1][::-1], found[:-1][::-1]
        expected = [right[np.argmax(found >= max(step - 1e-9, 1e-9))] for step in curves.GRID]
        assert ranking.precision(weight) == pytest.approx(np.array(expected))
    assert np.isnan(curves.Ranking(truth, score).roc(truth.astype(float))).all()


def test_bands_resample_patients_and_hold_the_curve() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(60) < 0.5
    score = rng.random(60) + 0.4 * truth
    patients = [f"{number:02}" for number in range(60)]
    for kind in (curves.ROC, curves.PRECISION_RECALL):
        once = curves.band(kind, truth, score, patients)
        # Each picture three times: the same patients, so no more is known.
        thrice = curves.band(kind, np.repeat(truth, 3), np.repeat(score, 3), [one for one in patients for _ in "abc"])
        assert once == thrice
        strangers = curves.band(kind, np.repeat(truth, 3), np.repeat(score, 3), [str(n) for n in range(180)])
        assert np.mean(strangers["high"]) - np.mean(strangers["low"]) < np.mean(once["high"]) - np.mean(once["low"])
        assert all(low <= y + 1e-9 for low, y in zip(once["low"], once["y"], strict=True))


def test_operating_points_lie_on_the_curves_where_the_figures_say(measured: Path) -> None:
    found = evidence(measured)
    assert {one["kind"] for one in found["curves"]["curves"]} == {curves.ROC, curves.PRECISION_RECALL}
    figure = {(one["set"], one["metric"], one["what"], one.get("point")): one["value"]
              for one in found["headline"]["figures"]}  # fmt: skip
    for one in found["curves"]["curves"]:
        assert {len(one[line]) for line in ("y", "low", "high")} == {len(found["curves"]["grid"])}
        other = one["what"].split()[-1]
        for place in one["points"]:
            sensitivity = figure[one["set"], "sensitivity", "covid19 called covid19", place["point"]]
            if one["kind"] == curves.PRECISION_RECALL:
                assert place["x"] == pytest.approx(sensitivity, abs=1e-4)
                continue
            spared = figure[one["set"], "specificity", f"{other} not called covid19", place["point"]]
            assert (1 - place["x"], place["y"]) == pytest.approx((spared, sensitivity), abs=1e-4)


def test_covering_leaves_the_rest_and_no_trace_of_what_was_there() -> None:
    rng = np.random.default_rng(0)
    picture = rng.uniform(0, 255, (1, 32, 32, 1)).astype(np.float32)
    region = masks.middle(32)
    covered = masks.cover(picture, region)
    assert np.array_equal(covered[0, ~region], picture[0, ~region])
    assert covered[0, region] == pytest.approx(picture[0, ~region].mean(), rel=1e-5)
    other = picture.copy()
    other[0, region] = 255
    assert np.array_equal(masks.cover(other, region), covered)
    assert masks.grow(region).sum() > region.sum()


@pytest.mark.parametrize("how", robustness.DISTURBANCES, ids=lambda how: f"{how.kind} {how.setting}")
def test_a_disturbance_changes_the_picture_and_stays_a_picture(how: robustness.Disturbance) -> None:
    grey = draw_chest(np.random.default_rng(0), "normal", 300).astype(np.float32)
    found = how.apply(grey)
    assert found.dtype == np.float32 and found.ndim == 2 and found.min() >= 0 and found.max() <= 256
    assert found.shape != grey.shape or np.abs(found - grey).max() > 1
    assert np.array_equal(found, how.apply(grey))


def test_darkcovidnets_protocol_with_the_thumbnail(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = ["path,source,label,patient"]
    for label, source in (("normal", "nih"), ("other", "nih"), ("covid19", "darkcovid")):
        for number in range(15):
            cv2.imwrite(str(tmp_path / f"{label}{number}.png"), draw_chest(rng, label))
            rows.append(f"{label}{number}.png,{source},{label},{label}{number}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    darkcovidnet.main(["--data", str(tmp_path / "manifest.csv"), "--out", str(tmp_path)])
    found = studies.read(tmp_path)["darkcovidnet.json"]
    assert [row["what"] for row in found["figures"]] == ["two classes", "three classes"]
    assert [row["n"] for row in found["figures"]] == [30, 45]
    assert found["figures"][1]["value"] > 1 / 3


def test_each_row_of_the_ablation_changes_one_thing() -> None:
    base, *others = ablation.variants("weights.h5")
    assert len(others) >= 5
    for variant in others:
        changed = {key: value for key, value in asdict(variant.settings).items() if value != asdict(base.settings)[key]}
        assert len(changed) + (variant.hold_out != base.hold_out) == 1, variant.name


def test_a_measured_row_of_the_ablation_is_not_trained_again(tmp_path: Path) -> None:
    variant = ablation.variants("weights.h5")[1]
    rows = [{"source": "siim", "value": 0.75}]
    (tmp_path / "measured.json").write_text(json.dumps({"settings": asdict(variant.settings), "rows": rows}))
    assert ablation.train_and_measure(variant, tmp_path / "no.csv", tmp_path) == rows
    # Other settings are another row: it goes to train, and finds no data.
    with pytest.raises(DatasetError):
        ablation.train_and_measure(ablation.variants("other.h5")[1], tmp_path / "no.csv", tmp_path)


def test_randomised_weights_change_the_map() -> None:
    import keras

    from model.training import network
    from studies import randomisation

    keras.utils.set_random_seed(4)
    image = keras.Input((64, 64, 1), name="image")
    x = keras.layers.Conv2D(8, 3, 2, activation="relu", name="conv1_conv")(network.normalise(image))
    x = keras.layers.Conv2D(12, 3, 2, activation="relu", name="conv2_conv")(x)
    features = keras.layers.GlobalAveragePooling2D(name=network.FEATURES_LAYER)(x)
    model = keras.Model(image, keras.layers.Dense(3, name=network.LOGITS_LAYER)(features))
    rng = np.random.default_rng(0)
    pictures = np.stack([draw_chest(rng, "covid19", 64) for _ in range(4)])[..., None].astype(np.float32)
    rows = randomisation.measure(model, pictures, 2)
    assert [row["randomised"] for row in rows] == ["logits", "conv2", "conv1"]
    assert all(-1 <= row["low"] <= row["correlation"] <= row["high"] < 1 for row in rows)


def test_the_published_documents_say_what_the_json_and_the_card_say() -> None:
    if not PUBLISHED.exists():
        pytest.skip("docs/evidence/evidence.json is not there yet: run `make evidence`")
    card = read_card(DEFAULT_BUNDLE)
    found = evidence(ROOT)
    assert not found["quick"]
    assert found["bundle"]["sha256"] == card.sha256, "measured on another bundle: run `make evidence`"
    for path, text in run.pages(ROOT, card).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make evidence`"
    # The README's table comes from the card (tests/test_project.py), the card's figures from the same pictures.
    here = {one["id"]: one for part in ("headline", "elsewhere") for one in found[part]["figures"]}
    for figure in card.figures:
        assert here[figure.id]["n"] == figure.n
        assert here[figure.id]["value"] == pytest.approx(figure.value, abs=0.005), figure.id


def test_attempts_stand_beside_what_ships(tmp_path: Path) -> None:
    figures = [
        {"set": name, "metric": metric, "what": what, "value": 0.5, "low": 0.25, "high": 0.75}
        for name, metric, what in attempts.WANTED.values()
    ]
    (tmp_path / "card.json").write_text(json.dumps({"figures": figures}))
    (tmp_path / "history.csv").write_text("epoch,val_loss\n1,0.7\n2,0.4\n3,0.6\n")
    attempts.main([f"ships={tmp_path}={tmp_path}", "--out", str(tmp_path)])
    (row,) = json.loads((tmp_path / "attempts.json").read_text())["rows"]
    assert row == ["ships", "0.400", *["0.500 (0.250 to 0.750)"] * 4]

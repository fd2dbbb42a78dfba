"""The studies of trainings: DarkCovidNet's protocol, ablation, randomised weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.evaluation.render import studies
from model.training.data.manifest import DatasetError
from studies import ablation, darkcovidnet
from tests.conftest import draw_chest


def test_darkcovidnets_protocol_with_the_thumbnail(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = ["path,source,label,patient"]
    for label, source in (("normal", "nih"), ("other", "nih"), ("covid19", "darkcovid")):
        for number in range(15):
            cv2.imwrite(str(tmp_path / f"{label}{number}.png"), draw_chest(rng, label))
            rows.append(f"{label}{number}.png,{source},{label},{label}{number}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    darkcovidnet.main(["--data", str(tmp_path / "manifest.csv"), "--out", str(tmp_path)])
    study = studies.read(tmp_path)["darkcovidnet.json"]
    assert [row["what"] for row in study["figures"]] == ["two classes", "three classes"]
    assert [row["n"] for row in study["figures"]] == [30, 45]
    assert study["figures"][1]["value"] > 1 / 3


def test_each_row_of_the_ablation_changes_one_thing() -> None:
    base, *others = ablation.variants("weights.h5")
    assert len(others) >= 5
    for variant in others:
        changed = {key: value for key, value in asdict(variant.settings).items() if value != asdict(base.settings)[key]}
        assert len(changed) == 1, variant.name


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

"""`python train.py bench`: what it counts is right, what it writes is whole; no timing is asserted."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from model.training import bench, network
from model.training.config import Settings, TrainingError
from model.training.data import dataset, manifest
from model.training.data.views import Views
from tests.training.networks import tiny_resnet


def test_sample_keeps_what_is_learnt_from(drawn_folder: Path) -> None:
    data = dataset.check(manifest.select(manifest.find_records(drawn_folder).records), size=32, seed=1)
    chosen = bench.sample(data, 30, seed=1)
    assert len(chosen.records) == len(chosen.pictures) == 30
    assert {record.split for record in chosen.records} == {"train"}
    # Each picture still stands beside its own record.
    place = {record.path: i for i, record in enumerate(data.records)}
    assert all(
        np.array_equal(picture, data.pictures[place[record.path]])
        for record, picture in zip(chosen.records, chosen.pictures, strict=True)
    )


def test_random_images_are_as_large_as_decoded_ones() -> None:
    plain = Settings(image_size=224, batch_size=4)
    crops = bench.draw(plain, 12)
    assert crops.pictures.shape == (12, 288, 288) and len(Views(crops, plain)) == 3 and not any(crops.boxes)
    boxed = Settings(image_size=64, batch_size=4, margin=0.1, detail=32)
    assert next(iter(Views(bench.draw(boxed, 12), boxed).stream(0)))[0].shape == (4, 64, 64, 1)


@pytest.mark.parametrize("views", ["1", "2"])
def test_command_writes_a_row_for_each_size_and_stage(
    views: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(network.BACKBONES, "tiny", tiny_resnet)
    out, profile = tmp_path / "bench.json", tmp_path / "profile"
    arguments = ["--arch=tiny", "--batch-size=4", "--steps=3", "--sizes=32", "--stages=1,5", "--views", views]
    try:
        assert train.main(["bench", "--synthetic", *arguments, "--out", str(out), "--profile", str(profile)]) == 0
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert "of the bare step" in capsys.readouterr().out
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["machine"]["cores"]
    assert [(row["image_size"], row["first_stage"]) for row in result["rows"]] == [(32, 1), (32, 5)]
    for row in result["rows"]:
        assert row["images_a_second"] > 0 and 0 <= row["share_waiting_for_data"] <= 1
        rates = row["images_a_second"] / row["images_a_second_bare_step"]
        assert row["share_of_bare_step"] == pytest.approx(rates, rel=2e-2)
        assert row["cpu_s_of_bare_step"] > 0 and row["cpu_s_with_pipeline"] > 0
    assert list(profile.rglob("*.xplane.pb"))


def test_images_of_a_folder_are_benched(drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(network.BACKBONES, "tiny", tiny_resnet)
    data = dataset.check(manifest.select(manifest.find_records(drawn_folder).records), size=37, seed=1)
    settings = Settings(arch="tiny", image_size=32, batch_size=4)
    result = bench.run(data, settings, steps=1, out=tmp_path / "bench.json")
    keras.mixed_precision.set_global_policy("float32")
    assert result["data"] == "120 images" and len(result["rows"]) == 1


def test_no_steps_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--steps 0 measures nothing"):
        bench.run(None, Settings(image_size=32), steps=0, out=tmp_path / "bench.json")

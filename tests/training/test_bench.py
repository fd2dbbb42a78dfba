"""`python train.py bench`: what it counts is right, what it writes is whole; no timing is asserted."""

from __future__ import annotations

import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from model.training import bench, dataset, flops, manifest, network
from model.training.batches import Batches
from model.training.config import FORMS, Settings, TrainingError
from model.training.views import Views
from tests.training.networks import tiny_resnet


def make_network() -> keras.Model:
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv2_a")(image)
    x = keras.layers.Conv2D(6, 3, 2, padding="same", name="conv3_a")(x)
    x = keras.layers.Conv2D(8, 1, name="conv3_b")(x)
    return keras.Model(image, keras.layers.Dense(5, name="logits")(keras.layers.GlobalAveragePooling2D()(x)))


def test_operations_are_those_of_the_layers() -> None:
    model = make_network()
    first, second, third, head = 2 * 64 * 9 * 4, 2 * 16 * 9 * 4 * 6, 2 * 16 * 6 * 8, 2 * 8 * 5
    network.freeze_below(model, 1)
    # Each layer's gradient costs as much again for its weights and for its input; nobody needs that of the picture.
    assert flops.count(model, 8) == {
        "forward": first + second + third + head,
        "backward": first + 2 * (second + third + head),
    }
    network.freeze_below(model, 3)
    assert flops.count(model, 8)["backward"] == second + 2 * (third + head)
    network.freeze_below(model, 6)
    assert flops.count(model, 8)["backward"] == head


def test_peak_is_a_rate() -> None:
    assert math.isfinite(flops.measure_peak("float32", rounds=1)) and flops.measure_peak("float32", rounds=1) > 0


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
    plain = bench.draw(Settings(image_size=224, batch_size=4), 12)
    assert isinstance(plain, Batches) and plain.pictures.shape == (12, 256, 256) and len(plain) == 3
    forms = bench.draw(Settings(image_size=64, batch_size=4, strength=FORMS, margin=0.1, detail=32), 12)
    assert isinstance(forms, Views) and next(iter(forms.stream(0)))[0].shape == (4, 64, 64, 1)


@pytest.mark.parametrize("strength", ["strong", FORMS])
def test_command_writes_a_row_for_each_size_and_stage(
    strength: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(network.BACKBONES, "tiny", tiny_resnet)
    out, profile = tmp_path / "bench.json", tmp_path / "profile"
    arguments = ["--arch=tiny", "--batch-size=4", "--steps=3", "--sizes=32", "--stages=1,5", "--strength", strength]
    try:
        assert train.main(["bench", "--synthetic", *arguments, "--out", str(out), "--profile", str(profile)]) == 0
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert "of the bare step" in capsys.readouterr().out
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["machine"]["cores"] and result["gflops_peak_matmul"] > 0
    assert [(row["image_size"], row["first_stage"]) for row in result["rows"]] == [(32, 1), (32, 5)]
    for row in result["rows"]:
        assert row["images_a_second"] > 0 and 0 <= row["share_waiting_for_data"] <= 1
        rates = row["images_a_second"] / row["images_a_second_bare_step"]
        assert row["share_of_bare_step"] == pytest.approx(rates, rel=2e-2)
        assert row["cpu_s_of_bare_step"] > 0 and row["cpu_s_with_pipeline"] > 0
        assert 0 < row["gflop_an_image"]["backward"] < 2 * row["gflop_an_image"]["forward"]
    # Frozen stages are not differentiated.
    first, last = (row["gflop_an_image"]["backward"] for row in result["rows"])
    assert last < first
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

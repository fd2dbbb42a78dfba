"""`python train.py bench`: what it counts is right, what it writes is whole; no timing is asserted."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from model.training import bench, dataset, flops, manifest, network
from model.training.config import Settings, TrainingError
from tests.conftest import ROOT


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


def test_random_pictures_are_as_large_as_decoded_ones() -> None:
    made = bench.draw(Settings(image_size=224, batch_size=4), 12)
    assert made.pictures.shape == (12, 256, 256) and len(made) == 3


@pytest.mark.slow
@pytest.mark.parametrize("source", ["synthetic", "folder"])
def test_command_writes_a_table_and_a_profile(source: str, drawn_folder: Path, tmp_path: Path) -> None:
    what = ["--synthetic"] if source == "synthetic" else ["--data", str(drawn_folder), "--run", str(tmp_path / "run")]
    small = ["--image-size=32", "--batch-size=4", "--steps=2", "--first-stage=5"]
    out, profile = tmp_path / "bench.json", tmp_path / "profile"
    more = ["--out", str(out), *(["--profile", str(profile)] if source == "synthetic" else [])]
    command = [sys.executable, "train.py", "bench", *what, *small, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "pictures/s" in done.stdout and str(out) in done.stdout
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["rows"][0]["precision"] == "float32" and found["machine"]["cores"]
    for row in found["rows"]:
        assert row["pictures_a_second"] > 0 and 0 <= row["share_waiting_for_data"] <= 1
        assert 0 < row["gflop_a_picture"]["backward"] < 2 * row["gflop_a_picture"]["forward"]
        # The two rates and the share are of one measurement.
        assert row["share_of_peak"] == pytest.approx(row["gflops_reached"] / row["gflops_peak_matmul"], abs=2e-3)
    if source == "synthetic":
        assert list(profile.rglob("*.xplane.pb"))


def test_no_steps_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--steps 0 measures nothing"):
        bench.run(None, Settings(image_size=32), steps=0, out=tmp_path / "bench.json")

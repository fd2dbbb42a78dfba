"""Training a ResNet50 in a process of its own, kill -9 and --resume; targets, weights and batches."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from model.reading import bundle as shipped
from model.training import network
from model.training.callbacks import RunCallback, read_history
from model.training.config import Settings
from model.training.data import dataset, manifest, targets
from tests.conftest import ROOT

SMALL = ["--weights=none", "--image-size=64", "--batch-size=28", "--head-epochs=2", "--ema=0.9", "--first-stage=5"]
# train.py with a backbone of four small blocks: what is tested is the process, not the network.
TINY = (
    "import sys, train; from model.training import network; from tests.training.networks import tiny_resnet; "
    "network.BACKBONES['tiny'] = tiny_resnet; sys.exit(train.main())"
)


def run_training(folder: Path, run: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Train a ResNet50 and export it."""
    command = [sys.executable, "train.py", "--data", str(folder), "--run", str(run), *SMALL, *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def start_tiny(folder: Path, run: Path, *more: str) -> subprocess.Popen[str]:
    arguments = ["--data", str(folder), "--run", str(run), *SMALL, "--arch=tiny", "--epochs=4", "--no-export", *more]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", TINY, *arguments], cwd=ROOT, stdout=pipe, stderr=null, text=True)


def finish_tiny(folder: Path, run: Path, *more: str) -> list[dict[str, float]]:
    process = start_tiny(folder, run, *more)
    printed, _ = process.communicate()
    assert process.returncode == 0, printed[-2000:]
    return read_history(run)


@pytest.mark.slow
def test_resnet50_is_trained_and_exported(drawn_folder: Path, tmp_path: Path) -> None:
    done = run_training(drawn_folder, tmp_path / "run", "--epochs=1")
    assert done.returncode == 0, done.stderr[-2000:]
    bundle = shipped.load(tmp_path / "run" / "bundle")
    assert bundle.card.classes == ("normal", "other", "covid19")
    assert bundle.run(np.zeros((1, 64, 64, 1), np.float32)).maps.shape == (2, 2, 3)


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_result(drawn_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with start_tiny(drawn_folder, run) as process:
        # Keras prints it when the first epoch's checkpoint and history are written.
        assert process.stdout and any(line.startswith("Epoch 2/") for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    assert len(read_history(run)) in (1, 2, 3), "the run was not killed in its middle"
    resumed, expected = finish_tiny(drawn_folder, run, "--resume"), finish_tiny(drawn_folder, tmp_path / "whole")
    assert [row["epoch"] for row in resumed] == [1, 2, 3, 4]
    # Sums over threads are not ordered, so not to the last bit.
    assert [r["loss"] for r in resumed] == pytest.approx([r["loss"] for r in expected], rel=2e-2)
    assert [r["val_loss"] for r in resumed] == pytest.approx([r["val_loss"] for r in expected], rel=2e-2)


def test_weights_balance_classes_and_sources(drawn_folder: Path) -> None:
    made = [
        manifest.Record(Path("x"), source, label, str(i), split="train")
        for i, (source, label) in enumerate([("a", "normal")] * 90 + [("b", "normal")] * 10 + [("c", "covid19")] * 20)
    ]
    data = dataset.Dataset(tuple(made), np.zeros((120, 8, 8), np.uint8), ("normal", "covid19"), (), 0)
    weights = targets.make_weights(data, np.arange(120))
    assert weights.mean() == pytest.approx(1)
    assert weights[:100].sum() == pytest.approx(weights[100:].sum(), rel=1e-4)
    assert weights[:90].sum() / weights[90:100].sum() == pytest.approx(3, rel=1e-4)


def test_findings_give_soft_targets_where_the_classes_are_known() -> None:
    findings = [("atypical", ""), ("unheard of", ""), ("indeterminate", ""), ("typical", "covid19")]
    made = [
        manifest.Record(Path("x"), "siim", label, str(i), finding=f, split="" if label else "unlabelled")
        for i, (f, label) in enumerate(findings)
    ]
    pictures = np.zeros((4, 8, 8), np.uint8)
    data = dataset.Dataset(tuple(made), pictures, ("normal", "other", "covid19"), (), 0)
    chosen = targets.with_soft_target(data)
    soft = targets.make_targets(data, chosen)
    assert chosen == [0, 2]
    assert np.allclose(soft.sum(axis=1), 1) and soft[0].argmax() == 1 and soft[1].argmax() == 2
    two = dataset.Dataset(tuple(made), pictures, ("normal", "covid19"), (), 0)
    assert targets.with_soft_target(two) == []


def test_what_is_validated_and_kept_lies_on_the_grid_that_is_stored(tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    image = keras.Input((8, 8, 1))
    pooled = keras.layers.GlobalAveragePooling2D(name=network.FEATURES_LAYER)(keras.layers.Conv2D(6, 3)(image))
    model = keras.Model(image, keras.layers.Dense(2, name=network.LOGITS_LAYER)(pooled))
    averaging = keras.optimizers.AdamW(1e-2, use_ema=True, ema_momentum=0.5)
    model.compile(averaging, keras.losses.MeanSquaredError(), metrics=["accuracy"])
    x, y = np.random.default_rng(0).normal(size=(2, 16, 8, 8, 1)).astype(np.float32), np.eye(2)[np.arange(16) % 2]
    settings = Settings(image_size=8, epochs=1, start_size=8)
    keeper = RunCallback(tmp_path, settings, 4, [])
    history = model.fit(x[0], y, 4, validation_data=(x[1], y), callbacks=[keeper], verbose=0).history
    trained = model.get_weights()
    model.load_weights(tmp_path / "final.weights.h5")
    assert model.evaluate(x[1], y, verbose=0)[0] == pytest.approx(history["val_loss"][-1], rel=1e-4)
    kept = model.get_weights()
    network.round_to_int8(model)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(kept, model.get_weights(), strict=True))
    # Training itself went on with the weights as they were.
    assert any(not np.allclose(a, b, atol=1e-5) for a, b in zip(kept, trained, strict=True))

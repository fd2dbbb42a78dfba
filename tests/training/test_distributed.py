"""Several devices learn what one does: two parts of the processor, and two processes, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from model.training import distributed, fit, network
from model.training.all_reduce import AllReduceAdamW, DeviceError, read_tf_config
from model.training.callbacks import read_history
from model.training.config import Settings
from model.training.data.targets import FINDINGS
from model.training.data.views import pack
from tests.conftest import ROOT

# train.py, but in float32 on every CPU: in bfloat16 the rounding of a sum depends on how it is cut.
FLOAT32 = (
    "import sys, train; from model.training import distributed; "
    "distributed.choose_precision = lambda several_devices=False: 'float32'; sys.exit(train.main())"
)
SMALL = ["--weights=none", "--image-size=32", "--epochs=3", "--batch-size=16", "--head-epochs=2", "--first-stage=4"]


def start(folder: Path, run: Path, *more: str, workers: list[str] | None = None, number: int = 0) -> subprocess.Popen:
    environment = dict(os.environ)
    environment.pop("TF_CONFIG", None)
    if workers:
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": number}}
        environment["TF_CONFIG"] = json.dumps(task)
    command = [sys.executable, "-c", FLOAT32, "fit", "--data", str(folder), "--run", str(run), *SMALL, *more]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def start_two(folder: Path, run: Path, *more: str) -> list[subprocess.Popen]:
    with socket.socket() as value, socket.socket() as other:
        for held in (value, other):
            held.bind(("127.0.0.1", 0))
        workers = [f"127.0.0.1:{held.getsockname()[1]}" for held in (value, other)]
    return [start(folder, run, *more, workers=workers, number=number) for number in (0, 1)]


def finish(*processes: subprocess.Popen) -> list[str]:
    try:
        return [process.communicate(timeout=900)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def assert_same_curve(run: Path, expected: Path) -> None:
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        measured, wanted = ([row[name] for row in read_history(folder)] for folder in (run, expected))
        assert len(measured) == len(wanted)
        # Sums over threads are not ordered, and what they round away grows from epoch to epoch.
        first, later = (0.02, 0.06) if "accuracy" in name else (1e-3 * wanted[0], 2e-2 * wanted[0])
        assert measured[0] == pytest.approx(wanted[0], abs=first), name
        assert measured[1:] == pytest.approx(wanted[1:], abs=later), name


@pytest.fixture(scope="module")
def alone(drawn_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("alone") / "run"
    process = start(drawn_folder, run, "--no-export")
    (printed,) = finish(process)
    assert process.returncode == 0, printed[-2000:]
    assert len(read_history(run)) == 3
    return run


@pytest.mark.slow
def test_two_devices_learn_what_one_does(alone: Path, drawn_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(drawn_folder, run, "--devices", "2", "--no-export")
    (printed,) = finish(process)
    assert process.returncode == 0, printed[-2000:]
    assert "2 devices, each with its part of every batch" in printed
    assert_same_curve(run, alone)


@pytest.mark.slow
def test_killed_process_is_told_of_and_both_resume(alone: Path, drawn_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first, second = start_two(drawn_folder, run, "--no-export")
    # Keras prints it when the first epoch's checkpoint and history are written.
    assert first.stdout and any(line.startswith("Epoch 2/") for line in first.stdout)
    second.send_signal(signal.SIGKILL)
    printed, _ = finish(first, second)
    assert len(read_history(run)) in (1, 2), f"not killed in the middle: {printed[-2000:]}"
    assert first.returncode == 1
    assert "start all 2 processes again with --resume" in printed and "Traceback" not in printed
    again = start_two(drawn_folder, run, "--resume", "--no-export")
    printed_again = finish(*again)
    assert [process.returncode for process in again] == [0, 0], printed_again[0][-2000:] + printed_again[1][-2000:]
    assert_same_curve(run, alone)
    assert "Epoch 3" in printed_again[0] and "Epoch" not in printed_again[1]


def test_state_of_one_device_is_taken_over() -> None:
    image = keras.Input((8, 8, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3)(image))
    model = keras.Model(image, keras.layers.Dense(2, name=network.LOGITS_LAYER)(pooled))
    settings = Settings(epochs=2)
    fit.compile_model(model, settings, 4)
    rng = np.random.default_rng(0)
    x, unknown = rng.normal(size=(16, 8, 8, 1)).astype(np.float32), np.full((16, len(FINDINGS)), -1, np.float32)
    model.fit(x, pack(np.eye(2, dtype=np.float32)[np.arange(16) % 2], unknown, paired=False), 4, verbose=0)
    before = [variable.numpy() for variable in model.optimizer.variables]
    fit.recompile(model, settings, 4, distributed.Devices(processes=2))
    assert isinstance(model.optimizer, AllReduceAdamW) and int(model.optimizer.iterations.numpy()) == 4
    after = [variable.numpy() for variable in model.optimizer.variables]
    assert all(np.array_equal(value, other) for value, other in zip(before, after, strict=True))
    # The second moments are positive after training: the state was no row of zeros.
    assert any(np.abs(values).max() > 0 for values in after[2:])


def test_no_device_validates_with_nothing() -> None:
    assert (
        distributed.SINGLE_DEVICE.validation_batch(1000) == 64 and distributed.SINGLE_DEVICE.validation_batch(17) == 17
    )
    for count in (2, 3, 8):
        several = distributed.Devices(strategy=SimpleNamespace(num_replicas_in_sync=count))
        for pictures in range(3 * count, 300):
            size = several.validation_batch(pictures)
            assert size % count == 0 and (pictures % size == 0 or pictures % size >= count)
    with pytest.raises(DeviceError, match="give fewer --devices"):
        several.validation_batch(9)


@pytest.mark.parametrize(
    "text", ["no json", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}']
)
def test_unusable_tf_config_is_a_sentence(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(DeviceError, match="It has to look like"):
        read_tf_config()


def test_what_can_not_be_shared_is_refused() -> None:
    three = distributed.Devices(processes=3)
    with pytest.raises(DeviceError, match="multiple of 3"):
        three.check(32)
    three.check(33)
    distributed.SINGLE_DEVICE.check(31)


@pytest.mark.parametrize("wanted", ["0", "-1", "two", ""])
def test_number_of_devices_is_checked(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(DeviceError, match="neither a number"):
        distributed.choose_devices(wanted)

"""`train.py` as a user runs it, in this process and with a very small network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from model.reading import bundle as bundles
from model.training import config, network
from model.training.callbacks import RunCallback, read_history
from model.training.config import Settings, TrainingError
from tests.training.networks import tiny_resnet

SMALL = ["--arch=tiny", "--weights=none", "--image-size=64", "--batch-size=28", "--head-epochs=2", "--ema=0.9"]
SMALL += ["--first-stage=1", "--learning-rate=3e-3", "--degrade=0"]


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    """A backbone named tiny; the precision that a training chooses ends with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(network.BACKBONES, "tiny", tiny_resnet)
        patch.delenv("TF_CONFIG", raising=False)
        yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.fixture(scope="module")
def run(drawn_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of two epochs."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert train.main(["--data", str(drawn_folder), "--run", str(folder), "--epochs=2", *SMALL]) == 0
    return folder


def test_run_leaves_history_curves_weights_and_a_bundle(run: Path) -> None:
    assert [row["epoch"] for row in read_history(run)] == [1, 2]
    for name in ("checkpoint.keras", "final.weights.h5", "curves.png", "settings.json", "plan.json"):
        assert (run / name).stat().st_size > 0
    assert not list(run.glob("partial-*"))
    bundle = bundles.load(run / "bundle")
    assert bundle.card.classes == ("normal", "other", "covid19") and bundle.card.positive == "covid19"
    card = json.loads((run / "bundle" / "card.json").read_text(encoding="utf-8"))
    assert {row["metric"] for row in card["figures"]} == {"AUC", "called ill", "sensitivity", "specificity"}
    # The licence of SIIM's images is not that of a user's own.
    assert "non-commercial" not in card["licence"]["weights"]


def test_resumed_run_takes_a_smaller_learning_rate_and_more_epochs(run: Path, tmp_path: Path) -> None:
    again = shutil.copytree(run, tmp_path / "run")
    before = read_history(again)
    arguments = ["--resume", "--run", str(again), "--epochs=3", "--learning-rate=1e-6", "--no-export"]
    assert train.main(arguments) == 0
    assert [row["epoch"] for row in read_history(again)] == [1, 2, 3] and read_history(again)[:2] == before
    assert (config.read(again)[1].epochs, config.read(again)[1].learning_rate) == (3, 1e-6)
    optimizer = keras.saving.load_model(again / "checkpoint.keras").optimizer
    assert 0 < float(np.asarray(optimizer.learning_rate)) <= 1e-6
    first, second = (keras.saving.load_model(folder / "checkpoint.keras") for folder in (run, again))
    moved = [np.abs(a - b).max() for a, b in zip(first.get_weights(), second.get_weights(), strict=True)]
    # AdamW moves a weight by about the learning rate a step.
    assert 0 < max(moved) < 1e-4
    steps = int(optimizer.iterations.numpy())
    assert steps == 3 * len(before) * steps // 6 and steps % 3 == 0


def test_resumed_run_is_no_other_run(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more, message in (
        (["--image-size=96"], "--image-size of"),
        (["--data", str(tmp_path)], "was started with --data"),
    ):
        assert train.main(["--resume", "--run", str(run), *more]) == 1
        assert message in capsys.readouterr().err
    assert train.main(["--resume", "--run", str(tmp_path)]) == 1
    assert "holds no run" in capsys.readouterr().err
    plan, settings = config.resume(run, None, {"image_size": 64})
    assert settings == config.read(run)[1] and Path(plan.data).is_dir()


def test_weights_of_an_earlier_run_are_not_tested_on_what_they_were_trained_on(
    run: Path, drawn_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = [f"--weights={run / 'final.weights.h5'}", "--no-export", "--epochs=1"]
    rest = ["--data", str(drawn_folder), "--run", str(tmp_path / "second"), *SMALL, *weights]
    assert train.main([*rest, "--seed=2"]) == 1
    assert "trained with --seed 1" in capsys.readouterr().err
    assert train.main([*rest, "--hold-out=drawn"]) == 1
    assert "--hold-out" in capsys.readouterr().err
    assert not (tmp_path / "second").exists() and train.main(rest) == 0


def test_advice_after_a_loss_that_is_not_finite_can_be_followed(run: Path) -> None:
    callback = RunCallback(run, config.read(run)[1], 3, [])
    callback.on_epoch_begin(4)
    with pytest.raises(TrainingError, match=r"epoch 5, batch 8.*--resume with a smaller --learning-rate"):
        callback.on_train_batch_end(7, {"loss": float("nan")})
    assert config.resume(run, None, {"learning_rate": 1e-5})[1].learning_rate == 1e-5


def test_check_prints_the_report_and_stops(
    drawn_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    for label in ("normal", "covid19"):
        shutil.copytree(drawn_folder / label, folder / label.upper())
    (folder / "COVID19" / "notes.txt").write_text("Two readers.", encoding="utf-8")
    assert train.main(["--data", str(folder), "--run", str(tmp_path / "run"), "--check", *SMALL]) == 0
    report = capsys.readouterr().out
    assert "80 readable images, classes: NORMAL, COVID19 (COVID19 is the positive class)" in report
    assert "skipped 1: This is text" in report and "notes.txt" in report
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("names", [("COVID_negative", "COVID_positive"), ("healthy", "TB")])
def test_folder_of_two_classes_is_trained_on(names: tuple[str, str], drawn_folder: Path, tmp_path: Path) -> None:
    for name, label in zip(names, ("normal", "covid19"), strict=True):
        shutil.copytree(drawn_folder / label, tmp_path / "cohen" / name)
    assert train.main(["--data", str(tmp_path / "cohen"), "--run", str(tmp_path / "run"), "--epochs=1", *SMALL]) == 0
    card = bundles.load(tmp_path / "run" / "bundle").card
    assert card.classes == names and card.positive == names[1]


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        train.main(["--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    for command in ("fit", "export", "add-auxiliary", "evaluate", "bench"):
        assert f"\n    {command}" in printed
        with pytest.raises(SystemExit):
            train.main([command, "--help"])
        assert f"usage: train.py {command}" in capsys.readouterr().out


def test_help_says_what_each_setting_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["fit", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "--image-size IMAGE_SIZE pixels a side of the network's input (default: 224)" in printed
    assert "--ema EMA momentum of the weights' moving average" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv does not exist"),
        (["fit"], "Give --data"),
        (["--data", "x", "--views", "3"], "does not go with --views 3"),
        (["export", "nowhere"], "holds no run"),
        (["bench", "--synthetic", "--steps", "0"], "--steps 0 measures nothing"),
    ],
)
def test_wrong_use_is_one_message(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(arguments) == 1
    assert message in capsys.readouterr().err


def test_error_of_keras_keeps_its_traceback(drawn_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ema_momentum"):
        train.main(["--data", str(drawn_folder), "--run", str(tmp_path / "run"), *SMALL, "--ema=2"])


def test_resumable_settings_exist() -> None:
    assert set(config.RESUMABLE) <= set(Settings.__dataclass_fields__)

"""The callback of a run, and the files that it writes: checkpoint, best weights, history.csv, curves.png."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path

import keras
from matplotlib.figure import Figure

from model.training import network
from model.training.config import Settings, TrainingError
from model.training.distributed import SINGLE_DEVICE, Devices
from model.training.losses import without_findings

CHECKPOINT, WEIGHTS = "checkpoint.keras", network.WHOLE_SUFFIX
# Batches that trace the graph come first; the next ones tell the speed.
TIMED_FROM, TIMED_TO = 3, 19


class RunCallback(keras.callbacks.SwapEMAWeights):
    """Validate the averaged weights, save the best of them, write a checkpoint an epoch, stop early or at a NaN.

    One callback instead of Keras' ModelCheckpoint, EarlyStopping and CSVLogger: what is validated and saved has to be
    averaged and rounded as the bundle stores it, and a resumed run has to find the state of all of them again.
    """

    def __init__(
        self,
        run: Path,
        settings: Settings,
        steps: int,
        history: list[dict[str, float]],
        devices: Devices = SINGLE_DEVICE,
    ) -> None:
        super().__init__()
        self.run, self.settings, self.steps, self.rows, self.devices = run, settings, steps, history, devices
        self.best = min((row["val_loss"] for row in history), default=math.inf)
        self._averaged = settings.ema > 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Note the time."""
        self._epoch, self._start = epoch, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop at a loss that is not finite; in the first epoch, print how long the run will take.

        Raises:
            TrainingError: the loss is not finite.
        """
        if logs and not math.isfinite(logs["loss"]):
            raise TrainingError(
                f"The loss became {logs['loss']} in epoch {self._epoch + 1}, batch {batch + 1}. The checkpoint of the "
                "last epoch is unharmed: try --resume with a smaller --learning-rate."
            )
        if not self.rows and self.devices.chief:
            if batch == TIMED_FROM:
                self._timed_from = time.perf_counter()
            elif batch == TIMED_TO:
                self._print_duration((time.perf_counter() - self._timed_from) / (TIMED_TO - TIMED_FROM))

    def _print_duration(self, seconds: float) -> None:
        s = self.settings
        share = (s.start_size / s.image_size) ** 2 if s.start_epochs else 1.0
        steps = self.steps * (s.start_epochs + (s.epochs - s.start_epochs) / share)
        rate = s.batch_size / seconds
        print(f"\n{rate:.0f} images a second: about {steps * seconds / 60:.0f} minutes for all epochs", flush=True)

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Set the weights that would be exported: averaged, centred and rounded to the int8 grid."""
        if self._averaged:
            super().on_test_begin(logs)
        self._unrounded = [(layer, layer.get_weights()) for layer in network.kernel_layers(self.model)]
        network.centre_head(self.model)
        network.round_to_int8(self.model)

    def on_test_end(self, logs: dict | None = None) -> None:
        """Save these weights if they are the best so far; put the training weights back."""
        if logs and logs["loss"] < self.best:
            self.best = logs["loss"]
            if self.devices.chief:
                write_atomically(self.run / WEIGHTS, without_findings(self.model).save_weights)
        for layer, weights in self._unrounded:
            layer.set_weights(weights)
        if self._averaged:
            super().on_test_end(logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write checkpoint, history and curves; stop early where the validation loss no longer improves."""
        logs = {} if logs is None else logs
        # In place, so that Keras prints the mean over processes too, and every process stops after the same epoch.
        logs.update({key: float(self.devices.mean(value)) for key, value in logs.items()})
        row = {"epoch": epoch + 1, **{key: round(value, 6) for key, value in logs.items()}}
        row |= {"image_size": self.settings.size_in(epoch), "seconds": round(time.perf_counter() - self._start, 1)}
        self.rows.append(row)
        if self.devices.chief:
            write_atomically(self.run / CHECKPOINT, self.model.save)
            write_history(self.run / "history.csv", self.rows)
            draw_curves(self.rows, self.run / "curves.png")
        best = min(range(len(self.rows)), key=lambda i: self.rows[i]["val_loss"])
        if epoch - best >= self.settings.patience and epoch + 1 > self.settings.start_epochs:
            if self.devices.chief:
                print(f"No better validation loss for {self.settings.patience} epochs: stopped early.", flush=True)
            self.model.stop_training = True


def write_atomically(path: Path, write: Callable[[str], object]) -> None:
    """Let `write` write a file beside `path` and rename it, so that a kill leaves the old file or the new one."""
    # The suffix has to stay: Keras chooses the format by it.
    partial = path.with_name("partial-" + path.name)
    write(str(partial))
    partial.replace(path)


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write one row an epoch as CSV."""

    def write(partial: str) -> None:
        with Path(partial).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    write_atomically(path, write)


def read_history(run: Path) -> list[dict[str, float]]:
    """The rows of a run's history.csv as numbers; empty where there is none yet."""
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def draw_curves(rows: list[dict[str, float]], path: Path) -> None:
    """Draw loss and accuracy over the epochs, training and validation, as a PNG."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, [row[name] for row in rows], "o-", label="training (augmented)")
        axes.plot(epochs, [row[f"val_{name}"] for row in rows], "s--", label="validation (moving average)")
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    write_atomically(path, figure.savefig)

"""The callback that keeps a run safe: validation of the averaged weights, checkpoints, early stop, NaN guard."""

from __future__ import annotations

import math
import time
from pathlib import Path

import keras

from model.training import network
from model.training.distributed import ALONE, Devices
from model.training.history import draw_curves, write_atomically, write_history
from model.training.settings import Settings

WEIGHTS = "final.weights.h5"


class FittingError(RuntimeError):
    """Training can't go on; the message says in a sentence why and what to do."""


class Keeper(keras.callbacks.SwapEMAWeights):
    """Validate the averaged weights, keep the best of them, write a checkpoint an epoch, stop when it is time."""

    def __init__(
        self, run: Path, settings: Settings, steps: int, history: list[dict[str, float]], devices: Devices = ALONE
    ) -> None:
        super().__init__()
        self.run, self.settings, self.steps, self.rows, self.devices = run, settings, steps, history, devices
        self.best = min((row["val_loss"] for row in history), default=math.inf)
        self._averaged = settings.ema > 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Note the time."""
        self._epoch, self._began = epoch, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop at a loss that is no number; after some batches say how long the run will take."""
        if logs and not math.isfinite(logs["loss"]):
            raise FittingError(
                f"The loss became {logs['loss']} in epoch {self._epoch + 1}, batch {batch + 1}: the last checkpoint is "
                "unharmed; try --resume with a smaller --learning-rate."
            )
        if not self.rows and batch in (3, 19) and self.devices.chief:
            # The first batches trace the graph; what comes after them tells the speed.
            if batch == 3:
                self._mark = time.perf_counter()
            else:
                self._say_duration((time.perf_counter() - self._mark) / 16)

    def _say_duration(self, seconds: float) -> None:
        s = self.settings
        share = (s.start_size / s.image_size) ** 2 if s.start_epochs else 1.0
        steps = self.steps * (s.start_epochs + (s.epochs - s.start_epochs) / share)
        rate = s.batch_size / seconds
        print(f"\n{rate:.0f} pictures a second: about {steps * seconds / 60:.0f} minutes for all epochs", flush=True)

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Put in what would be shipped: the averaged weights, centred and on the int8 grid."""
        if self._averaged:
            super().on_test_begin(logs)
        self._unrounded = [(layer, layer.get_weights()) for layer in network.kernel_layers(self.model)]
        network.centre_head(self.model)
        network.round_to_int8(self.model)

    def on_test_end(self, logs: dict | None = None) -> None:
        """Keep these weights if they are the best; put the others back."""
        if logs and logs["loss"] < self.best:
            self.best = logs["loss"]
            if self.devices.chief:
                write_atomically(self.run / WEIGHTS, self.model.save_weights)
        for layer, weights in self._unrounded:
            layer.set_weights(weights)
        if self._averaged:
            super().on_test_end(logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write checkpoint, history and curves; stop early where nothing gets better."""
        logs = {} if logs is None else logs
        # In place, so that what is printed is averaged too; and every process stops after the same epoch.
        logs.update({k: float(self.devices.average(v)) for k, v in logs.items()})
        row = {"epoch": epoch + 1, **{k: round(v, 6) for k, v in logs.items()}}
        row |= {"image_size": self.settings.size_in(epoch), "seconds": round(time.perf_counter() - self._began, 1)}
        self.rows.append(row)
        if self.devices.chief:
            write_atomically(self.run / "checkpoint.keras", self.model.save)
            write_history(self.run / "history.csv", self.rows)
            draw_curves(self.rows, self.run / "curves.png")
        best = min(range(len(self.rows)), key=lambda i: self.rows[i]["val_loss"])
        if epoch - best >= self.settings.patience and epoch + 1 > self.settings.start_epochs:
            if self.devices.chief:
                print(f"No better validation loss for {self.settings.patience} epochs: stopped early.", flush=True)
            self.model.stop_training = True

"""Two-stage fine-tuning: first the head on cached features, then the network; resumable after any interruption."""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from model.training import network
from model.training.augmentation import Augmentation, augment
from model.training.dataset import Checked


class FittingError(RuntimeError):
    """Training can't go on; the message says in a sentence why and what to do."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a run gives; written to the run's folder and into the bundle's card.

    Attributes:
        arch, weights: see `network.build`.
        image_size: pixels a side of the shipped network's input.
        start_size, start_epochs: the first epochs may see smaller pictures, which is several times faster.
        epochs: of the second stage, the `start_epochs` included.
        head_epochs: of the first stage (on cached features: seconds).
        batch_size, learning_rate, weight_decay, warmup: AdamW with a cosine schedule (Loshchilov and Hutter 2019).
        first_stage: stages before conv<first_stage> keep their weights.
        smoothing: label smoothing (Szegedy et al. 2016); `noisy_smoothing` holds for `noisy_sources`, whose labels
            were mined from reports.
        balance: "class", "source" (every source and class weighs the same) or "none".
        ema: momentum of the weights' moving average that is validated and kept; 0 for none.
        patience: epochs without a better validation loss before the run stops.
        seed: of the split, the order and the augmentation.
    """

    arch: str = "resnet50"
    weights: str | None = "imagenet"
    image_size: int = 224
    start_size: int = 128
    start_epochs: int = 0
    epochs: int = 12
    head_epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 0.05
    warmup: float = 0.05
    first_stage: int = 3
    smoothing: float = 0.05
    noisy_smoothing: float = 0.2
    noisy_sources: tuple[str, ...] = ("nih",)
    balance: str = "source"
    ema: float = 0.99
    patience: int = 6
    seed: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)

    def size_in(self, epoch: int) -> int:
        """Pixels a side of the pictures in an epoch (from 0 on)."""
        return self.start_size if epoch < self.start_epochs else self.image_size

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Settings:
        """Read what `write` wrote."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["augmentation"]["zoom"] = tuple(raw["augmentation"]["zoom"])
        raw["noisy_sources"] = tuple(raw["noisy_sources"])
        return Settings(**{**raw, "augmentation": Augmentation(**raw["augmentation"])})


@dataclass(frozen=True)
class Batches:
    """Training batches; a picture's augmentation depends on (seed, epoch, position) alone, so a resumed run sees
    the same pictures as one that was never interrupted.

    Attributes:
        pictures: (N, S, S) uint8.
        targets: (N, C) float32 distributions over the classes.
        weights: (N,) float32.
        settings: of the run.
    """

    pictures: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    settings: Settings

    def __len__(self) -> int:
        """Number of batches an epoch."""
        return math.ceil(len(self.pictures) / self.settings.batch_size)

    def stream(self, first_epoch: int) -> tf.data.Dataset:
        """Endless batches from an epoch on: pictures (B, s, s, 1), targets (B, C), weights (B,)."""

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
            # Half the cores: the other half is worth more to the network.
            with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as threads:
                for epoch in itertools.count(first_epoch):
                    yield from self._epoch(epoch, threads)

        signature = (
            tf.TensorSpec((self.settings.batch_size, None, None, 1), tf.float32),
            tf.TensorSpec((self.settings.batch_size, self.targets.shape[1]), tf.float32),
            tf.TensorSpec((self.settings.batch_size,), tf.float32),
        )
        return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(4)

    def _epoch(self, epoch: int, threads: ThreadPoolExecutor) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        settings, size = self.settings, self.settings.size_in(epoch)
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(self.pictures))

        def vary(i: int) -> np.ndarray:
            rng = np.random.default_rng([settings.seed, epoch, i])
            return augment(self.pictures[i], size, rng, settings.augmentation)

        for index in range(len(self)):
            # Wrapped round at the end: every batch has the same shape, so the graph is traced once a size.
            places = np.arange(index * settings.batch_size, (index + 1) * settings.batch_size)
            chosen = order[places % len(order)]
            yield np.stack(list(threads.map(vary, chosen)))[..., None], self.targets[chosen], self.weights[chosen]


def make_targets(data: Checked, indices: Sequence[int], settings: Settings) -> np.ndarray:
    """Smoothed one-hot targets, (n, C) float32."""
    classes = len(data.classes)
    targets = np.eye(classes, dtype=np.float32)[data.labels(indices)]
    smoothing = np.array(
        [
            settings.noisy_smoothing if data.records[i].source in settings.noisy_sources else settings.smoothing
            for i in indices
        ],
        np.float32,
    )[:, None]
    return targets * (1 - smoothing) + smoothing / classes


def make_weights(data: Checked, indices: Sequence[int], balance: str) -> np.ndarray:
    """Weights of pictures, (n,) float32 with mean 1.

    "class": every class weighs the same. "source": every class weighs the same, and inside a class every source
    weighs by the square root of its size, so that a large hospital does not drown a small one.
    """
    keys = [(data.records[i].label, data.records[i].source) for i in indices]
    weights = np.ones(len(keys))
    if balance == "source":
        sizes = Counter(keys)
        weights /= np.sqrt([sizes[key] for key in keys])
    if balance in ("class", "source"):
        labels = np.array([label for label, _ in keys])
        for label in set(labels):
            weights[labels == label] /= weights[labels == label].sum()
    return (weights / weights.mean()).astype(np.float32)


def squash(pictures: np.ndarray, size: int) -> np.ndarray:
    """Squash (N, S, S) uint8 pictures to (N, size, size, 1) uint8, as the network takes them."""
    small = [cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in pictures]
    return np.stack(small)[..., None]


def choose_device() -> str:
    """Set the precision that the hardware is fastest in and say in a sentence what was found.

    bfloat16 where a GPU of compute capability 8 or a CPU with AMX or AVX-512 BF16 is there, float16 on older GPUs,
    float32 elsewhere. Weights and the optimiser stay float32.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        modern = details.get("compute_capability", (0, 0))[0] >= 8
        policy = "mixed_bfloat16" if modern else "mixed_float16"
        found = f"{len(gpus)} GPU ({details.get('device_name', 'unnamed')}), {policy}, XLA"
    else:
        policy = "mixed_bfloat16" if _cpu_has_bfloat16() else "float32"
        found = f"no GPU, training on {os.cpu_count()} CPU cores, {policy}"
    keras.mixed_precision.set_global_policy(policy)
    return found


def _cpu_has_bfloat16() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "amx_bf16" in flags.read_text(encoding="utf-8", errors="replace")


def fit_head(model: keras.Model, data: Checked, train: np.ndarray, settings: Settings) -> float:
    """First stage: fit the Dense head alone, on features that are computed once.

    Args:
        model: as `network.build` returns it; its head is changed in place.
        data: the pictures.
        train: positions of the training records.
        settings: of the run.

    Returns:
        The last training loss.
    """
    size = settings.size_in(0)
    backbone = keras.Model(model.input, model.get_layer(network.FEATURES_LAYER).output)
    batches = [train[i : i + 64] for i in range(0, len(train), 64)]
    run = tf.function(backbone, reduce_retracing=True)
    features = np.concatenate(
        [run(squash(data.pictures[b], size).astype(np.float32)).numpy() for b in tqdm(batches, "features", disable=None)]
    )
    head = model.get_layer(network.LOGITS_LAYER)
    probe = keras.Sequential([keras.Input(features.shape[1:]), head])
    probe.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01), keras.losses.CategoricalCrossentropy(True))
    history = probe.fit(
        features,
        make_targets(data, train, settings),
        sample_weight=make_weights(data, train, settings.balance),
        epochs=settings.head_epochs,
        batch_size=128,
        verbose=0,
    )
    return float(history.history["loss"][-1])


class _Keeper(keras.callbacks.SwapEMAWeights):
    """Validate the averaged weights, keep the best of them, write a checkpoint an epoch, stop when it is time."""

    def __init__(self, run: Path, settings: Settings, batches: Batches, history: list[dict[str, float]]) -> None:
        super().__init__()
        self.run, self.settings, self.batches, self.rows = run, settings, batches, history
        self.best = min((row["val_loss"] for row in history), default=math.inf)
        self._averaged = settings.ema > 0
        self._started = self._counted = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch, self._began = epoch, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if logs and not math.isfinite(logs["loss"]):
            raise FittingError(
                f"The loss became {logs['loss']} in epoch {self._epoch + 1}, batch {batch + 1}: the last checkpoint is "
                "unharmed; try --resume with a smaller --learning-rate."
            )
        if self._epoch == len(self.rows) and batch in (3, 19) and self.rows == []:
            # The first batches trace the graph; what comes after them tells the speed.
            if batch == 3:
                self._mark = time.perf_counter()
            else:
                self._say_duration((time.perf_counter() - self._mark) / 16)

    def _say_duration(self, seconds: float) -> None:
        s = self.settings
        share = (s.start_size / s.image_size) ** 2 if s.start_epochs else 1.0
        steps = len(self.batches) * (s.start_epochs + (s.epochs - s.start_epochs) / share)
        rate = s.batch_size / seconds
        print(f"\n{rate:.0f} pictures a second: about {steps * seconds / 60:.0f} minutes for all epochs", flush=True)

    def on_test_begin(self, logs: dict | None = None) -> None:
        if self._averaged:
            super().on_test_begin(logs)

    def on_test_end(self, logs: dict | None = None) -> None:
        if logs and logs["loss"] < self.best:
            self.best = logs["loss"]
            _write_atomically(self.run / "best.weights.h5", self.model.save_weights)
        if self._averaged:
            super().on_test_end(logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        row = {"epoch": epoch + 1, **{k: round(float(v), 6) for k, v in logs.items()}}
        row |= {"image_size": self.settings.size_in(epoch), "seconds": round(time.perf_counter() - self._began, 1)}
        self.rows.append(row)
        _write_atomically(self.run / "checkpoint.keras", self.model.save)
        _write_history(self.run / "history.csv", self.rows)
        best = min(range(len(self.rows)), key=lambda i: self.rows[i]["val_loss"])
        if epoch - best >= self.settings.patience and epoch + 1 > self.settings.start_epochs:
            print(f"No better validation loss for {self.settings.patience} epochs: stopped early.", flush=True)
            self.model.stop_training = True


def _write_atomically(path: Path, write: Callable[[str], object]) -> None:
    # The suffix must stay: Keras chooses the format by it.
    partial = path.with_name("partial-" + path.name)
    write(str(partial))
    os.replace(partial, path)


def _write_history(path: Path, rows: list[dict[str, float]]) -> None:
    partial = path.with_name("partial-" + path.name)
    with partial.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    os.replace(partial, path)


def read_history(run: Path) -> list[dict[str, float]]:
    """The rows of a run's history.csv, numbers as numbers; empty where there is none yet."""
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(handle)]


def fit(data: Checked, settings: Settings, run: Path, *, resume: bool = False, tensorboard: bool = False) -> Path:
    """Fine-tune, writing a checkpoint, the history and the best weights into a run's folder after every epoch.

    Args:
        data: as `dataset.check` returns it.
        settings: of the run.
        run: its folder.
        resume: go on from the folder's checkpoint. The order and augmentation of every epoch depend on the seed and
            the epoch alone, and the optimiser's state is in the checkpoint, so the result is that of an uninterrupted
            run up to the rounding of multi-threaded sums.
        tensorboard: write logs for TensorBoard too.

    Returns:
        The path of the best weights.

    Raises:
        FittingError: the loss is no number any more, or there is nothing to resume.
    """
    run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    train, validation = data.indices("train"), data.indices("validation")
    checkpoint = run / "checkpoint.keras"
    history = read_history(run) if resume else []
    batches = Batches(
        data.pictures[train],
        make_targets(data, train, settings),
        make_weights(data, train, settings.balance),
        settings,
    )
    if resume and checkpoint.exists():
        model = keras.saving.load_model(checkpoint)
        # The checkpoint is written before the history, so a kill between the two leaves one row too few.
        history = history[: int(model.optimizer.iterations.numpy()) // len(batches)]
    else:
        if resume:
            raise FittingError(f"There is no checkpoint in {run} to resume: start without --resume.")
        model = network.build(settings.arch, len(data.classes), None, settings.weights)
        loss = fit_head(model, data, train, settings)
        print(f"first stage: the head alone, training loss {loss:.4f}", flush=True)
        network.freeze_below(model, settings.first_stage)
        model.compile(
            _optimizer(settings, len(batches)),
            keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=bool(tf.config.list_physical_devices("GPU")),
        )
    callbacks: list[keras.callbacks.Callback] = [_Keeper(run, settings, batches, history)]
    if tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(run / "tensorboard"))
    model.fit(
        batches.stream(len(history)),
        steps_per_epoch=len(batches),
        validation_data=(
            squash(data.pictures[validation], settings.image_size),
            np.eye(len(data.classes), dtype=np.float32)[data.labels(validation)],
            make_weights(data, validation, settings.balance),
        ),
        validation_batch_size=64,
        epochs=settings.epochs,
        initial_epoch=len(history),
        callbacks=callbacks,
        verbose="auto" if os.isatty(1) else 2,
    )
    return run / "best.weights.h5"


def _optimizer(settings: Settings, steps: int) -> keras.optimizers.Optimizer:
    total = settings.epochs * steps
    warmup = max(1, int(settings.warmup * total))
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate * 0.1, total - warmup, 0.01, warmup_target=settings.learning_rate, warmup_steps=warmup
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=settings.weight_decay,
        clipnorm=1.0,
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema or 0.99,
    )

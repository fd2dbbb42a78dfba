"""Two-stage fine-tuning: first the head on cached features, then the network; resumable after any interruption."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from model.training import network
from model.training.all_reduce import SharedAdamW
from model.training.background import find_lungs
from model.training.batches import Batches, make_soft_targets, make_targets, make_weights, own_classes, squash
from model.training.callbacks import FittingError, Keeper
from model.training.dataset import Checked
from model.training.distributed import ALONE, Devices
from model.training.history import read_history
from model.training.settings import Settings


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
        [
            run(squash(data.pictures[b], size).astype(np.float32)).numpy()
            for b in tqdm(batches, "features", disable=None)
        ]
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


def fit(
    data: Checked,
    settings: Settings,
    run: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    devices: Devices = ALONE,
) -> Path:
    """Fine-tune, writing a checkpoint, the history and the best weights into a run's folder after every epoch.

    Args:
        data: as `dataset.check` returns it.
        settings: of the run.
        run: its folder.
        resume: go on from the folder's checkpoint. The order and augmentation of every epoch depend on the seed and
            the epoch alone, and the optimiser's state is in the checkpoint, so the result is that of an uninterrupted
            run up to the rounding of multi-threaded sums.
        tensorboard: write logs for TensorBoard too.
        devices: what every batch is shared among; the loss is that of one device up to rounding, so a run may be
            resumed on others.

    Returns:
        The path of the final weights: those of the best epoch, as they were validated, rounded to the int8 grid.

    Raises:
        FittingError: the loss is no number any more, or there is nothing to resume.
        DeviceError: the devices can't share the batches equally, or another process of the training is gone.
    """
    devices.refuse(settings.batch_size, settings.norms)
    run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    train, validation = data.indices("train"), data.indices("validation")
    checkpoint = run / "checkpoint.keras"
    history = read_history(run) if resume else []
    batches = make_material(data, settings)
    if resume and checkpoint.exists():
        with devices.scope():
            model = keras.saving.load_model(checkpoint)
            if devices.count > 1:
                compile_again(model, settings, len(batches), devices)
        # The checkpoint is written before the history, so a kill between the two leaves one row too few.
        history = history[: int(model.optimizer.iterations.numpy()) // len(batches)]
    else:
        if resume:
            raise FittingError(f"There is no checkpoint in {run} to resume: start without --resume.")
        start = (settings.arch, len(data.classes), None)
        model = network.build(*start, settings.weights, settings.harmonise)
        loss = fit_head(model, data, train, settings)
        print(f"first stage: the head alone, training loss {loss:.4f}", flush=True)
        model = devices.spread(model, lambda: network.build(*start, None, settings.harmonise))
        network.freeze_below(model, settings.first_stage, settings.norms)
        compile_model(model, settings, len(batches), devices)
    held_back = (
        squash(data.pictures[validation], settings.image_size),
        np.eye(len(data.classes), dtype=np.float32)[data.labels(validation)],
        make_weights(data, validation, settings.balance),
    )
    callbacks: list[keras.callbacks.Callback] = [Keeper(run, settings, len(batches), history, devices)]
    if tensorboard and devices.chief:
        callbacks.append(keras.callbacks.TensorBoard(run / "tensorboard"))
    with devices.telling_of_lost_processes():
        model.fit(
            devices.share(batches.stream(len(history))),
            steps_per_epoch=len(batches),
            validation_data=held_back,
            validation_batch_size=devices.validation_batch(len(validation)),
            epochs=settings.epochs,
            initial_epoch=len(history),
            callbacks=callbacks,
            verbose=("auto" if os.isatty(1) else 2) if devices.chief else 0,
        )
    return run / "final.weights.h5"


def compile_model(model: keras.Model, settings: Settings, steps: int, devices: Devices = ALONE) -> None:
    """Give the network the optimiser, the loss and the compiler that it is trained with.

    Args:
        model: as `network.freeze_below` leaves it.
        settings: of the run.
        steps: batches an epoch.
        devices: what every batch is shared among.
    """
    with devices.scope():
        model.compile(
            _optimizer(settings, steps, SharedAdamW if devices.count > 1 else keras.optimizers.AdamW),
            cross_entropy,
            metrics=["accuracy"],
            # XLA can't compile a step that several devices share.
            jit_compile=bool(tf.config.list_physical_devices("GPU")) and devices.count == 1,
        )


def compile_again(model: keras.Model, settings: Settings, steps: int, devices: Devices) -> None:
    """Take over a checkpoint that may have been written on one device: same state, a shared step.

    Args:
        model: as it was loaded; its optimiser is replaced.
        settings: of the run.
        steps: batches an epoch.
        devices: what every batch is shared among from now on.
    """
    state = [variable.numpy() for variable in model.optimizer.variables]
    compile_model(model, settings, steps, devices)
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, state, strict=True):
        variable.assign(value)


@keras.saving.register_keras_serializable("radiographs")
def cross_entropy(targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy over the classes that are a choice for a picture.

    Args:
        targets: (N, C) distributions over the classes; `batches.LEFT_OUT` for a class that is no choice.
        logits: (N, C).

    Returns:
        (N,).
    """
    logits = keras.ops.where(targets < 0, keras.ops.cast(-1e4, logits.dtype), logits)
    return keras.ops.categorical_crossentropy(keras.ops.maximum(targets, 0.0), logits, from_logits=True)


def make_material(data: Checked, settings: Settings) -> Batches:
    """The training split and what has a finding but no label, with what changes them."""
    chosen = data.indices("train")
    targets, weights = make_targets(data, chosen, settings), make_weights(data, chosen, settings.balance)
    unlabelled, soft = make_soft_targets(data, data.indices("unlabelled"))
    if settings.soft_weight and len(unlabelled):
        print(f"{len(unlabelled)} pictures without a label have soft targets", flush=True)
        chosen = np.concatenate([chosen, unlabelled])
        targets = np.concatenate([targets, _taught(data, unlabelled, soft, settings)]).astype(np.float32)
        weights = np.concatenate([weights, np.full(len(unlabelled), settings.soft_weight, np.float32)])
    pictures = data.pictures[chosen]
    lungs = find_lungs(pictures) if settings.augmentation.background else None
    return Batches(pictures, targets, weights, settings, own_classes(data, chosen), lungs)


def _taught(data: Checked, unlabelled: np.ndarray, soft: np.ndarray, settings: Settings) -> np.ndarray:
    """Soft targets, averaged with the scores of a teacher if there is one."""
    if not settings.teacher:
        return soft
    own = Settings.read(Path(settings.teacher).with_name("settings.json"))
    teacher = network.build(own.arch, len(data.classes), own.image_size, settings.teacher, own.harmonise)
    pictures = squash(data.pictures[unlabelled], own.image_size)
    return (soft + np.asarray(keras.ops.softmax(teacher.predict(pictures, 64, 0)))) / 2


def _optimizer(settings: Settings, steps: int, kind: type = keras.optimizers.AdamW) -> keras.optimizers.Optimizer:
    total = settings.epochs * steps
    warmup = max(1, int(settings.warmup * total))
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate * 0.1, total - warmup, 0.01, warmup_target=settings.learning_rate, warmup_steps=warmup
    )
    return kind(
        schedule,
        weight_decay=settings.weight_decay,
        clipnorm=1.0,
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema or 0.99,
    )

"""Fine-tuning: first the head on cached features, then the network on degraded views; a run can be resumed."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from model.reading import bundle as bundles
from model.reading.framing import frame
from model.reading.lungs import Segmenter
from model.training import network
from model.training.all_reduce import AllReduceAdamW
from model.training.callbacks import CHECKPOINT, WEIGHTS, RunCallback, read_history
from model.training.config import Settings, TrainingError
from model.training.data.dataset import Dataset
from model.training.data.targets import FINDINGS, make_weights
from model.training.data.views import Views, cut, find_boxes, pack
from model.training.distributed import SINGLE_DEVICE, Devices
from model.training.losses import PackedLoss, accuracy, with_findings

# Pictures whose features the head is fitted on first, at most.
HEAD_PICTURES = 2048


def fit_head(model: keras.Model, views: Views, settings: Settings) -> None:
    """First stage: fit the Dense head alone, on features that are computed once.

    Args:
        model: as `network.build` returns it; its head is changed in place.
        views: what the training draws from.
        settings: of the run.
    """
    images, targets = views.plain(HEAD_PICTURES)
    backbone = keras.Model(model.input, model.get_layer(network.FEATURES_LAYER).output)
    features = backbone.predict(images, batch_size=64, verbose=0)
    probe = keras.Sequential([keras.Input(features.shape[1:]), model.get_layer(network.LOGITS_LAYER)])
    probe.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01), keras.losses.CategoricalCrossentropy(True))
    history = probe.fit(features, targets, epochs=settings.head_epochs, batch_size=128, verbose=0).history
    print(f"first stage: the head alone, training loss {history['loss'][-1]:.4f}", flush=True)


def fit(
    data: Dataset,
    settings: Settings,
    run: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    devices: Devices = SINGLE_DEVICE,
) -> Path:
    """Fine-tune; after every epoch, write a checkpoint, the history and the best weights into the run's folder.

    Args:
        data: as `dataset.check` returns it.
        settings: of the run.
        run: its folder.
        resume: go on from the folder's checkpoint. The order and augmentation of every epoch depend on the seed and
            the epoch alone, and the optimiser's state is in the checkpoint: with the same settings, the result is
            that of an uninterrupted run up to the rounding of multi-threaded sums. The settings in
            `config.RESUMABLE` may have changed; the schedule is then that of the new ones.
        tensorboard: write logs for TensorBoard too.
        devices: the devices that share every batch; the loss is that of one device up to rounding, so a run may be
            resumed on others.

    Returns:
        The path of the final weights: those of the best epoch, as they were validated, rounded to the int8 grid.

    Raises:
        TrainingError: the loss is not finite any more, or there is nothing to resume.
        DeviceError: the devices can't share the batches equally, or another process of the training has ended.
    """
    devices.check(settings.batch_size)
    run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    validation = data.indices("validation")
    checkpoint = run / CHECKPOINT
    history = read_history(run) if resume else []
    segmenter = load_segmenter(settings)
    views = Views(cut(data, segmenter, settings), settings)
    if resume and checkpoint.exists():
        with devices.scope():
            model = keras.saving.load_model(checkpoint)
            recompile(model, settings, len(views), devices)
        # The checkpoint is written before the history, so a kill between the two leaves one row too few.
        history = history[: int(model.optimizer.iterations.numpy()) // len(views)]
    else:
        if resume:
            raise TrainingError(f"There is no checkpoint in {run} to resume: start without --resume.")
        model = network.build(settings.arch, len(data.classes), None, settings.weights)
        if settings.head_epochs and not network.is_whole(settings.weights):
            fit_head(model, views, settings)
        model = prepare(model, settings)
        model = devices.replicate(
            model, lambda: prepare(network.build(settings.arch, len(data.classes), None), settings)
        )
        network.freeze_below(model, settings.first_stage)
        compile_model(model, settings, len(views), devices)
    validation_data = read_validation(data, validation, segmenter, settings)
    callbacks: list[keras.callbacks.Callback] = [RunCallback(run, settings, len(views), history, devices)]
    if tensorboard and devices.chief:
        callbacks.append(keras.callbacks.TensorBoard(run / "tensorboard"))
    with devices.explain_connection_errors():
        model.fit(
            devices.shard(views.stream(len(history))),
            steps_per_epoch=len(views),
            validation_data=validation_data,
            validation_batch_size=devices.validation_batch(len(validation)),
            epochs=settings.epochs,
            initial_epoch=len(history),
            callbacks=callbacks,
            verbose=("auto" if os.isatty(1) else 2) if devices.chief else 0,
        )
    return run / WEIGHTS


def load_segmenter(settings: Settings) -> Segmenter | None:
    """The lung network that finds the box that the classifier sees; None where it sees the whole image."""
    return bundles.load(settings.lungs or None).segmenter if settings.framing.margin is not None else None


def prepare(model: keras.Model, settings: Settings) -> keras.Model:
    """The form in which a network is trained: without BatchNorms, and with the findings' head if it has a weight.

    Args:
        model: as `network.build` returns it.
        settings: of the run.
    """
    model = network.fold_norms(model)
    return with_findings(model, len(FINDINGS)) if settings.findings else model


def read_validation(
    data: Dataset, validation: np.ndarray, segmenter: Segmenter | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The validation images as the network takes them, their targets and weights.

    Args:
        data: the images.
        validation: (n,) positions.
        segmenter: finds the lungs; None where the whole picture is taken.
        settings: of the run.

    Returns:
        (n, S, S, 1), what `losses.PackedLoss` takes, and (n,).
    """
    targets = np.eye(len(data.classes), dtype=np.float32)[data.labels(validation)]
    pictures = data.pictures[validation]
    boxes = find_boxes(pictures, segmenter)
    framed = [frame(p.astype(np.float32), box, settings.framing) for p, box in zip(pictures, boxes, strict=True)]
    unknown = np.full((len(targets), len(FINDINGS)), -1, np.float32)
    return np.concatenate(framed), pack(targets, unknown, paired=False), make_weights(data, validation)


def compile_model(model: keras.Model, settings: Settings, steps: int, devices: Devices = SINGLE_DEVICE) -> None:
    """Compile the network with the optimiser and the loss of a run.

    Args:
        model: as `network.freeze_below` leaves it.
        settings: of the run.
        steps: batches an epoch.
        devices: the devices that share every batch.
    """
    classes = model.get_layer(network.LOGITS_LAYER).units
    with devices.scope():
        model.compile(
            _optimizer(settings, steps, AllReduceAdamW if devices.count > 1 else keras.optimizers.AdamW),
            PackedLoss(classes, settings.findings, settings.consistency),
            metrics=[accuracy],
            # XLA can't compile a step that several devices share.
            jit_compile=bool(tf.config.list_physical_devices("GPU")) and devices.count == 1,
        )


def recompile(model: keras.Model, settings: Settings, steps: int, devices: Devices) -> None:
    """Compile a loaded checkpoint for these settings and devices; the optimiser's state stays.

    Args:
        model: as it was loaded; its optimiser is replaced.
        settings: of the run, perhaps changed since the checkpoint was written.
        steps: batches an epoch.
        devices: the devices that share every batch from now on.
    """
    state = [variable.numpy() for variable in model.optimizer.variables]
    compile_model(model, settings, steps, devices)
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, state, strict=True):
        variable.assign(value)


def _optimizer(settings: Settings, steps: int, kind: type) -> keras.optimizers.Optimizer:
    total = settings.epochs * steps
    warmup = max(1, int(settings.warmup * total))
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate * 0.1, total - warmup, 0.01, warmup_target=settings.learning_rate, warmup_steps=warmup
    )
    return kind(
        schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=1.0,
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema or 0.99,
    )

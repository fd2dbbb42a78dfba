"""Two-stage fine-tuning: first the head on cached features, then the network; a run can be resumed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from model.reading import bundle as bundles
from model.reading.framing import frame
from model.reading.lungs import Segmenter
from model.training import network
from model.training.all_reduce import AllReduceAdamW
from model.training.background import find_lungs
from model.training.batches import Batches, make_soft_targets, make_targets, make_weights, source_classes, squash
from model.training.callbacks import CHECKPOINT, WEIGHTS, RunCallback, read_history
from model.training.config import FORMS, Settings, TrainingError
from model.training.crops import FINDINGS, cut, find_boxes
from model.training.dataset import Dataset
from model.training.distributed import SINGLE_DEVICE, Devices
from model.training.losses import PackedLoss, accuracy
from model.training.views import Views, pack


def fit_head(model: keras.Model, data: Dataset, train: np.ndarray, settings: Settings) -> float:
    """First stage: fit the Dense head alone, on features that are computed once.

    Args:
        model: as `network.build` returns it; its head is changed in place.
        data: the images.
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
    devices.check(settings.batch_size, settings.norms)
    run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    train, validation = data.indices("train"), data.indices("validation")
    checkpoint = run / CHECKPOINT
    history = read_history(run) if resume else []
    segmenter = load_segmenter(settings)
    batches = make_stream(data, settings, segmenter)
    if resume and checkpoint.exists():
        with devices.scope():
            model = keras.saving.load_model(checkpoint)
            recompile(model, settings, len(batches), devices)
        # The checkpoint is written before the history, so a kill between the two leaves one row too few.
        history = history[: int(model.optimizer.iterations.numpy()) // len(batches)]
    else:
        if resume:
            raise TrainingError(f"There is no checkpoint in {run} to resume: start without --resume.")
        start = (settings.arch, len(data.classes), None)
        model = network.build(*start, settings.weights, settings.harmonise)
        if settings.strength != FORMS:
            # Degraded views change the features so much that a head for clean ones is no better start than none.
            loss = fit_head(model, data, train, settings)
            print(f"first stage: the head alone, training loss {loss:.4f}", flush=True)
        model = prepare(model, settings)
        model = devices.replicate(model, lambda: prepare(network.build(*start, None, settings.harmonise), settings))
        network.freeze_below(model, settings.first_stage, settings.norms)
        compile_model(model, settings, len(batches), devices)
    validation_data = read_validation(data, validation, segmenter, settings)
    callbacks: list[keras.callbacks.Callback] = [RunCallback(run, settings, len(batches), history, devices)]
    if tensorboard and devices.chief:
        callbacks.append(keras.callbacks.TensorBoard(run / "tensorboard"))
    with devices.explain_connection_errors():
        model.fit(
            devices.shard(batches.stream(len(history))),
            steps_per_epoch=len(batches),
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


def make_stream(data: Dataset, settings: Settings, segmenter: Segmenter | None) -> Batches | Views:
    """The training batches, as the strength of the augmentation asks for them.

    Args:
        data: the images.
        settings: of the run.
        segmenter: see `load_segmenter`.
    """
    if settings.strength == FORMS:
        masked = settings.background > 0
        return Views(cut(data, segmenter, settings.framing.margin, settings.source_power, masked=masked), settings)
    return make_batches(data, settings)


def prepare(model: keras.Model, settings: Settings) -> keras.Model:
    """The form in which a network is trained: without BatchNorms or with the findings' head, as the settings say.

    Args:
        model: as `network.build` returns it.
        settings: of the run.
    """
    if settings.folded:
        model = network.fold_norms(model)
    if settings.strength == FORMS and settings.findings:
        model = network.with_findings(model, len(FINDINGS))
    return model


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
        (n, S, S, 1), (n, C) or what `losses.PackedLoss` takes, and (n,).
    """
    targets = np.eye(len(data.classes), dtype=np.float32)[data.labels(validation)]
    weights = make_weights(data, validation, settings.balance)
    if settings.strength != FORMS:
        return squash(data.pictures[validation], settings.image_size), targets, weights
    pictures = data.pictures[validation]
    boxes = find_boxes(pictures, segmenter) if segmenter else [None] * len(pictures)
    framed = [frame(one.astype(np.float32), box, settings.framing) for one, box in zip(pictures, boxes, strict=True)]
    unknown = np.full((len(targets), len(FINDINGS)), -1, np.float32)
    return np.concatenate(framed), pack(targets, unknown, paired=False), weights


def compile_model(model: keras.Model, settings: Settings, steps: int, devices: Devices = SINGLE_DEVICE) -> None:
    """Compile the network with the optimiser and the loss of a run.

    Args:
        model: as `network.freeze_below` leaves it.
        settings: of the run.
        steps: batches an epoch.
        devices: the devices that share every batch.
    """
    with devices.scope():
        model.compile(
            _optimizer(settings, steps, AllReduceAdamW if devices.count > 1 else keras.optimizers.AdamW),
            _loss(model, settings),
            metrics=[accuracy if settings.strength == FORMS else "accuracy"],
            # XLA can't compile a step that several devices share.
            jit_compile=bool(tf.config.list_physical_devices("GPU")) and devices.count == 1,
        )


def _loss(model: keras.Model, settings: Settings) -> Any:
    if settings.strength != FORMS:
        return cross_entropy
    classes = model.get_layer(network.LOGITS_LAYER).units
    return PackedLoss(classes, settings.findings, settings.consistency)


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


@keras.saving.register_keras_serializable("radiographs")
def cross_entropy(targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy over the classes that are compared for an image.

    Args:
        targets: (N, C) distributions over the classes; `batches.LEFT_OUT` for a class that is not compared.
        logits: (N, C).

    Returns:
        (N,).
    """
    logits = keras.ops.where(targets < 0, keras.ops.cast(-1e4, logits.dtype), logits)
    return keras.ops.categorical_crossentropy(keras.ops.maximum(targets, 0.0), logits, from_logits=True)


def make_batches(data: Dataset, settings: Settings) -> Batches:
    """Batches of the training split and of the images that have a finding but no label.

    Args:
        data: the images.
        settings: of the run.

    Returns:
        The batches; with lung masks where the augmentation changes the background.
    """
    chosen = data.indices("train")
    targets, weights = make_targets(data, chosen, settings), make_weights(data, chosen, settings.balance)
    unlabelled, soft = make_soft_targets(data, data.indices("unlabelled"))
    if settings.soft_weight and len(unlabelled):
        print(f"{len(unlabelled)} images without a label have soft targets", flush=True)
        chosen = np.concatenate([chosen, unlabelled])
        targets = np.concatenate([targets, _average_with_teacher(data, unlabelled, soft, settings)]).astype(np.float32)
        weights = np.concatenate([weights, np.full(len(unlabelled), settings.soft_weight, np.float32)])
    pictures = data.pictures[chosen]
    lungs = find_lungs(pictures) if settings.augmentation.background else None
    return Batches(pictures, targets, weights, settings, source_classes(data, chosen), lungs)


def _average_with_teacher(data: Dataset, unlabelled: np.ndarray, soft: np.ndarray, settings: Settings) -> np.ndarray:
    """Soft targets, averaged with the scores of a teacher if there is one."""
    if not settings.teacher:
        return soft
    earlier = Settings.read(Path(settings.teacher).with_name("settings.json"))
    teacher = network.build(earlier.arch, len(data.classes), earlier.image_size, settings.teacher, earlier.harmonise)
    pictures = squash(data.pictures[unlabelled], earlier.image_size)
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
        **({"global_clipnorm": 1.0} if settings.strength == FORMS else {"clipnorm": 1.0}),
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema or 0.99,
    )

"""Train, export and measure the network that detects mirrored radiographs; it needs no labels but makes them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from model.reading.input_check import SideTeller
from model.reading.radiograph import Radiograph, to_input
from model.training.auxiliary.augment import Augmentation, augment
from model.training.data.dataset import Dataset
from model.training.export import convert

SIDE = 96
WIDTHS = (24, 32, 48, 64)
# Covers side markers and corners in most images: the network should look at the heart, not at markers.
HOW = Augmentation(rotation=12, shift=0.08, zoom=(0.8, 1.25), borders=0.7, cutout=0.6, flip=0.0)
# Share of validation images that may be wrongly called mirrored.
FALSE_ALARMS = 0.005


def build() -> keras.Model:
    """Build a network of depthwise separable convolutions (Howard et al. 2017) for the image and its mirror image.

    Returns:
        "image" (N, SIDE, SIDE, 1) float32 grey 0-255 -> {"mirrored": (N, 1)} log-odds, which change their sign and
        nothing else when the picture is mirrored.
    """
    image = keras.Input((SIDE, SIDE, 1), name="image")
    mean = ops.mean(image, axis=(1, 2, 3), keepdims=True)
    spread = ops.sqrt(ops.mean(ops.square(image - mean), axis=(1, 2, 3), keepdims=True))
    grey = (image - mean) / ops.maximum(spread, 2.0)
    picture = x = keras.Input((SIDE, SIDE, 1))
    x = layers.Conv2D(16, 3, 2, "same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
    for width in WIDTHS:
        for stride in (2, 1):
            x = layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
            x = layers.Conv2D(width, 1, use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    trunk = keras.Model(picture, layers.Dense(1, use_bias=False, dtype="float32")(x), name="trunk")
    return keras.Model(image, {"mirrored": (trunk(grey) - trunk(ops.flip(grey, axis=2))) / 2.0})


def train(data: Dataset, steps: int = 3000, seed: int = 1) -> keras.Model:
    """Train on the training split and the unlabelled images, each mirrored with probability 1/2.

    Args:
        data: frontal radiographs, nearly all of them not mirrored.
        steps: with batches of 32 images.
        seed: of everything.

    Returns:
        The network of the last step, its weights averaged.
    """
    keras.utils.set_random_seed(seed)
    model = build()
    pictures = data.pictures[np.concatenate([data.indices("train"), data.indices("unlabelled")])]
    rng = np.random.default_rng(seed)
    rate = keras.optimizers.schedules.CosineDecay(2e-4, steps, 0.01, warmup_target=2e-3, warmup_steps=steps // 20 + 1)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.02, use_ema=True, ema_momentum=0.99)
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.02)
    model.compile(optimizer, {"mirrored": loss})
    losses = []
    for step in range(steps):
        chosen = rng.integers(0, len(pictures), 32)
        mirrored = rng.random(32) < 0.5
        made = [
            augment(pictures[i], SIDE, rng, HOW)[:, :: -1 if m else 1] for i, m in zip(chosen, mirrored, strict=True)
        ]
        x, y = np.stack(made)[..., None], mirrored[:, None].astype(np.float32)
        losses.append(float(model.train_on_batch(x, {"mirrored": y})))
        if step % 500 == 499:
            print(f"mirrored: step {step + 1} of {steps}, loss {np.mean(losses[-500:]):.4f}", flush=True)
    optimizer.finalize_variable_values(model.trainable_variables)
    return model


def export(model: keras.Model) -> bytes:
    """The network as the content of a TFLite file."""
    return convert.convert(model)


def choose_threshold(model: keras.Model, data: Dataset) -> float:
    """The log-odds above which no more than `FALSE_ALARMS` of the validation pictures lie."""
    return float(np.quantile(_logits(model, data, data.indices("validation")), 1 - FALSE_ALARMS))


def measure(teller: SideTeller, data: Dataset) -> list[dict[str, Any]]:
    """Count the exported network's errors on the test images of each source and on their mirror images.

    Args:
        teller: with its threshold.
        data: the pictures.

    Returns:
        One row a source: n, how many are wrongly called mirrored, and how many mirror images are detected.
    """
    rows = []
    for split in ("test", "external"):
        for source in sorted({data.records[i].source for i in data.indices(split)}):
            pictures = [data.pictures[i].astype(np.float32) for i in data.indices(split, source)]
            wrong = sum(teller.mirrored(Radiograph(p, "PNG", "")) for p in pictures)
            detected = sum(teller.mirrored(Radiograph(np.ascontiguousarray(p[:, ::-1]), "PNG", "")) for p in pictures)
            rows.append({"source": source, "split": split, "n": len(pictures), "wrongly": wrong, "found": detected})
    return rows


def _logits(model: keras.Model, data: Dataset, indices: np.ndarray) -> np.ndarray:
    pictures = [to_input(data.pictures[i].astype(np.float32), SIDE) for i in indices]
    return np.asarray(model.predict(np.concatenate(pictures), batch_size=64, verbose=0)["mirrored"])[:, 0]

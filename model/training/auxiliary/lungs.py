"""Train, export and measure the lung segmentation network, a small U-Net."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import layers, ops

from model.reading.framing import lungs_box
from model.reading.lungs import Segmenter
from model.reading.radiograph import Radiograph, to_input
from model.training.auxiliary.augment import Augmentation, regrade
from model.training.data.dataset import Dataset
from model.training.data.manifest import DatasetError
from model.training.data.splits import find_copies, perceptual_hashes, tie_duplicates
from model.training.export import convert

SIDE = 128
# Pixels a side of the stored images and masks.
FULL = 256
WIDTHS = (16, 24, 40, 64, 96)
HOW = Augmentation(gamma=0.8, contrast=0.6, range=0.2)


@dataclass(frozen=True)
class Masked:
    """Radiographs with their lung masks.

    Attributes:
        pictures, masks: (N, FULL, FULL) uint8; masks are 0 or 1.
        parts: (N,) "train", "validation" or "test"; copies of one image are in the same part.
    """

    pictures: np.ndarray
    masks: np.ndarray
    parts: np.ndarray


def load(table: Path, seed: int = 1) -> Masked:
    """Read `lung_masks.csv` and split 70 : 10 : 20.

    Args:
        table: CSV with columns image and mask, paths relative to it.
        seed: of the split.

    Raises:
        DatasetError: there is no such table, or a file that it names is missing.
    """
    if not table.is_file():
        raise DatasetError(f"{table} does not exist: the lung network needs radiographs with lung masks.")
    with table.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    pictures = np.stack([_grey(table.parent / row["image"], cv2.INTER_AREA) for row in rows])
    masks = np.stack([_grey(table.parent / row["mask"], cv2.INTER_NEAREST) > 127 for row in rows]).astype(np.uint8)
    groups, _ = tie_duplicates([row["image"] for row in rows], find_copies(perceptual_hashes(pictures)))
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    place = {names[i]: rank / len(names) for rank, i in enumerate(order.tolist())}
    parts = ["train" if place[g] < 0.7 else "validation" if place[g] < 0.8 else "test" for g in groups]
    return Masked(pictures, masks, np.array(parts))


def _grey(path: Path, how: int) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise DatasetError(f"{path} is missing or can't be read: fetch the shared data again.")
    return cv2.resize(picture, (FULL, FULL), interpolation=how)


def build() -> keras.Model:
    """A U-Net (Ronneberger et al. 2015) of depthwise separable convolutions (Howard et al. 2017).

    Returns:
        "image" (N, SIDE, SIDE, 1) float32 grey 0-255 -> {"lungs": (N, SIDE, SIDE, 1)} from 0 to 1.
    """
    image = keras.Input((SIDE, SIDE, 1), name="image")
    mean = ops.mean(image, axis=(1, 2, 3), keepdims=True)
    spread = ops.sqrt(ops.mean(ops.square(image - mean), axis=(1, 2, 3), keepdims=True))
    x = (image - mean) / ops.maximum(spread, 2.0)
    x = _convolve(layers.Conv2D(WIDTHS[0], 3, 2, "same", use_bias=False)(x))
    kept = [x]
    for width in WIDTHS[1:]:
        x = _separable(_separable(x, width, 2), width)
        kept.append(x)
    for width, beside in zip(WIDTHS[-2::-1], kept[-2::-1], strict=True):
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
        x = _separable(_separable(layers.Concatenate()([x, beside]), width), width)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    lungs = layers.Conv2D(1, 3, 1, "same", activation="sigmoid", name="mask", dtype="float32")(x)
    return keras.Model(image, {"lungs": lungs})


def _convolve(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))


def _separable(x: keras.KerasTensor, width: int, stride: int = 1) -> keras.KerasTensor:
    x = _convolve(layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x))
    return _convolve(layers.Conv2D(width, 1, use_bias=False)(x))


def loss(truth: keras.KerasTensor, lungs: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy plus one minus the soft Dice coefficient (Milletari et al. 2016)."""
    both = 2 * ops.sum(truth * lungs, axis=(1, 2, 3)) + 1
    dice = both / (ops.sum(truth, axis=(1, 2, 3)) + ops.sum(lungs, axis=(1, 2, 3)) + 1)
    return ops.mean(keras.losses.binary_crossentropy(truth, lungs), axis=(1, 2)) + 1 - dice


def vary(picture: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Augment an image and its mask with the same geometry; both (SIDE, SIDE) float32.

    Strong, because what the classifier sees depends on it: films are cropped tightly, lie askew on a white or black
    page, or were sharpened until noise is all that is left.
    """
    angle = rng.normal(0, 10) if rng.random() < 0.7 else rng.uniform(-30, 30)
    scale = np.exp(rng.uniform(np.log(0.5), np.log(1.8))) * SIDE / FULL
    matrix = np.asarray(cv2.getRotationMatrix2D((FULL / 2, FULL / 2), angle, float(scale)), np.float64)
    matrix[:, 2] += (SIDE - FULL) / 2 + rng.uniform(-0.18, 0.18, 2) * SIDE
    matrix[0] *= np.exp(rng.uniform(-0.2, 0.2))
    if rng.random() < 0.5:
        matrix[0] = -matrix[0]
        matrix[0, 2] += SIDE - 1
    border = float(rng.choice([0.0, 255.0, rng.uniform(0, 255)], p=[0.5, 0.3, 0.2]))
    moved = cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderValue=border)
    lungs = cv2.warpAffine(mask, matrix, (SIDE, SIDE), flags=cv2.INTER_NEAREST).astype(np.float32)
    if rng.random() < 0.25:
        moved = cv2.createCLAHE(rng.uniform(1.0, 8.0), (8, 8)).apply(moved)
    grey = regrade(moved.astype(np.float32), rng, HOW)
    if rng.random() < 0.3:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.5, 2.0))
    if rng.random() < 0.2:
        grey += rng.uniform(0.5, 3.0) * (grey - cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.7, 3.0)))
    grey += rng.normal(0, rng.uniform(0, 14), grey.shape)
    for _ in range(int(rng.integers(0, 3))):
        # Captions, logos, pads and bandages.
        height, width = (rng.uniform(0.04, 0.3, 2) * SIDE).astype(int)
        y, x = rng.integers(0, SIDE - height), rng.integers(0, SIDE - width)
        grey[y : y + height, x : x + width] = rng.uniform(0.0, 255.0)
    return np.clip(grey, 0, 255).astype(np.float32), lungs


def train(data: Masked, steps: int = 3000, seed: int = 1, taught: Masked | None = None) -> keras.Model:
    """Train on the part "train".

    Args:
        data: as `load` returns it.
        steps: of 16 pictures.
        seed: of everything.
        taught: pictures of other sources with the masks that an earlier network found in them; half of every batch is
            drawn from them (noisy student: Xie et al. 2020, arXiv:1911.04252). None for none.

    Returns:
        The network of the last step, its weights averaged.
    """
    keras.utils.set_random_seed(seed)
    model = build()
    chosen = np.flatnonzero(data.parts == "train")
    rng = np.random.default_rng(seed)
    rate = keras.optimizers.schedules.CosineDecay(3e-4, steps, 0.01, warmup_target=3e-3, warmup_steps=steps // 20)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-3, use_ema=True, ema_momentum=0.99)
    model.compile(optimizer, {"lungs": loss})
    losses = []
    for step in range(steps):
        pairs = [vary(data.pictures[i], data.masks[i], rng) for i in rng.choice(chosen, 8 if taught else 16)]
        if taught:
            drawn = rng.integers(len(taught.pictures), size=8)
            pairs += [vary(taught.pictures[i], taught.masks[i], rng) for i in drawn]
        x, y = (np.stack(part)[..., None] for part in zip(*pairs, strict=True))
        losses.append(float(model.train_on_batch(x, {"lungs": y})))
        if step % 200 == 199:
            print(f"lungs: step {step + 1} of {steps}, loss {np.mean(losses[-200:]):.4f}", flush=True)
    optimizer.finalize_variable_values(model.trainable_variables)
    return model


def teach(data: Dataset, segmenter: Segmenter, per_source: int = 400, seed: int = 1) -> Masked:
    """Pictures of the training split with the lungs that a network finds in them, where those make sense.

    Args:
        data: the radiographs.
        segmenter: the network.
        per_source: pictures at most.
        seed: of the choice.

    Returns:
        The pictures, of which "train" is every part.
    """
    rng, pictures, masks = np.random.default_rng(seed), [], []
    for source in sorted({r.source for r in data.records}):
        for i in rng.permutation(data.indices("train", source))[:per_source].tolist():
            picture = cv2.resize(data.pictures[i], (FULL, FULL), interpolation=cv2.INTER_AREA)
            lungs = segmenter.find_in(to_input(picture.astype(np.float32), segmenter.size))
            if lungs.tilt is not None and abs(lungs.tilt) < 20 and lungs_box(lungs) is not None:
                pictures.append(picture)
                large = cv2.resize(lungs.mask, (FULL, FULL), interpolation=cv2.INTER_LINEAR)
                masks.append(_two_largest(large > 0.5))
    return Masked(np.stack(pictures), np.stack(masks), np.full(len(pictures), "train"))


def _two_largest(mask: np.ndarray) -> np.ndarray:
    """(S, S) bool -> uint8 with its two largest parts alone: the others are no lungs."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    largest = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:2]
    return np.isin(parts, largest).astype(np.uint8)


def export(model: keras.Model) -> bytes:
    """The network as TFLite bytes, its weights stored as int8."""
    stored = convert.Storage("int8, first and last convolution computed in float", 8, "conv2d/")
    return convert.store(convert.convert(model), stored)


def measure(segmenter: Segmenter, data: Masked, part: str = "test") -> dict[str, float | int]:
    """Dice coefficients at the masks' own size.

    Args:
        segmenter: the exported network.
        data: as `load` returns it.
        part: of the data.

    Returns:
        Mean, median and lowest Dice, and the number of pictures.
    """
    coefficients = []
    for i in np.flatnonzero(data.parts == part):
        lungs = segmenter.find(Radiograph(data.pictures[i].astype(np.float32), "PNG", ""))
        inside = cv2.resize(lungs.mask, (FULL, FULL), interpolation=cv2.INTER_LINEAR) > 0.5
        both, either = (inside & (data.masks[i] > 0)).sum(), inside.sum() + data.masks[i].sum()
        # An empty mask and an empty segmentation agree.
        coefficients.append(2 * both / either if either else 1.0)
    return {
        "dice": round(float(np.mean(coefficients)), 4),
        "median": round(float(np.median(coefficients)), 4),
        "lowest": round(float(np.min(coefficients)), 4),
        "n": len(coefficients),
    }

"""Choosing the form that a network ships in: the fastest one that keeps scores and heatmaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
from scipy.stats import spearmanr
from tqdm import tqdm

from model.reading.bundle import Bundle
from model.training import calibration, network
from model.training.quantize import convert, int8

# Of the forms that compute in float where 8 bits cost most, the first is shipped in which no score on validation moves
# by more than this.
LARGEST_MOVE = 0.01


@dataclass(frozen=True)
class Judged:
    """The validation pictures that forms are judged on.

    Attributes:
        pictures: (n, S, S, 1) float32 grey, 0-255.
        labels: (n,) numbers of classes.
        weights: (n,) of the pictures in the calibration.
        sources: (n,) names.
        positive: the class whose AUC and maps are compared.
    """

    pictures: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    sources: np.ndarray
    positive: int


@dataclass(frozen=True)
class Found:
    """What a file gives on the pictures, and how far that is from what Keras gives.

    Attributes:
        form: its name.
        logits: (n, C).
        maps: (n, h, w, C).
        largest: difference of any score, calibrated as Keras' scores are.
        mean: difference of the scores.
        auc_lost: by the source that loses most; 0 where none loses or no source has both sides.
        rank: mean rank correlation of the positive class' maps.
    """

    form: str
    logits: np.ndarray
    maps: np.ndarray
    largest: float
    mean: float
    auc_lost: float
    rank: float


def choose(
    model: keras.Model, write: Callable[[bytes], Bundle], calibrating: Callable[[], np.ndarray], judged: Judged
) -> Found | None:
    """Try the forms, the fastest first, until one keeps what it has to keep.

    Args:
        model: as `network.build` returns it, trained, in float32; may end with rounded kernels.
        write: puts a file's content where it ships, and opens it.
        calibrating: gives (m, S, S, 1) pictures whose activations give fixed ranges.
        judged: what is compared.

    Returns:
        What the form that was written last gives; None where no form will do.
    """
    expected = network.with_maps(model).predict(judged.pictures, batch_size=16, verbose=0)
    for form, content, will_do in _forms(model, calibrating):
        bundle = write(content)
        outputs = [bundle.run(picture[None]) for picture in tqdm(judged.pictures, form, disable=None)]
        logits, maps = np.stack([one.logits for one in outputs]), np.stack([one.maps for one in outputs])
        found = compare(form, logits, maps, expected, judged)
        print(
            f"weights stored as {form}: largest score difference {found.largest:.5f}, mean {found.mean:.5f}, "
            f"AUC lost {found.auc_lost:.5f}, rank correlation of the maps {found.rank:.4f}",
            flush=True,
        )
        if will_do(found):
            return found
    return None


def _forms(
    model: keras.Model, calibrating: Callable[[], np.ndarray]
) -> Iterator[tuple[str, bytes, Callable[[Found], bool]]]:
    """Name, content and condition of each form, made when its turn comes."""
    if int8.fits(model):
        content = int8.convert(model, calibrating())
        yield int8.NAME, content, lambda found: calibration.keeps(found.auc_lost, found.rank)
    exact = convert.convert(network.with_maps(model))
    network.round_to_int8(model)
    rounded = convert.convert(network.with_maps(model))
    for storage in convert.STORAGES:
        content = convert.store(rounded if storage.bits == 8 else exact, storage)
        yield storage.name, content, lambda found: found.largest < LARGEST_MOVE


def compare(form: str, logits: np.ndarray, maps: np.ndarray, expected: dict[str, np.ndarray], judged: Judged) -> Found:
    """How far a form's outputs are from the network's own.

    Args:
        form: its name.
        logits: (n, C) of the form.
        maps: (n, h, w, C) of the form.
        expected: "logits" and "maps" of the network.
        judged: the pictures that they are of.

    Returns:
        The comparison.
    """
    temperature = calibration.fit_temperature(expected["logits"], judged.labels, judged.weights)
    scores, before = (calibration.scores_of(one, temperature) for one in (logits, expected["logits"]))
    lost = [0.0]
    for source in np.unique(judged.sources):
        own = judged.sources == source
        truth, equal = judged.labels[own] == judged.positive, np.ones(own.sum())
        if truth.any() and not truth.all():
            then, now = (calibration.auc(truth, one[own, judged.positive], equal) for one in (before, scores))
            lost.append(then - now)
    pairs = zip(maps[..., judged.positive], expected["maps"][..., judged.positive], strict=True)
    ranks = [spearmanr(one.ravel(), other.ravel()).statistic for one, other in pairs]
    moved = np.abs(scores - before)
    return Found(form, logits, maps, float(moved.max()), float(moved.mean()), max(lost), float(np.nanmean(ranks)))

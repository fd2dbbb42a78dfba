"""Choose the quantisation scheme of the exported network: the fastest one that keeps scores and heatmaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
from scipy.stats import spearmanr
from tqdm import tqdm

from model.reading.bundle import Bundle
from model.training import network
from model.training.export import calibration, convert

# Schemes with float activations are tried in the order of their speed until no validation score changes by more.
LARGEST_CHANGE = 0.01


@dataclass(frozen=True)
class Validation:
    """The validation images on which schemes are compared.

    Attributes:
        images: (n, S, S, 1) float32 grey, 0-255.
        labels: (n,) class numbers.
        weights: (n,) of the images in the calibration.
        sources: (n,) names.
        positive: the class whose AUC and maps are compared.
    """

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    sources: np.ndarray
    positive: int


@dataclass(frozen=True)
class Comparison:
    """The outputs of a scheme on the validation images, and their differences from Keras' in float32.

    Attributes:
        scheme: its name.
        logits: (n, C).
        maps: (n, h, w, C).
        largest: difference of any score, both calibrated with Keras' temperature.
        mean: difference of the scores.
        auc_lost: by the source that loses most; 0 where none loses or no source has both classes.
        rank: mean rank correlation of the positive class' maps.
    """

    scheme: str
    logits: np.ndarray
    maps: np.ndarray
    largest: float
    mean: float
    auc_lost: float
    rank: float


def choose(
    model: keras.Model,
    write: Callable[[bytes], Bundle],
    read_calibration_images: Callable[[], np.ndarray],
    validation: Validation,
) -> Comparison | None:
    """Try the schemes, the fastest first, until one keeps scores and heatmaps.

    Args:
        model: as `network.build` returns it, trained, in float32; its kernels may be rounded afterwards.
        write: writes a file's content into the bundle and loads it.
        read_calibration_images: returns (m, S, S, 1) images whose activations give the fixed ranges.
        validation: the images to compare on.

    Returns:
        The comparison of the scheme that was written last; None where no scheme is accurate enough.
    """
    expected = network.with_maps(model).predict(validation.images, batch_size=16, verbose=0)
    for scheme, content, is_accurate in _schemes(model, read_calibration_images):
        bundle = write(content)
        outputs = [bundle.run(image[None]) for image in tqdm(validation.images, scheme, disable=None)]
        logits, maps = np.stack([o.logits for o in outputs]), np.stack([o.maps for o in outputs])
        comparison = compare(scheme, logits, maps, expected, validation)
        print(
            f"weights stored as {scheme}: largest score difference {comparison.largest:.5f}, mean "
            f"{comparison.mean:.5f}, AUC lost {comparison.auc_lost:.5f}, rank correlation of the maps "
            f"{comparison.rank:.4f}",
            flush=True,
        )
        if is_accurate(comparison):
            return comparison
    return None


def _schemes(
    model: keras.Model, read_calibration_images: Callable[[], np.ndarray]
) -> Iterator[tuple[str, bytes, Callable[[Comparison], bool]]]:
    """Name, content and condition of each scheme, converted when its turn comes."""
    if convert.fits(model):
        content = convert.convert_to_int8(model, read_calibration_images())
        yield convert.FULL_INT8, content, lambda comparison: calibration.keeps(comparison.auc_lost, comparison.rank)
    exact = convert.convert(network.with_maps(model))
    network.round_to_int8(model)
    rounded = convert.convert(network.with_maps(model))
    for storage in convert.STORAGES:
        content = convert.store(rounded if storage.bits == 8 else exact, storage)
        yield storage.name, content, lambda comparison: comparison.largest < LARGEST_CHANGE


def compare(
    scheme: str, logits: np.ndarray, maps: np.ndarray, expected: dict[str, np.ndarray], validation: Validation
) -> Comparison:
    """Compare the outputs of a scheme with the network's.

    Args:
        scheme: its name.
        logits: (n, C) of the scheme.
        maps: (n, h, w, C) of the scheme.
        expected: "logits" and "maps" of the network in float32.
        validation: the images that they are of.

    Returns:
        The comparison.
    """
    labels, positive = validation.labels, validation.positive
    temperature = calibration.fit_temperature(expected["logits"], labels, validation.weights)
    reference, scores = (calibration.scores_of(values, temperature) for values in (expected["logits"], logits))
    losses = [0.0]
    for source in np.unique(validation.sources):
        rows = validation.sources == source
        truth, equal = labels[rows] == positive, np.ones(rows.sum())
        if truth.any() and not truth.all():
            before, after = (calibration.auc(truth, s[rows, positive], equal) for s in (reference, scores))
            losses.append(before - after)
    pairs = zip(maps[..., positive], expected["maps"][..., positive], strict=True)
    ranks = [spearmanr(m.ravel(), other.ravel()).statistic for m, other in pairs]
    change = np.abs(scores - reference)
    return Comparison(
        scheme, logits, maps, float(change.max()), float(change.mean()), max(losses), float(np.nanmean(ranks))
    )


def compare_with_gradcam(
    model: keras.Model, sample: np.ndarray, shipped_maps: np.ndarray
) -> dict[str, float | int | str]:
    """Grad-CAM by gradients against the class maps of the float network and of the shipped file.

    Args:
        model: as `network.build` returns it, trained.
        sample: (n, S, S, 1) float32 grey, 0-255.
        shipped_maps: (n, h, w, C) of the shipped file.

    Returns:
        The largest difference, rank correlations and the number of pictures, as the card has them.
    """
    exact = network.with_maps(model)
    largest, ranks = 0.0, []
    for start in range(0, len(sample), 16):
        pictures = sample[start : start + 16]
        reference = network.gradcam(model, pictures, relu=False)
        maps = exact.predict(pictures, verbose=0)["maps"]
        extent = np.ptp(reference, axis=(1, 2), keepdims=True)
        largest = max(largest, float((np.abs(reference - maps) / np.maximum(extent, 1e-12)).max()))
        ranks += [
            spearmanr(reference[i, :, :, c].ravel(), shipped_maps[start + i, :, :, c].ravel()).statistic
            for i in range(len(pictures))
            for c in range(reference.shape[-1])
        ]
    return {
        "largest_difference": float(f"{largest:.2g}"),
        "unit": "share of the map's range, class maps of the float32 network against Grad-CAM by gradients",
        "rank_correlation": round(float(np.mean(ranks)), 5),
        "lowest_rank_correlation": round(float(np.min(ranks)), 5),
        "pictures": len(sample),
    }

"""The exported bundle: what it promises holds on real forward passes."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from model.reading import bundle as shipped
from model.training import network
from model.training.config import TrainingError
from model.training.export import bundle as export
from model.training.export import choose


def small_network(classes: int = 3) -> keras.Model:
    keras.utils.set_random_seed(3)
    image = keras.Input((64, 64, 1), name="image")
    x = keras.layers.Conv2D(8, 3, 2, activation="relu")(network.normalise(image))
    x = keras.layers.Conv2D(12, 3, 2, activation="relu", name="conv2")(x)
    features = keras.layers.GlobalAveragePooling2D(name=network.FEATURES_LAYER)(x)
    return keras.Model(image, keras.layers.Dense(classes, name=network.LOGITS_LAYER)(features))


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 1)).astype(np.float32)


def test_class_maps_equal_gradcam(pictures: np.ndarray) -> None:
    model = small_network()
    maps = network.with_maps(model).predict(pictures, verbose=0)["maps"]
    reference = network.gradcam(model, pictures, relu=False)
    assert np.abs(maps - reference).max() < 1e-4 * np.ptp(reference)
    assert np.allclose(network.gradcam(model, pictures), np.maximum(reference, 0))


def test_cells_and_bias_add_up_to_the_logit(pictures: np.ndarray) -> None:
    model = small_network()
    head = model.get_layer(network.LOGITS_LAYER)
    head.set_weights([head.get_weights()[0], np.array([0.5, -1.0, 2.0])])
    out = network.with_maps(model).predict(pictures, verbose=0)
    assert np.allclose(out["maps"].sum(axis=(1, 2)) + head.get_weights()[1], out["logits"], atol=1e-4)


def test_centred_head_keeps_the_scores(pictures: np.ndarray) -> None:
    model = small_network()
    before = keras.ops.softmax(model(pictures)).numpy()
    network.centre_head(model)
    assert np.allclose(keras.ops.softmax(model(pictures)).numpy(), before, atol=1e-5)
    assert np.allclose(model(pictures).numpy().sum(axis=1), 0, atol=1e-4)


def test_normalisation_takes_brightness_and_contrast_away(pictures: np.ndarray) -> None:
    model = small_network()
    assert np.allclose(model(pictures * 0.4 + 20).numpy(), model(pictures).numpy(), atol=1e-3)
    blank = np.full((1, 64, 64, 1), 255, np.float32)
    assert np.isfinite(model(blank).numpy()).all()


@pytest.mark.parametrize("arch", ["resnet50", "resnet101", "resnet152"])
def test_backbones_are_one_flat_graph_with_frozen_batch_norm(arch: str) -> None:
    model = network.build(arch, classes=2, image_size=64)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms and not any(layer.trainable for layer in norms)
    network.freeze_below(model, 5)
    learning = {layer.name[:5] for layer in model.layers if layer.trainable and layer.weights}
    assert learning == {"conv5", "logit"}


def test_unknown_backbone_and_missing_weights_are_refused() -> None:
    with pytest.raises(TrainingError, match="resnet50, resnet101, resnet152"):
        network.build("vgg16")
    with pytest.raises(TrainingError, match="does not exist"):
        network.build(weights="nowhere.h5")


def test_bundle_holds_what_its_card_says(small_bundle: Path) -> None:
    card = json.loads((small_bundle / "card.json").read_text(encoding="utf-8"))
    assert card["export"]["largest_score_difference"] < choose.LARGEST_CHANGE
    assert card["export"]["gradcam"]["largest_difference"] < 1e-4
    assert card["export"]["gradcam"]["rank_correlation"] > 0.95
    assert set(card["operating_points"]["points"]) == {
        "balanced",
        "specificity_90",
        "sensitivity_90",
        "sensitivity_95",
    }
    aucs = [f for f in card["figures"] if f["metric"] == "AUC"]
    assert aucs and all(f["low"] <= f["value"] <= f["high"] and f["n"] > 0 for f in aucs)
    # The drawn classes are easy: a network that has learned at all tells them apart.
    assert min(f["value"] for f in aucs) > 0.8
    assert not list(small_bundle.parent.glob("*.old")) and not list(small_bundle.parent.glob("tmp*"))


@pytest.mark.parametrize("left", [("bundle", "bundle.old"), ("bundle.old",), ("bundle",), ()])
def test_bundle_is_swapped_whatever_a_kill_left(left: tuple[str, ...], tmp_path: Path) -> None:
    for name in (*left, "staged"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "card.json").write_text(name, encoding="utf-8")
    export.swap(tmp_path / "staged", tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (tmp_path / "bundle" / "card.json").read_text(encoding="utf-8") == "staged"


def test_bundle_loads_and_maps_add_up(small_bundle: Path) -> None:
    bundle = shipped.load(small_bundle)
    image = np.random.default_rng(1).uniform(0, 255, (1, 64, 64, 1)).astype(np.float32)
    outputs = bundle.run(image)
    assert outputs.logits.shape == (3,) and outputs.maps.shape[-1] == 3 and outputs.features.ndim == 1
    offset = outputs.logits - outputs.maps.sum(axis=(0, 1))
    other = bundle.run(255 - image)
    # What is left after the cells is the bias, the same for every picture up to the rounding of 8 bits.
    largest = max(np.abs(outputs.logits).max(), np.abs(other.logits).max())
    assert np.allclose(offset, other.logits - other.maps.sum(axis=(0, 1)), atol=0.05 + 0.02 * largest)

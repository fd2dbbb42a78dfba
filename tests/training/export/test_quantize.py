"""The form that computes in 8 bits throughout, and how the form that ships is chosen."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from model.reading.network import feature_maps
from model.training import network
from model.training.export import choose, convert
from tests.training.networks import tiny_resnet

SIZE = 64


@pytest.fixture(scope="module", params=["tiny", pytest.param("resnet50", marks=pytest.mark.slow)])
def model(request: pytest.FixtureRequest) -> keras.Model:
    keras.utils.set_random_seed(5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(network.BACKBONES, "tiny", tiny_resnet)
        built = network.build(request.param, classes=3, image_size=SIZE)
    # Random branches would drown the shortcuts within fifty layers, which training never lets happen.
    for layer in built.layers:
        if layer.name.endswith("_3_bn"):
            gamma, *rest = layer.get_weights()
            layer.set_weights([gamma * 0.3, *rest])
    return built


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    rng = np.random.default_rng(0)
    waves = [np.sin(rng.uniform(2, 20) * x + rng.uniform(2, 20) * y) * rng.uniform(20, 90) + 120 for _ in range(24)]
    return np.clip(np.stack(waves) + rng.normal(0, 5, (24, SIZE, SIZE)), 0, 255)[..., None].astype(np.float32)


@pytest.fixture(scope="module")
def content(model: keras.Model, pictures: np.ndarray) -> bytes:
    return convert.convert_to_int8(model, pictures)


def test_folded_stem_gives_the_same(model: keras.Model, pictures: np.ndarray) -> None:
    three = network.with_maps(model)
    before = three.predict(pictures[:4], verbose=0)
    after = convert.fold_input(three).predict(pictures[:4], verbose=0)
    for name, values in before.items():
        assert np.abs(values - after[name]).max() < 1e-4 * np.ptp(values), name


def test_it_computes_in_8_bits_and_keeps_the_maps(content: bytes, model: keras.Model, pictures: np.ndarray) -> None:
    interpreter = Interpreter(model_content=content)
    run = interpreter.get_signature_runner("serving_default")
    outputs = [run(image=picture[None]) for picture in pictures]
    exact = network.with_maps(model).predict(pictures, verbose=0)
    judged = choose.Validation(pictures, np.arange(24) % 3, np.ones(24), np.full(24, "drawn"), 2)
    comparison = choose.compare(
        "int8",
        np.concatenate([entry["logits"] for entry in outputs]),
        np.concatenate([entry["maps"] for entry in outputs]),
        {name: exact[name] for name in ("logits", "maps")},
        judged,
    )
    assert comparison.rank > 0.9
    assert 0 < comparison.mean <= comparison.largest
    assert len(content) < 0.6 * len(convert.convert(network.with_maps(model)))
    kinds = {entry["name"].rsplit("/", 1)[-1]: entry["dtype"] for entry in interpreter.get_tensor_details()}
    assert np.int8 in kinds.values()


def test_stages_are_handed_out_as_numbers_of_the_network(
    content: bytes, model: keras.Model, pictures: np.ndarray
) -> None:
    maps = feature_maps(content, pictures[:1])
    sizes = [SIZE // 2, SIZE // 4, SIZE // 8, SIZE // 16, SIZE // 32]
    assert [entry.shape[0] for entry in maps] == sizes
    assert all(entry.dtype == np.float32 for entry in maps)
    last = keras.Model(model.input, model.get_layer(network.FEATURES_LAYER).input).predict(pictures[:1], verbose=0)[0]
    assert np.corrcoef(maps[-1].ravel(), last.ravel())[0, 1] > 0.9


def test_a_network_with_other_layers_does_not_fit() -> None:
    image = keras.Input((SIZE, SIZE, 1))
    assert not convert.fits(keras.Model(image, keras.layers.Conv2D(4, 3, name="conv1_conv")(image)))


def test_lost_auc_is_that_of_the_source_that_loses_most() -> None:
    labels = np.tile([0, 2], 10)
    sources = np.repeat(["one", "other"], 10)
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 0.1, (20, 3)) + np.eye(3)[labels] * 4
    maps = rng.normal(size=(20, 2, 2, 3))
    turned = logits.copy()
    turned[sources == "other"] = turned[sources == "other"][::-1]
    judged = choose.Validation(np.zeros((20, 1, 1, 1)), labels, np.ones(20), sources, 2)
    comparison = choose.compare("turned", turned, maps, {"logits": logits, "maps": maps}, judged)
    assert comparison.auc_lost == pytest.approx(1.0)
    assert comparison.rank == pytest.approx(1.0)
    same = choose.compare("same", logits, maps, {"logits": logits, "maps": maps}, judged)
    assert (same.auc_lost, same.largest) == (0.0, 0.0)

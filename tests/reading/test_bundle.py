"""A bundle is what its card says, or it is refused in a sentence."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import BundleError
from model.reading import bundle as bundles
from model.reading.bundle import Bundle
from model.reading.card import DEFAULT_BUNDLE, read_card

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def bundle(small_bundle: Path) -> Bundle:
    return bundles.load(small_bundle)


@pytest.fixture
def copy(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "copy"))


def change_card(folder: Path, change: Change) -> None:
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def picture(bundle: Bundle, seed: int) -> np.ndarray:
    size = bundle.card.size
    return np.random.default_rng(seed).uniform(0, 255, (1, size, size, 1)).astype(np.float32)


def test_the_card_is_read(bundle: Bundle) -> None:
    card = bundle.card
    assert card.classes == ("normal", "other", "covid19")
    assert card.positive == "covid19"
    assert card.title == f"{card.name} {card.version}"
    assert card.point() == card.point(card.default_point)
    with pytest.raises(BundleError, match="no operating point nonsense"):
        card.point("nonsense")


def test_one_pass_gives_logits_maps_and_features(bundle: Bundle) -> None:
    found = bundle.run(picture(bundle, 1))
    classes = len(bundle.card.classes)
    assert found.logits.shape == (classes,)
    assert found.maps.ndim == 3 and found.maps.shape[2] == classes
    assert found.features.ndim == 1


def test_a_map_and_its_bias_add_up_to_the_logit(bundle: Bundle) -> None:
    found = [bundle.run(picture(bundle, n)) for n in (1, 2)]
    biases = [one.logits - one.maps.sum(axis=(0, 1)) for one in found]
    # Up to the rounding of 8 bits, where the form of the file has any.
    assert np.allclose(biases[0], biases[1], atol=0.05 + 0.02 * max(np.abs(one.logits).max() for one in found))
    assert not np.allclose(bundle.run(picture(bundle, 1)).logits, bundle.run(picture(bundle, 2)).logits)


def test_results_are_kept_when_the_next_picture_is_run(bundle: Bundle) -> None:
    first = bundle.run(picture(bundle, 1))
    kept = first.logits.copy(), first.maps.copy()
    bundle.run(picture(bundle, 2))
    assert np.array_equal(first.logits, kept[0]) and np.array_equal(first.maps, kept[1])


def test_threads_do_not_mix_their_pictures_up(bundle: Bundle) -> None:
    pictures = [picture(bundle, seed) for seed in range(8)]
    alone = [bundle.run(one).logits for one in pictures]
    together: dict[int, list[np.ndarray]] = {number: [] for number in range(8)}

    def read(number: int) -> None:
        for _ in range(20):
            together[number].append(bundle.run(pictures[number]).logits)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, found in together.items():
        assert len(found) == 20
        assert all(np.array_equal(logits, alone[number]) for logits in found)


@pytest.mark.parametrize("shape", [(1, 3, 3, 1), (64, 64), (2, 64, 64, 1)])
def test_another_shape_is_an_error(bundle: Bundle, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected an image of shape"):
        bundle.run(np.zeros(shape, np.float32))


def test_the_environment_names_a_bundle(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_card(copy, lambda card: card.update(name="another"))
    monkeypatch.setenv("CXR_BUNDLE", str(copy))
    assert bundles.load().card.name == "another"


def test_a_changed_model_file_is_refused(copy: Path) -> None:
    data = bytearray((copy / "model.tflite").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.tflite").write_bytes(data)
    with pytest.raises(BundleError, match="SHA-256 differs"):
        bundles.load(copy)


def test_a_missing_model_file_is_refused(copy: Path) -> None:
    (copy / "model.tflite").unlink()
    with pytest.raises(BundleError, match=r"no readable model\.tflite"):
        bundles.load(copy)


def test_a_file_that_is_no_network_is_refused(copy: Path) -> None:
    (copy / "model.tflite").write_bytes(b"no network" * 100)
    digest = hashlib.sha256(b"no network" * 100).hexdigest()
    change_card(copy, lambda card: card.update(sha256=digest))
    with pytest.raises(BundleError, match="can't be loaded"):
        bundles.load(copy)


def test_a_folder_without_card_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="There is no bundle"):
        bundles.load(tmp_path)


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"schema": 99}', b'{"schema": 1}', b"\xff"])
def test_a_card_that_is_none_is_refused(copy: Path, text: bytes) -> None:
    (copy / "card.json").write_bytes(text)
    with pytest.raises(BundleError, match=r"The card of the bundle copy .*export it again"):
        bundles.load(copy)


CONTRADICTIONS: dict[str, Change] = {
    "positive": lambda card: card.update(positive_class="nobody"),
    "twice": lambda card: card.update(classes=["normal", "covid19", "covid19"]),
    "default": lambda card: card["operating_points"].update(default="nowhere"),
    "threshold": lambda card: card["operating_points"]["points"]["balanced"].update(threshold=1.0),
    "temperature": lambda card: card["calibration"].update(temperature=0.0),
    "infinite": lambda card: card["calibration"].update(temperature=float("inf")),
    "margin": lambda card: card["uncertain"].update(margin=-1.0),
    "not a number": lambda card: card["uncertain"].update(margin=float("nan")),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_card_that_contradicts_itself_is_refused(copy: Path, name: str) -> None:
    change_card(copy, CONTRADICTIONS[name])
    with pytest.raises(BundleError, match="contradicts itself"):
        read_card(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.update(classes=["normal", "covid19"]),
        lambda card: card["input"].update(size=96),
    ],
)
def test_a_card_of_another_network_is_refused(copy: Path, change: Change) -> None:
    change_card(copy, change)
    with pytest.raises(BundleError, match="not the picture size or classes"):
        bundles.load(copy)


def test_the_bundle_that_ships_is_sound() -> None:
    if not (DEFAULT_BUNDLE / "card.json").exists():
        pytest.skip("this clone has no bundle yet")
    shipped = bundles.load()
    assert shipped.run(picture(shipped, 1)).logits.shape == (len(shipped.card.classes),)

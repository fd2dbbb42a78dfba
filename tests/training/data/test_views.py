"""Training on degraded views: what is drawn, what is made of it, the loss, and the network without BatchNorms."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from model.reading import bundle as bundles
from model.reading.card import Framing
from model.reading.framing import Box
from model.training import bench, config, network
from model.training.data import background
from model.training.data.dataset import Dataset
from model.training.data.degrade import Degradation, degrade
from model.training.data.manifest import Record
from model.training.data.targets import FINDINGS
from model.training.data.views import MASK, Crops, Views, crop, cut, make_view, pack
from model.training.losses import PackedLoss
from tests.training.test_fit import run_training

WIDE = 192


def records(*rows: tuple[str, str, str]) -> tuple[Record, ...]:
    return tuple(
        Record(Path("x"), source, label, str(i), finding=finding, split="train")
        for i, (source, label, finding) in enumerate(rows)
    )


def test_folding_keeps_what_the_network_says(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = network.build(classes=3, image_size=64)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape
            layer.set_weights([rng.uniform(0.5, 1.5, size), *rng.normal(0, 0.1, (2, *size)), rng.uniform(0.5, 2, size)])
    images = rng.uniform(0, 255, (2, 64, 64, 1)).astype(np.float32)
    folded = network.fold_norms(model)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)
    expected = model.predict(images, verbose=0)
    # Either form can be started from and exported.
    for number, kind in enumerate((model, folded)):
        path = tmp_path / f"{number}.final.weights.h5"
        kind.save_weights(path)
        loaded = network.build(classes=3, image_size=64, weights=path)
        assert len(loaded.weights) == len(kind.weights)
        assert loaded.predict(images, verbose=0) == pytest.approx(
            expected, rel=1e-3, abs=1e-3 * float(np.abs(expected).max())
        )


def draws(*rows: tuple[str, str, str]) -> np.ndarray:
    data = Dataset(records(*rows), np.zeros((len(rows), 64, 64), np.uint8), ("normal", "covid19"), (), 0)
    return cut(data, None, config.Settings()).probabilities


def test_probabilities_are_even_by_class_and_milder_by_source() -> None:
    drawn = draws(*[("a", "normal", "")] * 90, *[("b", "normal", "")] * 10, *[("c", "covid19", "")] * 20)
    assert drawn.sum() == pytest.approx(1)
    assert drawn[:100].sum() * 0.875 == pytest.approx(drawn[100:].sum())
    assert drawn[:90].sum() == pytest.approx(3 * drawn[90:100].sum())


def test_a_source_says_nothing_of_the_class_by_how_often_it_is_drawn() -> None:
    drawn = draws(*[("a", "normal", "")] * 9, *[("b", "normal", "")] * 40, *[("a", "covid19", "")] * 40)
    assert drawn.sum() == pytest.approx(1)
    assert drawn[:9].sum() == pytest.approx(drawn[49:].sum())


def test_findings_are_known_where_a_source_says_them() -> None:
    rows = [("nih14", "other", "Mass|Nodule"), ("nih", "other", "Pneumonia"), ("nih", "normal", "No Finding"),
            ("siim", "covid19", "typical")]  # fmt: skip
    data = Dataset(records(*rows), np.zeros((4, 64, 64), np.uint8), ("normal", "other", "covid19"), (), 0)
    crops = cut(data, None, config.Settings())
    assert crops.findings.sum(axis=1).tolist() == [2, -(len(FINDINGS) - 2), 0, -len(FINDINGS)]
    assert np.allclose(crops.targets.sum(axis=1), 1) and crops.targets.argmax(axis=1).tolist() == [1, 1, 0, 2]


def test_wide_crop_keeps_the_box_in_its_place() -> None:
    picture = np.zeros((256, 256), np.uint8)
    picture[77:179, 64:192] = 200
    part, box = crop(picture, Box(0.25, 0.3, 0.75, 0.7), 0.06, WIDE)
    assert part.shape == (WIDE, WIDE) and box is not None
    rows, columns = box.slices(WIDE, WIDE)
    assert part[rows, columns].mean() > 190 and part[: rows.start - 2].max() < 60
    assert crop(picture, None, 0.06, WIDE)[1] is None


def test_views_depend_on_seed_and_epoch_alone_and_come_in_pairs() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (6, WIDE, WIDE), np.uint8)
    targets, findings = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]], np.full((6, len(FINDINGS)), -1, np.float32)
    crops = Crops(pictures, (Box(0.1, 0.1, 0.9, 0.9), None) * 3, targets, findings, np.full(6, 1 / 6))
    settings = config.Settings(
        image_size=48,
        detail=32,
        start_size=40,
        start_epochs=1,
        batch_size=4,
        steps_per_epoch=2,
        margin=0.1,
        views=2,
    )
    views = Views(crops, settings)
    whole = [(x.numpy(), y.numpy()) for x, y in views.stream(0).take(4)]
    later = [(x.numpy(), y.numpy()) for x, y in views.stream(1).take(2)]
    assert [x.shape for x, _ in whole] == [(4, 40, 40, 1)] * 2 + [(4, 48, 48, 1)] * 2
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(whole[2:], later, strict=True))
    for images, packed in whole:
        assert np.array_equal(packed[::2], packed[1::2]) and not np.array_equal(images[0], images[1])
    assert settings.easing(0) == 1 and settings.easing(settings.epochs - 1) == pytest.approx(settings.ease)


def test_settings_of_an_earlier_version_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = {
        "image_size": 112,
        "strength": "forms",
        "noisy_sources": ["nih"],
        "detail": 80,
        "margin": 0.06,
        "views": 1,
    }
    (tmp_path / "settings.json").write_text(json.dumps(earlier), encoding="utf-8")
    settings = config.Settings.read(tmp_path / "settings.json")
    assert settings == config.Settings(image_size=112, detail=80, margin=0.06)
    assert "earlier version are left out: noisy_sources, strength." in capsys.readouterr().out
    # The size decides which pictures are copies, and with it the split.
    assert settings.decoded_size == 256 and settings.cropped_size == WIDE


def test_pictures_are_decoded_large_enough_for_what_is_seen_of_them() -> None:
    assert config.Settings(image_size=224).decoded_size == 256
    assert config.Settings(image_size=224, margin=0.1).decoded_size == 448
    assert config.Settings(image_size=320).cropped_size > 320


def test_the_head_learns_from_pictures_as_they_are() -> None:
    settings = config.Settings(image_size=32, start_size=24, start_epochs=1)
    crops = bench.draw(settings, 20)
    images, targets = Views(crops, settings).plain(12)
    assert images.shape == (12, 24, 24, 1) and targets.shape == (12, 3)
    assert Views(crops, settings).plain(100)[0].shape[0] == 20


def test_degradations_of_no_strength_change_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (WIDE, WIDE), np.uint8)
    still = degrade(picture, np.random.default_rng(1), Degradation().eased(0))
    assert np.array_equal(still, picture)
    changed = [degrade(picture, np.random.default_rng(seed), Degradation()) for seed in range(8)]
    assert all(view.shape == picture.shape and view.dtype == np.uint8 for view in changed)
    assert sum(np.array_equal(view, picture) for view in changed) == 0


def test_background_of_views_is_replaced_and_the_lungs_stay() -> None:
    rng = np.random.default_rng(2)
    pictures = rng.integers(0, 255, (3, WIDE, WIDE), np.uint8)
    lungs = np.zeros((3, MASK, MASK), np.uint8)
    lungs[:, 24:72, 24:72] = 255
    zeros = np.zeros((3, 1), np.float32)
    crops = Crops(pictures, (None,) * 3, zeros, zeros, np.full(3, 1 / 3), lungs)
    plain, replaced = (
        make_view(crops, 0, np.random.default_rng(7), Degradation().eased(0), Framing(WIDE, WIDE, None), background)
        for background in (0.0, 1.0)
    )
    inside = slice(WIDE // 4 + 4, -WIDE // 4 - 4)
    same = [np.allclose(replaced[inside, inside], way[inside, inside], atol=1) for way in (plain, plain[:, ::-1])]
    assert any(same) and np.abs(replaced[:20] - plain[:20]).mean() > 20


def test_every_kind_of_background_leaves_the_lungs() -> None:
    rng = np.random.default_rng(4)
    picture, other = rng.integers(0, 255, (2, 64, 64), np.uint8)
    lungs = np.zeros((background.SIDE, background.SIDE), np.uint8)
    lungs[32:96, 32:96] = 255
    for seed in range(12):
        changed = background.replace(picture, lungs, other, np.random.default_rng(seed))
        assert np.array_equal(changed[20:44, 20:44], picture[20:44, 20:44])
        assert np.abs(changed[:12].astype(int) - picture[:12]).mean() > 20
    assert np.array_equal(background.replace(picture, np.full_like(lungs, 255), other, rng), picture)


def test_loss_pulls_views_together_and_leaves_unknown_findings_out() -> None:
    targets, unknown = np.eye(3, dtype=np.float32)[[0, 0]], np.full((2, len(FINDINGS)), -1, np.float32)
    logits = np.zeros((2, 3 + len(FINDINGS)), np.float32)
    logits[:, 3:] = 5
    logits[0, 0], logits[1, 1] = 2, 2
    loss = PackedLoss(3, findings=1.0, consistency=1.0)
    alone, paired = (
        keras.ops.convert_to_numpy(loss.call(pack(targets, unknown, paired=both), logits)) for both in (False, True)
    )
    assert alone == pytest.approx([0.2395, 2.2395], abs=1e-3), "the cross-entropy and nothing else"
    assert paired[0] - alone[0] == pytest.approx(paired[1] - alone[1]) and paired[0] > alone[0] + 1


@pytest.mark.slow
def test_a_run_on_degraded_views_ends_in_a_bundle(drawn_folder: Path, tmp_path: Path) -> None:
    more = ("--detail", "48", "--epochs", "2", "--steps-per-epoch", "3")
    done = run_training(drawn_folder, tmp_path / "run", *more)
    assert done.returncode == 0, done.stderr[-2000:]
    bundle = bundles.load(tmp_path / "run" / "bundle")
    assert bundle.card.framing.detail == 48 and bundle.card.framing.margin is None


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(config.TrainingError, match="does not go with"):
        config.Settings(views=2, batch_size=31)
    with pytest.raises(config.TrainingError, match="give --lungs"):
        cut(Dataset((), np.zeros((0, 64, 64), np.uint8), ("normal", "covid19"), (), 0), None, config.Settings(margin=0))
    with pytest.raises(config.TrainingError, match="above --image-size"):
        config.Settings(image_size=64, detail=96)

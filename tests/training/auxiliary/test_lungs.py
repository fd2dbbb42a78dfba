"""The lung network learns from pictures with masks, and its exported file does what it did."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.reading.lungs import Segmenter
from model.training.auxiliary import lungs
from model.training.data.manifest import DatasetError
from tests.conftest import draw_chest


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> lungs.Masked:
    """Drawn chests whose lungs are what is dark in them."""
    folder = tmp_path_factory.mktemp("masks")
    rng = np.random.default_rng(4)
    with (folder / "lung_masks.csv").open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle)
        table.writerow(["image", "mask", "origin"])
        for number in range(60):
            picture = draw_chest(rng, "normal", 128)
            smooth = cv2.GaussianBlur(picture, (0, 0), 3)
            mask = (smooth < smooth.mean() - 15).astype(np.uint8) * 255
            mask[:, :12] = mask[:, -12:] = mask[:10] = mask[-10:] = 0
            cv2.imwrite(str(folder / f"{number}.png"), picture)
            cv2.imwrite(str(folder / f"{number}_mask.png"), mask)
            table.writerow([f"{number}.png", f"{number}_mask.png", "drawn"])
    return lungs.load(folder / "lung_masks.csv")


def test_parts_are_apart_and_masks_are_binary(masked: lungs.Masked) -> None:
    assert {part: int((masked.parts == part).sum()) > 0 for part in ("train", "validation", "test")} == {
        "train": True,
        "validation": True,
        "test": True,
    }
    assert set(np.unique(masked.masks)) == {0, 1}


def test_picture_and_mask_move_together(masked: lungs.Masked) -> None:
    bright = masked.masks[0] * 200
    brighter = []
    for seed in range(20):
        picture, mask = lungs.vary(bright, masked.masks[0], np.random.default_rng(seed))
        assert picture.shape == mask.shape == (lungs.SIDE, lungs.SIDE)
        brighter.append(picture[mask > 0].mean() - picture[mask == 0].mean())
    # A white border around a rotated picture may be as bright as its lungs.
    assert np.median(brighter) > 30


@pytest.mark.slow
def test_network_learns_and_its_file_agrees(masked: lungs.Masked) -> None:
    model = lungs.train(masked, steps=240)
    segmenter = Segmenter(lungs.export(model))
    assert lungs.measure(segmenter, masked)["dice"] > 0.6
    picture = cv2.resize(masked.pictures[0], (lungs.SIDE, lungs.SIDE)).astype(np.float32)[None, :, :, None]
    expected = np.asarray(model(picture)["lungs"])
    mask = segmenter.find_in(picture).mask
    assert np.abs(mask - expected[0, :, :, 0]).mean() < 0.03


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="LiteRT"):
        Segmenter(b"no network")


def test_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        lungs.load(tmp_path / "lung_masks.csv")

"""A small bundle measured once, on drawn radiographs of its source and of another place."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import train
from tests.conftest import draw_chest


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory, drawn_folder: Path) -> Path:
    """The pictures that the small bundle learned from, and those of another place with lung masks."""
    folder = tmp_path_factory.mktemp("elsewhere")
    rows = [
        [str(path), drawn_folder.name, path.parent.name, str(path), ""] for path in sorted(drawn_folder.rglob("*.png"))
    ]
    rng = np.random.default_rng(11)
    drawn_masks = [["image", "mask", "origin"]]
    mask = np.zeros((96, 96), np.uint8)
    for centre in (0.3, 0.7):
        cv2.ellipse(mask, (round(96 * centre), 48), (14, 30), 0, 0, 360, 255, -1)
    for label in ("normal", "other", "covid19"):
        for number in range(20):
            name = f"{label}-{number}.png"
            cv2.imwrite(str(folder / name), draw_chest(rng, label))
            cv2.imwrite(str(folder / f"mask-{name}"), mask)
            rows.append([name, "elsewhere", label, name, f"drawn {label}"])
            drawn_masks.append([name, f"mask-{name}", "drawn"])
    for path, content in (
        (folder / "manifest.csv", [["path", "source", "label", "group", "finding"], *rows]),
        (folder / "lung_masks.csv", drawn_masks),
    ):
        with path.open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows(content)
    return folder / "manifest.csv"


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory, small_bundle: Path, manifest: Path) -> Path:
    """A folder that `train.py evaluate --quick` wrote."""
    out = tmp_path_factory.mktemp("evidence")
    arguments = ["evaluate", "--bundle", small_bundle, "--data", manifest, "--out", out, "--cache", out / "cache"]
    assert train.main([*map(str, arguments), "--quick"]) == 0
    return out


def evidence(folder: Path) -> dict:
    return json.loads((folder / "docs" / "evidence" / "evidence.json").read_text(encoding="utf-8"))

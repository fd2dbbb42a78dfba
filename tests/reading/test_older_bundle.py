"""A bundle that an older version of the project made still loads, reads and describes itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.__main__ import main
from model.reading import bundle as bundles
from model.reading.radiograph import decode
from model.reading.reader import Reader
from tests.conftest import draw_chest
from tests.files.builders import encode

# What the card of 0.1.0 had, the first with schema 1; cards only ever gain keys.
KEYS = {
    "architecture", "calibration", "classes", "created", "export", "figures", "git_commit", "input", "intended_use",
    "licence", "limits", "name", "operating_points", "positive_class", "schema", "sha256", "training", "uncertain",
    "version",
}  # fmt: skip
INSIDE = {
    "input": {"range", "resize", "size"},
    "calibration": {"chosen_on", "method", "n", "temperature"},
    "uncertain": {"abstained", "chosen_on", "error_of_all", "error_of_decided", "how", "margin", "n", "unit"},
    "export": {"compared_with", "gradcam", "largest_score_difference", "pictures"},
}


@pytest.fixture
def older(small_bundle: Path, tmp_path: Path) -> Path:
    """The small bundle as 0.1.0 would have written it: a network and a card, nothing else."""
    folder = tmp_path / "older"
    folder.mkdir()
    shutil.copy(small_bundle / "model.tflite", folder)
    card = json.loads((small_bundle / "card.json").read_text(encoding="utf-8"))
    assert set(card) >= KEYS and card["schema"] == 1, "a new card lacks what the first had: raise its schema"
    kept = {name: card[name] for name in KEYS}
    for name, keys in INSIDE.items():
        assert set(kept[name]) >= keys
        kept[name] = {key: kept[name][key] for key in keys}
    (folder / "card.json").write_text(json.dumps(kept), encoding="utf-8")
    return folder


def test_an_older_bundle_reads_as_it_did(older: Path, small_bundle: Path) -> None:
    radiograph = decode(encode(draw_chest(np.random.default_rng(3), "covid19"), "PNG"))
    old, new = bundles.load(older), bundles.load(small_bundle)
    assert old.screener is None and old.segmenter is None
    reading = Reader(old).read(radiograph)
    assert reading.scores == Reader(new).read(radiograph, examine=False).scores
    assert reading.kind == "" and reading.lungs is None and reading.in_lungs is None
    assert reading.decision in {*old.card.classes, "uncertain"}
    json.dumps(reading.to_dict(), allow_nan=False)


def test_an_older_card_is_told_in_words(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "--bundle", str(older)]) == 0
    said = capsys.readouterr().out
    assert "Operating points:" in said and "Limits:" in said

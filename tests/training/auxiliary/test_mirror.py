"""The network that tells mirrored pictures learns the side, and its exported file says what it says."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.errors import BundleError
from model.messages import Code, Message
from model.reading.bundle import SIDE_FILE, load
from model.reading.input_check import SideTeller
from model.reading.radiograph import Radiograph
from model.reading.reader import Reader
from model.training.auxiliary import mirror
from model.training.data import dataset
from model.training.data.manifest import Record
from tests.conftest import draw_chest


@pytest.fixture(scope="module")
def chests() -> dataset.Dataset:
    """Drawn chests with a heart on the picture's right."""
    rng = np.random.default_rng(8)
    pictures = []
    for _ in range(120):
        picture = draw_chest(rng, "normal", mirror.SIDE)
        centre = (int(rng.normal(0.62, 0.02) * mirror.SIDE), int(rng.normal(0.62, 0.03) * mirror.SIDE))
        pictures.append(cv2.ellipse(picture, centre, (14, 17), 0, 0, 360, 210, -1))
    splits = ["train"] * 80 + ["validation"] * 20 + ["test"] * 20
    records = tuple(Record(Path("x"), "drawn", "normal", str(i), split=split) for i, split in enumerate(splits))
    return dataset.Dataset(records, np.stack(pictures).astype(np.uint8), ("normal", "covid19"), (), 0)


@pytest.mark.slow
def test_it_learns_the_side_and_its_file_agrees(chests: dataset.Dataset) -> None:
    model = mirror.train(chests, steps=150)
    threshold = mirror.choose_threshold(model, chests)
    teller = SideTeller(mirror.export(model), threshold)
    (row,) = mirror.measure(teller, chests)
    assert row["n"] == 20 and row["source"] == "drawn" and row["wrongly"] <= 3 and row["found"] >= 15
    picture = chests.pictures[100].astype(np.float32)
    expected = float(np.asarray(model(picture[None, :, :, None])["mirrored"])[0, 0])
    logits = [teller.logit(Radiograph(np.ascontiguousarray(p), "PNG", "")) for p in (picture, picture[:, ::-1])]
    assert logits[0] == pytest.approx(expected, abs=0.02)
    assert logits[0] == pytest.approx(-logits[1], abs=0.02)


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be loaded"):
        SideTeller(b"nothing of the kind", 0.0)


def test_a_bundle_carries_it_and_a_reading_says_so(small_bundle: Path, tmp_path: Path, chests: dataset.Dataset) -> None:
    folder = shutil.copytree(small_bundle, tmp_path / "sided")
    content = mirror.export(mirror.build())
    (folder / SIDE_FILE).write_bytes(content)
    card = json.loads((folder / "card.json").read_text())
    for threshold, noted in ((-1e6, True), (1e6, False)):
        card["side"] = {"sha256": hashlib.sha256(content).hexdigest(), "threshold": threshold, "tested": []}
        (folder / "card.json").write_text(json.dumps(card))
        bundle = load(folder)
        bundle.screener = None
        reading = Reader(bundle).read(Radiograph(chests.pictures[0].astype(np.float32), "PNG", ""))
        assert (Message(Code.MIRRORED) in reading.reasons) == noted
    (folder / SIDE_FILE).write_bytes(content[:-1])
    with pytest.raises(BundleError, match=SIDE_FILE):
        load(folder)
    del card["side"]["threshold"]
    card["side"]["sha256"] = hashlib.sha256(content[:-1]).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=r"side\.threshold is missing"):
        load(folder)

"""Add the auxiliary networks to a bundle: input check, lung segmentation and mirror detection."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from model.reading import bundle as shipped
from model.reading.input_check import SideTeller
from model.reading.lungs import Segmenter
from model.training import config
from model.training.auxiliary import input_check, lungs, mirror
from model.training.data import dataset
from model.training.export.bundle import seal, swap


def add_auxiliary(run: Path, folder: Path, *, train_lungs: bool = True, train_mirror: bool = True) -> None:
    """Fit the input check on a bundle's features, train the other auxiliary networks, and add them to the bundle.

    Args:
        run: the training run that the bundle was exported from; its split is used.
        folder: the bundle; replaced as a whole at the end.
        train_lungs: train the lung network; otherwise an existing one stays, and so does that of a network which was
            trained on what its lung network finds.
        train_mirror: the same for the network that detects mirrored radiographs.

    Raises:
        BundleError: the bundle can't be used.
        TrainingError: the run's data or settings are gone, or there are no lung masks beside the manifest.
    """
    plan, settings = config.read(run)
    data = dataset.load(plan, settings, run)
    manifest = Path(plan.data)
    network = shipped.load(folder)
    samples, features = input_check.extract(network, input_check.gather(manifest, data))
    screener = input_check.fit(samples, features)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    files = {shipped.SCREENING_FILE: screener.to_bytes()}
    card["screening"] = {
        "sha256": hashlib.sha256(files[shipped.SCREENING_FILE]).hexdigest(),
        "kinds": list(screener.kinds),
        "threshold": round(screener.threshold, 6),
        "chosen_on": "validation",
        "tested": input_check.measure(screener, samples, features),
    }
    if train_lungs and network.card.framing.margin is None:
        files[shipped.LUNGS_FILE], card["lungs"] = make_lungs(manifest, data, network.segmenter)
    if train_mirror:
        mirrored = mirror.train(data)
        threshold = round(mirror.choose_threshold(mirrored, data), 4)
        files[shipped.SIDE_FILE] = mirror.export(mirrored)
        card["side"] = {
            "sha256": hashlib.sha256(files[shipped.SIDE_FILE]).hexdigest(),
            "threshold": threshold,
            "chosen_on": "validation",
            "tested": mirror.measure(SideTeller(files[shipped.SIDE_FILE], threshold), data),
        }
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        staged = Path(scratch) / "bundle"
        shutil.copytree(folder, staged)
        for name, content in files.items():
            (staged / name).write_bytes(content)
        seal(card, staged)
        shipped.load(staged)
        swap(staged, folder)
    for row in card["screening"]["tested"]:
        print(f"  {row['kind']}, {row['group']}: {row['refused']} of {row['pictures']} refused")
    print(f"lungs: {card.get('lungs')}")


def replace_lungs(manifest: Path, run: Path, source: Path, out: Path) -> Path:
    """Copy a bundle and train a lung network for the copy, taught by the one that the bundle has.

    Args:
        manifest: CSV with the data; `lung_masks.csv` lies beside it.
        run: folder of a run, whose split is used.
        source: the bundle.
        out: the copy; replaced as a whole at the end.

    Returns:
        `out`.

    Raises:
        BundleError: the bundle can't be used.
        DatasetError, TrainingError: the run's data or settings are gone, or there are no lung masks.
    """
    plan, settings = config.read(run)
    content, described = make_lungs(manifest, dataset.load(plan, settings, run), shipped.load(source).segmenter)
    card = json.loads((source / "card.json").read_text(encoding="utf-8")) | {"lungs": described}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        staged = Path(scratch) / "bundle"
        shutil.copytree(source, staged)
        (staged / shipped.LUNGS_FILE).write_bytes(content)
        seal(card, staged)
        shipped.load(staged)
        swap(staged, out)
    return out


def make_lungs(manifest: Path, data: dataset.Dataset, teacher: Segmenter | None) -> tuple[bytes, dict[str, Any]]:
    """Train and measure the lung network: the file and its part of the card.

    Args:
        manifest: `lung_masks.csv` lies beside it.
        data: radiographs whose lungs the teacher finds.
        teacher: an earlier lung network; None to learn from the masks alone.
    """
    masked = lungs.load(manifest.parent / "lung_masks.csv")
    content = lungs.export(lungs.train(masked, taught=lungs.teach(data, teacher) if teacher else None))
    taught = "; half of what it saw are training pictures with the lungs that an earlier lung network found"
    return content, {
        "sha256": hashlib.sha256(content).hexdigest(),
        "trained_on": "v7labs' masks of adult pictures of Cohen's collection, with which no classifier was trained"
        + (taught if teacher else ""),
        **lungs.measure(Segmenter(content), masked),
    }

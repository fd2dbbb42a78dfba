"""DarkCovidNet's protocol on its own pictures: five folds by patient, with a control that sees no anatomy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from model.evaluation.metrics import mean_row
from model.evaluation.parts import linear
from model.evaluation.render import studies
from model.reading.radiograph import to_input
from model.training.data.dataset import decode_pictures
from model.training.data.manifest import DatasetError, find_records
from model.training.data.splits import find_copies, perceptual_hashes, tie_duplicates

SOURCES = ("darkcovid", "nih")
CLASSES = ("normal", "other", "covid19")
PUBLISHED = {"two classes": 98.08, "three classes": 87.02}
# (training pictures, their labels, test pictures) -> (n, C) scores of the test pictures.
FitAndScore = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
TEXT = [
    "123 COVID-19 pictures of one public set, 500 with no finding and 500 with pneumonia of another; five folds, no "
    "patient and no copy of a picture in two of them. Class and source are one here, so a model that sees no anatomy "
    "stands beside: what it reaches needs no reading of lungs.",
]


@dataclass(frozen=True)
class Pictures:
    """The protocol's pictures.

    Attributes:
        pixels: (n, S, S) uint8, or whatever else stands for them, a row a picture.
        labels: (n,) numbers in `CLASSES`.
        groups: the patient of each, copies tied together.
    """

    pixels: np.ndarray
    labels: np.ndarray
    groups: tuple[str, ...]


def load(manifest: Path, size: int = 256) -> Pictures:
    """Read the two sources of the manifest.

    Args:
        manifest: CSV.
        size: pixels a side.

    Returns:
        The pictures.

    Raises:
        DatasetError: one of the classes is missing.
    """
    records = [r for r in find_records(manifest).records if r.source in SOURCES and r.label in CLASSES]
    if missing := sorted(set(CLASSES) - {r.label for r in records}):
        raise DatasetError(
            f"The sources {' and '.join(SOURCES)} of {manifest.name} hold no {', '.join(missing)} pictures."
        )
    pixels, errors = decode_pictures([r.path for r in records], size)
    kept = [i for i in range(len(records)) if i not in errors]
    groups, _ = tie_duplicates([records[i].group for i in kept], find_copies(perceptual_hashes(pixels[kept])))
    return Pictures(pixels[kept], np.array([CLASSES.index(records[i].label) for i in kept]), tuple(groups))


def protocol(data: Pictures, fit_and_score: FitAndScore, name: str) -> list[dict[str, Any]]:
    """Five folds, out-of-fold accuracy of two classes (COVID-19 against no finding) and of three.

    Args:
        data: see `load`.
        fit_and_score: trains on some pictures and scores others; it is called for each fold and each task.
        name: of the model.

    Returns:
        One row a task.
    """
    rows = []
    for task, kept in (("two classes", data.labels != CLASSES.index("other")), ("three classes", data.labels >= 0)):
        pixels = data.pixels[kept]
        labels = np.unique(data.labels[kept], return_inverse=True)[1]
        groups = [group for group, here in zip(data.groups, kept, strict=True) if here]
        right = np.zeros(len(labels))
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
        for train, test in folds.split(pixels, labels, groups):
            scores = fit_and_score(pixels[train], labels[train], pixels[test])
            right[test] = scores.argmax(axis=1) == labels[test]
        where = {"set": "darkcovid and nih", "source": "darkcovid and nih", "role": "five folds"}
        key = f"darkcovidnet.{task.split()[0]}.{name.replace(' ', '_')}"
        rows += [row | {"model": name} for row in mean_row(key, where, "accuracy", task, right, groups)]
    return rows


def thumbnail(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The shortcut control: a linear model on 8x8 thumbnails."""
    model = linear.classifier(1.0).fit(linear.thumbnails(train), labels)
    return np.asarray(model.predict_proba(linear.thumbnails(test)))


def features(pixels: np.ndarray, weights: str, size: int) -> np.ndarray:
    """Pooled features of a ResNet50 that saw none of these pictures.

    Args:
        pixels: (n, S, S) uint8.
        weights: of the ResNet50 to start from.
        size: pixels a side of its input.

    Returns:
        (n, 2048) float32.
    """
    from model.training import network

    model = network.build("resnet50", len(CLASSES), size, weights)
    pooled = model.get_layer(network.FEATURES_LAYER).output
    images = np.concatenate([to_input(picture.astype(np.float32), size) for picture in pixels])
    values = type(model)(model.input, pooled).predict(images, batch_size=32, verbose=0)
    return np.asarray(values)


def head(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """A linear head on the (n, 2048) features, learned on the fold's training pictures alone."""
    return np.asarray(linear.classifier(0.002).fit(train, labels).predict_proba(test))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the rows of one or more models as `darkcovidnet.json`."""
    cells = [["DarkCovidNet, as published", task, f"{value} %", "1,125"] for task, value in PUBLISHED.items()]
    cells += [
        [
            row["model"],
            row["what"],
            f"{100 * row['value']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})",
            str(row["n"]),
        ]
        for row in rows
    ]
    studies.write(path, TEXT, ["Model", "Task", "Accuracy (95 % interval)", "n"], cells, figures=rows)


def main(arguments: list[str] | None = None) -> None:
    """Run the protocol with the shortcut control and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/manifest.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"), help="folder of darkcovidnet.json")
    parser.add_argument("--weights", help="ResNet50 to start from: adds the row of a head on its features")
    parser.add_argument("--size", type=int, default=224, help="pixels a side of its input")
    options = parser.parse_args(arguments)
    data = load(options.data)
    rows = protocol(data, thumbnail, linear.THUMBNAIL)
    if options.weights:
        seen = features(data.pixels, options.weights, options.size)
        rows += protocol(replace(data, pixels=seen), head, "frozen ResNet50, head learned in each fold")
    write(options.out / "darkcovidnet.json", rows)


if __name__ == "__main__":
    main()

"""Fit and measure the input check: statistics over the classifier's features of images of every kind."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from model.errors import Unreadable
from model.reading.bundle import Bundle, View, check_features
from model.reading.input_check import FRONTAL, MENDING, Screener
from model.reading.radiograph import Radiograph, decode
from model.training.data.dataset import Dataset
from model.training.data.degrade import Degradation, degrade, turn

# Findings of the manifest's source "gate" that are not radiographs; the others are radiographs of other body parts.
MEDICAL = frozenset({"chest_ct", "brain_mri", "ultrasound"})
NOT_MEDICAL = frozenset({"photo", "photograph", "document"})
LATERAL = "lateral_chest"
# Share of frontal radiographs that may be refused: below the target of 1 %, because other hospitals' need some.
REFUSED_FRONTAL = 0.0075
DIRECTIONS = 64
# Images of each split, and how many of them are rotated or augmented: read in a few minutes.
FRONTAL_PER_PART = {"train": 1000, "validation": 1000, "test": 700, "external": 700}
TURNED_PER_KIND = 200
VARIED = 500
# Photographed from a screen, in each part.
PHOTOGRAPHED = {"train": 300, "validation": 0, "test": 100, "external": 100}
DRAWN = 240


@dataclass(frozen=True)
class Sample:
    """An image for the input check.

    Attributes:
        kind: what it is, "frontal" or a kind of `model.reading.input_check`.
        group: the row of the report, such as "siim" or "foot".
        part: "train", "validation" or "test".
        read: returns its pixels, (H, W) float32 from 0 to 255.
    """

    kind: str
    group: str
    part: str
    read: Callable[[], np.ndarray]


def kind_of(finding: str) -> str:
    """A finding of the manifest's sources "gate" and "not_frontal" -> a kind."""
    if finding == LATERAL:
        return "lateral"
    return "medical" if finding in MEDICAL else "not_medical" if finding in NOT_MEDICAL else "radiograph"


def gather(manifest: Path, data: Dataset, seed: int = 1) -> list[Sample]:
    """List the images that the input check is fitted and tested on.

    Frontal radiographs keep the network's split; external sources are only tested on. Other images are split by group,
    60 % for training and 40 % for the test.

    Args:
        manifest: CSV with sources "gate" and "not_frontal".
        data: the radiographs, as `dataset.check` returns them.
        seed: of the sampling and the augmentation.

    Returns:
        The samples; each reads its image when called.
    """
    samples = list(_frontal(data, seed))
    with manifest.open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            if row["label"] == "not_chest_xray":
                mark = int(hashlib.sha256((row["group"] or row["path"]).encode()).hexdigest(), 16) % 10
                part = "train" if mark < 6 else "test"
                samples.append(
                    Sample(kind_of(row["finding"]), row["finding"], part, _from_file(manifest.parent / row["path"]))
                )
    for number in range(DRAWN):
        part = "train" if number % 10 < 6 else "test"
        samples.append(Sample("not_medical", "drawn", part, _drawn(seed * 10_000 + number)))
    return samples


def _frontal(data: Dataset, seed: int) -> Iterator[Sample]:
    rng = np.random.default_rng(seed)
    parts = {"train": "train", "validation": "validation", "test": "test", "external": "test"}
    for part in ("train", "validation", "test", "external"):
        chosen = rng.permutation(data.indices(part))
        for i in chosen[: FRONTAL_PER_PART[part]].tolist():
            record = data.records[i]
            yield Sample(FRONTAL, record.source, parts[part], _from_file(record.path))
        if part == "train":
            for i in chosen[:VARIED].tolist():
                yield Sample(FRONTAL, "varied", "train", _varied(data.pictures[i], seed + i))
        for i in rng.permutation(chosen)[: PHOTOGRAPHED[part]].tolist():
            yield Sample(FRONTAL, "photographed", parts[part], _photographed(data.pictures[i], seed + i))
        for kind, (turns, inverted) in MENDING.items():
            count = TURNED_PER_KIND if part == "train" else TURNED_PER_KIND // 4
            for i in rng.permutation(chosen)[:count].tolist():
                yield Sample(kind, kind, parts[part], _turned(data.records[i].path, turns, inverted))


def _from_file(path: Path) -> Callable[[], np.ndarray]:
    return lambda: decode(path.read_bytes()).pixels


def _turned(path: Path, turns: int, inverted: bool) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        # The inverse of the correction.
        pixels = np.rot90(decode(path.read_bytes()).pixels, -turns)
        return np.ascontiguousarray(255.0 - pixels if inverted else pixels, dtype=np.float32)

    return read


def _varied(picture: np.ndarray, seed: int) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        rng, how = np.random.default_rng(seed), Degradation()
        return turn(degrade(np.asarray(picture), rng, how), rng, how.turn).astype(np.float32)

    return read


def _photographed(picture: np.ndarray, seed: int) -> Callable[[], np.ndarray]:
    """A photograph of a screen: rotated, with the screen's edge and rows, a reflection and uneven light."""

    def read() -> np.ndarray:
        rng = np.random.default_rng(seed)
        side = 384
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        seen = corners * rng.uniform(0.82, 1.05) + rng.uniform(-0.04, 0.12) + rng.uniform(-0.05, 0.05, (4, 2))
        turn = cv2.getPerspectiveTransform(corners * (len(picture) - 1), (seen * side).astype(np.float32))
        desk = np.full((side, side), rng.choice([10.0, 40.0, 120.0]), np.float32)
        photo = cv2.warpPerspective(
            picture.astype(np.float32), turn, (side, side), desk, borderMode=cv2.BORDER_TRANSPARENT
        )
        y, x = np.mgrid[0:side, 0:side] / side
        rows = np.sin(2 * np.pi * side / rng.uniform(2.1, 6) * (y + rng.uniform(-0.1, 0.1) * x))
        light = 1 + rng.uniform(-0.3, 0.3) * (x - 0.5) + rng.uniform(-0.3, 0.3) * (y - 0.5)
        mirror = np.exp(-(((x - rng.random()) / 0.15) ** 2 + ((y - rng.random()) / 0.2) ** 2))
        photo = photo * light * (1 + 0.06 * rows) + rng.uniform(0, 60) * mirror + rng.normal(0, 4, photo.shape)
        return np.clip(cv2.GaussianBlur(photo, (0, 0), 0.8), 0, 255).astype(np.float32)

    return read


def _drawn(seed: int) -> Callable[[], np.ndarray]:
    """Blank, noise, a gradient, text, a window with text, or shapes, as in screenshots."""

    def read() -> np.ndarray:
        rng = np.random.default_rng(seed)
        what, side = seed % 6, 320
        base = np.full((side, side), rng.uniform(0, 255))
        if what == 1:
            grain = int(rng.choice([8, 40, side]))
            base = base + cv2.resize(rng.normal(0, 60, (grain, grain)), (side, side))
        elif what == 2:
            down, across = (np.linspace(0, rng.uniform(-200, 200), side) for _ in range(2))
            base = np.add.outer(down, across) + 128
        page = np.clip(base, 0, 255).astype(np.uint8)
        for _ in range(int(rng.integers(3, 30)) if what >= 3 else 0):
            grey, (x, y) = int(rng.integers(0, 256)), rng.integers(0, 300, 2).tolist()
            width, height = rng.integers(8, 150, 2).tolist()
            if what == 3 or rng.random() < 0.5:
                words = "".join(rng.choice(list("abcdefgh ijklmnop 0123456789"), int(rng.integers(3, 30))))
                cv2.putText(page, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.3, 1.2)), grey, 1)
            elif what == 4:
                cv2.rectangle(page, (x, y), (x + width, y + height), grey, -1)
            else:
                cv2.ellipse(page, (x, y), (width, height), float(rng.uniform(0, 180)), 0, 360, grey, -1)
        return page.astype(np.float32)

    return read


def extract(bundle: Bundle, samples: list[Sample]) -> tuple[list[Sample], np.ndarray]:
    """Features of samples from the shipped network.

    Args:
        bundle: the shipped file.
        samples: N of them.

    Returns:
        Those that can be decoded, and their (n, F) pooled features.
    """

    def read(sample: Sample) -> tuple[Radiograph, View] | None:
        try:
            radiograph = Radiograph(sample.read(), "", "")
        except Unreadable:
            return None
        return radiograph, bundle.look(radiograph, find_lungs=False)

    kept, features = [], []
    with ThreadPoolExecutor(2) as threads, tqdm(total=len(samples), desc="features", disable=None) as progress:
        # A few at a time: thousands of decoded pictures would not fit.
        for start in range(0, len(samples), 64):
            some = samples[start : start + 64]
            for sample, seen in zip(some, threads.map(read, some), strict=True):
                if seen is not None:
                    kept.append(sample)
                    features.append(check_features(*seen, bundle.run(seen[1].image)))
            progress.update(len(some))
    return kept, np.stack(features)


def fit(samples: list[Sample], features: np.ndarray) -> Screener:
    """Fit on the part "train", choose strength and threshold on the rest of what is not "test".

    Args:
        samples: N of them.
        features: (N, F).

    Returns:
        The input check.
    """
    part, kind = np.array([s.part for s in samples]), np.array([s.kind for s in samples])
    learned, held = part == "train", part == "validation"
    logs = np.log1p(features)
    frontal = learned & (kind == FRONTAL)
    mean, scale = logs[frontal].mean(axis=0), logs[frontal].std(axis=0) + 1e-2
    standard = (logs - mean) / scale
    classifier = LogisticRegression(C=0.003, max_iter=300).fit(standard[learned], kind[learned])
    slopes, bias = classifier.coef_, classifier.intercept_
    if len(slopes) == 1:  # scikit-learn keeps one row of two classes, the log-odds of the second
        slopes, bias = np.stack([-slopes[0], slopes[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    values, vectors = np.linalg.eigh(np.cov(standard[frontal], rowvar=False))
    leading = slice(len(values) - DIRECTIONS, None)
    screener = Screener(
        kinds=tuple(str(name) for name in classifier.classes_),
        mean=mean,
        scale=scale,
        weights=slopes.T.astype(np.float32),
        bias=bias.astype(np.float32),
        threshold=0.0,
        axes=vectors[:, leading].astype(np.float32),
        variances=values[leading].astype(np.float32),
        rest=float(values[: len(values) - DIRECTIONS].mean()),
        steps=np.zeros(1, np.float32),
    )
    frontal = standard[held & (kind == FRONTAL)].astype(np.float32)
    chances = screener.chances(frontal)[:, screener.kinds.index(FRONTAL)]
    threshold = float(np.quantile(chances, REFUSED_FRONTAL))
    steps = np.sort(screener.distances(frontal))
    return replace(screener, threshold=min(threshold, 0.5), steps=steps)


def measure(screener: Screener, samples: list[Sample], features: np.ndarray) -> list[dict]:
    """Count what is refused of the part "test", by group.

    Args:
        screener: fitted.
        samples: N of them.
        features: (N, F).

    Returns:
        A row for each group: kind, group, pictures, refused, and the verdicts with their counts.
    """
    rows: dict[tuple[str, str], Counter[str]] = {}
    for sample, values in zip(samples, features, strict=True):
        if sample.part == "test":
            rows.setdefault((sample.kind, sample.group), Counter())[screener.screen(values).kind] += 1
    return [
        {
            "kind": kind,
            "group": group,
            "pictures": counts.total(),
            "refused": counts.total() - counts[FRONTAL],
            "verdicts": dict(counts.most_common()),
        }
        for (kind, group), counts in sorted(rows.items())
    ]

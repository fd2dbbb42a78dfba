"""Keras weights -> bundle: convert, verify against Keras on real pictures, calibrate, measure, write atomically."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy.stats import spearmanr
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tqdm import tqdm

from model.inference import bundle as shipped
from model.inference.radiograph import decode, to_input
from model.training import evaluation, network, runs
from model.training.dataset import Checked, is_positive
from model.training.fitting import Settings, make_weights, read_history
from model.training.gradcam import gradcam

# int8-stored weights are shipped where no score on validation moves by more than this, else float16 ones.
LARGEST_MOVE = 0.01
COMPARED = 64
ABSTAIN = 0.12
INTENDED_USE = (
    "For research and education, not a medical device. Adults' frontal chest radiographs, read beside other evidence "
    "by people who are learning what such a network can and can't do. A score is not a diagnosis."
)
# A source, or "" for what is always so, and the limit that comes with it.
LIMITS = (
    ("siim", "The label that it learned is radiographic appearance in hospitals of 2020, not a PCR result."),
    ("nih", "Labels of the NIH pictures were mined from reports and are noisy."),
    ("siim", "Children, lateral views, CT and photographs of screens were not in the training."),
    ("", "Pictures of a hospital that it was not trained on are read worse: compare internal and external figures."),
    ("", "A heatmap cell covers 1/7 of the picture's side: it can't outline a lesion."),
)
STARTING_WEIGHTS = {
    "resnet50_ct.weights.h5": {
        "name": "resnet50_ct",
        "origin": "ResNet50 cut out of the image trunk of Astra (zzzwzh/Astra_CTRG), grown from Merlin "
        "(stanfordmimi/Merlin), an ImageNet ResNet-152 inflated to 3-D and trained on CT volumes with their reports",
        "licence": "MIT",
    },
    "imagenet": {"name": "imagenet", "origin": "Keras applications, trained on ImageNet", "licence": "MIT"},
    "none": {"name": "none", "origin": "random", "licence": "none"},
}


class ExportError(RuntimeError):
    """The bundle can't be made; the message says why in a sentence."""


def export_run(run: Path, out: Path, *, weights: Path | None = None, version: str = "0.1.0") -> Path:
    """Export a run's best weights as a bundle, with every figure that its card holds.

    Args:
        run: folder of a training run.
        out: where the bundle goes; an older one there is replaced only when the new one is whole.
        weights: the run's `best.weights.h5` unless another file is named.
        version: of the bundle.

    Returns:
        `out`.

    Raises:
        ExportError: there are no weights, or the exported file does not do what Keras does.
        DatasetError, FittingError: the run's data or settings are gone.
    """
    plan, settings = runs.read(run)
    weights = weights or run / "best.weights.h5"
    if not weights.exists():
        raise ExportError(f"{weights} does not exist: train first, or name a weights file of the run.")
    data = runs.load(plan, settings, run)
    keras.mixed_precision.set_global_policy("float32")
    model = network.build(settings.arch, len(data.classes), settings.image_size)
    model.load_weights(weights)
    network.centre_head(model)
    card = describe(data, settings, run, model, version)
    return write_bundle(model, card, data, out)


def write_bundle(model: keras.Model, card: dict, data: Checked, out: Path) -> Path:
    """Convert, verify, calibrate and measure a network, and write the bundle.

    Args:
        model: as `network.build` returns it, trained, in float32.
        card: what is known before measuring (see `describe`); completed here.
        data: its "validation" pictures calibrate, its "test" and "external" ones are measured.
        out: where the bundle goes.

    Returns:
        `out`.

    Raises:
        ExportError: neither int8 nor float16 storage keeps the scores.
    """
    size = card["input"]["size"]
    three = network.with_maps(model)
    validation = read_pictures(data, data.indices("validation"), size)
    with tempfile.TemporaryDirectory(dir=_parent(out)) as scratch:
        staged = Path(scratch) / "bundle"
        staged.mkdir()
        sample = validation[:: max(1, len(validation) // COMPARED)][:COMPARED]
        outputs, stored, difference = _convert(three, staged, card, sample)
        card["architecture"]["weights_stored_as"] = stored
        card["export"] = {
            "compared_with": "Keras float32",
            "pictures": len(sample),
            "largest_score_difference": round(difference, 6),
            "gradcam": _compare_maps(model, sample, outputs),
        }
        reader = shipped.load(staged)
        logits = {"validation": run_bundle(reader, validation)}
        for split in ("test", "external"):
            logits[split] = run_bundle(reader, read_pictures(data, data.indices(split), size))
        _calibrate(card, data, logits["validation"])
        card["figures"] = measure(card, data, logits)
        _seal(card, staged)
        shipped.load(staged)
        _swap(staged, out)
    print(f"bundle in {out}: {(out / 'model.tflite').stat().st_size / 1e6:.1f} MB, weights stored as {stored}")
    print(f"largest score difference from Keras on {len(sample)} pictures: {difference:.5f}")
    for figure in card["figures"]:
        print(f"  {figure['set']}: {figure['metric']} {figure['what']} {figure['value']:.3f} "
              f"({figure['low']:.3f} to {figure['high']:.3f}), n = {figure['n']}")
    return out


def read_pictures(data: Checked, indices: np.ndarray, size: int) -> np.ndarray:
    """Decode files exactly as the reader does (not through the training cache): (n, size, size, 1) float32."""
    if not len(indices):
        return np.zeros((0, size, size, 1), np.float32)
    return np.concatenate([to_input(decode(data.records[i].path.read_bytes()).pixels, size) for i in indices])


def run_bundle(bundle: shipped.Bundle, pictures: np.ndarray) -> np.ndarray:
    """Logits (n, C) of pictures (n, S, S, 1) from the shipped file."""
    rows = [bundle.run(picture[None]).logits for picture in tqdm(pictures, "reading", disable=None)]
    return np.stack(rows) if rows else np.zeros((0, len(bundle.card.classes)))


def convert(three: keras.Model, stored: str) -> bytes:
    """A network with three outputs (`network.with_maps`) -> TFLite bytes with the signature "serving_default".

    Args:
        three: the network.
        stored: "int8" (weights stored per channel, activations in float), "float16" or "float32".

    Returns:
        The file's content.
    """
    shape = (None, *three.input.shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(three(image, training=False))

    # Frozen first: the converter leaves Keras' variables as variables of the file, which LiteRT reads as NaN.
    frozen = convert_variables_to_constants_v2(serve.get_concrete_function())
    names = sorted(three.output)  # TensorFlow flattens a dictionary by its sorted keys

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="image")])
    def serve_frozen(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(names, frozen(image), strict=True))

    holder = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve_frozen.get_concrete_function()], holder)
    if stored != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if stored == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def _convert(three: keras.Model, staged: Path, card: dict, sample: np.ndarray) -> tuple[np.ndarray, str, float]:
    expected = three.predict(sample, batch_size=16, verbose=0)["logits"]
    for stored in ("int8", "float16"):
        (staged / "model.tflite").write_bytes(convert(three, stored))
        _seal(card, staged)
        reader = shipped.load(staged)
        outputs = [reader.run(picture[None]) for picture in sample]
        got = np.stack([o.logits for o in outputs])
        difference = float(np.abs(evaluation.scores_of(got, 1.0) - evaluation.scores_of(expected, 1.0)).max())
        print(f"weights stored as {stored}: largest score difference {difference:.5f}", flush=True)
        if difference < LARGEST_MOVE:
            return np.stack([o.maps for o in outputs]), stored, difference
    raise ExportError(f"The converted network's scores differ from Keras by {difference:.3f}: it is not written.")


def _compare_maps(model: keras.Model, sample: np.ndarray, shipped_maps: np.ndarray) -> dict[str, float | int | str]:
    """Grad-CAM by gradients against the class maps of the float network and of the shipped file."""
    exact = network.with_maps(model)
    largest, ranks = 0.0, []
    for start in range(0, len(sample), 16):
        pictures = sample[start : start + 16]
        reference = gradcam(model, pictures, relu=False)
        own = exact.predict(pictures, verbose=0)["maps"]
        spread = np.ptp(reference, axis=(1, 2), keepdims=True)
        largest = max(largest, float((np.abs(reference - own) / np.maximum(spread, 1e-12)).max()))
        ranks += [
            spearmanr(reference[i, :, :, c].ravel(), shipped_maps[start + i, :, :, c].ravel()).statistic
            for i in range(len(pictures))
            for c in range(reference.shape[-1])
        ]
    return {
        "largest_difference": float(f"{largest:.2g}"),
        "unit": "share of the map's range, class maps of the float32 network against Grad-CAM by gradients",
        "rank_correlation": round(float(np.mean(ranks)), 5),
        "lowest_rank_correlation": round(float(np.min(ranks)), 5),
        "pictures": len(sample),
    }


def _calibrate(card: dict, data: Checked, logits: np.ndarray) -> None:
    chosen = data.indices("validation")
    labels, groups = data.labels(chosen), [data.records[i].group for i in chosen]
    weights = make_weights(data, chosen, "source").astype(float)
    temperature = evaluation.fit_temperature(logits, labels, weights)
    scores = evaluation.scores_of(logits, temperature)
    positive = data.classes.index(card["positive_class"])
    card["calibration"] = {
        "method": "temperature",
        "temperature": round(temperature, 5),
        "chosen_on": "validation",
        "n": len(chosen),
    }
    points = evaluation.choose_operating_points(labels == positive, scores[:, positive], groups)
    card["operating_points"] = {"default": "balanced", "points": points}
    decided, confidence = evaluation.confidences(scores, positive, points["balanced"]["threshold"])
    card["uncertain"] = evaluation.choose_margin(confidence, decided == labels, weights, ABSTAIN)


def measure(card: dict, data: Checked, logits: dict[str, np.ndarray]) -> list[dict]:
    """Figures of each test source on its own: AUC of the positive class against each other class, and the
    sensitivity and specificity at the default operating point, with intervals by patient.

    Args:
        card: calibrated.
        data: the pictures.
        logits: per split, (n, C) in the order of `data.indices(split)`.

    Returns:
        Rows for the card's "figures".
    """
    positive = data.classes.index(card["positive_class"])
    threshold = card["operating_points"]["points"]["balanced"]["threshold"]
    rows: list[dict] = []
    for split in ("test", "external"):
        chosen = data.indices(split)
        scores = evaluation.scores_of(logits[split], card["calibration"]["temperature"])[:, positive]
        labels = data.labels(chosen)
        sources = np.array([data.records[i].source for i in chosen])
        groups = np.array([data.records[i].group for i in chosen])
        for source in sorted(set(sources)):
            here = sources == source
            common = {
                "set": f"{source} {'test split' if split == 'test' else '(never trained on)'}",
                "source": source,
                "role": "internal" if split == "test" else "external",
            }
            rows += _figures_of(common, labels[here], scores[here], groups[here], positive, threshold, data.classes)
    return rows


def _figures_of(
    common: dict,
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    positive: int,
    threshold: float,
    classes: tuple[str, ...],
) -> list[dict]:
    name, source = classes[positive], common["source"]
    ill = labels == positive
    rows = []

    def add(key: str, metric: str, what: str, chosen: np.ndarray, how: evaluation.Metric) -> None:
        value = evaluation.estimate(how, ill[chosen], scores[chosen], groups[chosen])
        rows.append({"id": f"{source}.{key}", **common, "metric": metric, "what": what} | value.as_json())

    for other in sorted(set(labels.tolist()) - {positive}):
        own, label = labels == other, classes[other]
        if ill.any():
            add(f"auc.{label}", "AUC", f"{name} against {label}", ill | own, evaluation.auc)
        rule = evaluation.share_at_or_above(threshold, among=False)
        add(f"specificity.{label}", "specificity", f"{label} not called {name}", own, rule)
    if ill.any():
        rule = evaluation.share_at_or_above(threshold, among=True)
        add("sensitivity", "sensitivity", f"{name} called {name}", ill, rule)
    return rows


def describe(data: Checked, settings: Settings, run: Path, model: keras.Model, version: str) -> dict:
    """The part of the card that is known before anything is measured."""
    classes = data.classes
    positive = next((c for c in classes if is_positive(c)), classes[-1])
    return {
        "schema": 1,
        "name": f"covid_{settings.arch}",
        "version": version,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "git_commit": _git_commit(),
        "architecture": {"name": settings.arch, "parameters": model.count_params()},
        "classes": list(classes),
        "positive_class": positive,
        "input": {"size": settings.image_size, "range": [0, 255], "resize": "squash"},
        # Provisional until `_calibrate` has seen the shipped file's validation logits.
        "calibration": {"method": "none", "temperature": 1.0},
        "operating_points": {"default": "balanced", "points": {"balanced": {"threshold": 0.5}}},
        "uncertain": {"margin": 0.0, "unit": "log-odds"},
        "training": {
            "sources": _sources(data),
            "starting_weights": _starting_weights(settings),
            "settings": json.loads((run / "settings.json").read_text(encoding="utf-8"))
            | {"weights": Path(settings.weights).name if settings.weights else "none"},
            "history": read_history(run),
        },
        "figures": [],
        "intended_use": INTENDED_USE,
        "limits": [limit for source, limit in LIMITS if source in ("", *(r.source for r in data.records))],
        "licence": {"code": "Apache-2.0", "weights": _weights_licence(data)},
    }


def _sources(data: Checked) -> list[dict]:
    rows = []
    for source in sorted({r.source for r in data.records}):
        own = [r for r in data.records if r.source == source]
        rows.append(
            {
                "source": source,
                "licence": "; ".join(sorted({r.licence for r in own if r.licence})),
                "role": "external test" if own[0].split == "external" else "training, validation and test",
                "pictures": dict(Counter(r.label for r in own if r.split != "unused")),
                "split": dict(Counter(r.split for r in own)),
            }
        )
    return rows


def _weights_licence(data: Checked) -> str:
    learned = {r.licence for r in data.records if r.split == "train"}
    if any("non-commercial" in licence.lower() for licence in learned):
        return "Research and education, non-commercial: the licences of the training pictures demand it."
    return "As the owners of the training pictures allow."


def _starting_weights(settings: Settings) -> dict[str, str]:
    name = Path(settings.weights).name if settings.weights else "none"
    return STARTING_WEIGHTS.get(name, {"name": name, "origin": "a file of the user", "licence": "its owner's"})


def _git_commit() -> str:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _seal(card: dict, folder: Path) -> None:
    card["sha256"] = hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def _parent(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.parent


def _swap(staged: Path, out: Path) -> None:
    """Put a whole bundle where an older one may be; on the same file system, so that nothing is ever half-written."""
    old = out.with_name(out.name + ".old")
    if out.exists():
        os.rename(out, old)
    os.rename(staged, out)
    shutil.rmtree(old, ignore_errors=True)

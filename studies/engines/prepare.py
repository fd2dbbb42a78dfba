"""The files that the engines read, made once from the Keras weights, and the pictures that they are judged on.

A process of its own: `python -m studies.engines.prepare --weights W --bundle B --files FOLDER`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np

from model.reading.card import read_card
from model.training import config, dataset, export, flops, network
from model.training.calibration import fit_temperature
from model.training.quantize import convert
from studies.engines import lite_forms

SOURCE, JUDGED, CALIBRATED = "siim", 300, 128
FACTS = "facts.json"


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--files", type=Path, required=True)
    options = parser.parse_args()
    options.files.mkdir(parents=True, exist_ok=True)
    card = read_card(options.bundle)
    model = network.build(card.architecture.name, len(card.classes), card.size)
    model.load_weights(options.weights)
    network.centre_head(model)
    # Without the optimiser's state, which no engine needs.
    model.save_weights(options.files / "network.weights.h5")
    calibration, n = _pictures(options.weights.parent, card.size, card.classes.index(card.positive), options.files)
    images, labels = np.load(options.files / "pictures.npy"), np.load(options.files / "labels.npy")
    expected = network.with_maps(model).predict(images, batch_size=16, verbose=0)
    np.savez(options.files / "reference.npz", logits=expected["logits"], maps=expected["maps"])
    _write_forms(options.files, model, calibration)
    facts = {
        "weights_sha256": hashlib.sha256(options.weights.read_bytes()).hexdigest(),
        "size": card.size,
        "classes": list(card.classes),
        "positive": card.classes.index(card.positive),
        "temperature": fit_temperature(expected["logits"], labels, np.ones(len(labels))),
        "pictures": n,
        "calibrated_on": len(calibration),
        "gflop_a_picture": flops.count(model, card.size)["forward"] / 1e9,
    }
    (options.files / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _pictures(run: Path, size: int, positive: int, files: Path) -> tuple[np.ndarray, dict[str, int]]:
    """Write pictures of the validation part with their labels; return those of the training part that calibrate."""
    plan, settings = config.read(run)
    data = dataset.load(plan, settings, run)
    normal = data.classes.index("normal")
    chosen = np.concatenate([data.indices("validation", SOURCE, data.classes[c]) for c in (normal, positive)])
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(chosen)[:JUDGED])
    np.save(files / "pictures.npy", export.read_pictures(data, chosen, size))
    np.save(files / "labels.npy", data.labels(chosen))
    (files / "paths.json").write_text(json.dumps([str(data.records[i].path.resolve()) for i in chosen]))
    learnt = rng.permutation(data.indices("train"))[:CALIBRATED]
    calibration = export.read_pictures(data, learnt, size)
    np.save(files / "calibration.npy", calibration)
    labels = data.labels(chosen)
    return calibration, {data.classes[c]: int((labels == c).sum()) for c in (positive, normal)}


def _write_forms(files: Path, model: keras.Model, calibration: np.ndarray) -> None:
    """The TFLite files, and the weights as PyTorch takes them."""
    weights = {f"{one.name}/{number}": part for one in model.layers for number, part in enumerate(one.get_weights())}
    np.savez(files / "torch.npz", **weights)
    exact = convert.convert(network.with_maps(model))
    for name, content in (
        ("float32", exact),
        ("float16", convert.store(exact, convert.STORAGES[-1])),
        ("dynamic", lite_forms.dynamic_int8(exact)),
        ("full_int8", lite_forms.full_int8(exact, calibration)),
    ):
        (files / f"{name}.tflite").write_bytes(content)


if __name__ == "__main__":
    main()

"""The files that the engines read, made once from the Keras weights, and the pictures that they are judged on.

What needs TensorFlow runs in a process: `python -m studies.engines.prepare --weights W --bundle B --files FOLDER`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.reading import bundle as bundles
from studies.engines.worker import LAST_WORDS, ROOT, environment

if TYPE_CHECKING:
    import keras

STEPS = ("ONNX", "ONNX dynamic int8", "ONNX static int8")
SOURCE, JUDGED, CALIBRATED = "siim", 300, 128
FACTS = "facts.json"


def prepare(files: Path, bundle: Path, weights: Path) -> dict[str, str]:
    """Make every file that is not there yet.

    Args:
        files: folder for them; kept from run to run while the weights are the same.
        bundle: the shipped one.
        weights: Keras weights of its network, in the folder of their run.

    Returns:
        A sentence for each form that could not be made, by its name.

    Raises:
        subprocess.CalledProcessError: not even TensorFlow's files could be made.
    """
    facts, notes_file = files / "facts.json", files / "notes.json"
    if facts.exists() and notes_file.exists():
        made_from = json.loads(facts.read_text(encoding="utf-8"))["weights_sha256"]
        if made_from == hashlib.sha256(weights.read_bytes()).hexdigest():
            return dict(json.loads(notes_file.read_text(encoding="utf-8")))
    command = [sys.executable, "-m", "studies.engines.prepare"]
    places = ["--weights", str(weights), "--bundle", str(bundle), "--files", str(files)]
    subprocess.run([*command, *places], cwd=ROOT, env=environment(), check=True)
    notes: dict[str, str] = {}
    for step in STEPS:
        done = subprocess.run(
            [sys.executable, "-m", "studies.engines.forms", step, str(files)],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it ended without a word"]
            notes[step] = lines[-1][-LAST_WORDS:]
        print(f"{step}: {notes.get(step, 'made')}", flush=True)
    notes_file.write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")
    return notes


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--files", type=Path, required=True)
    options = parser.parse_args()
    options.files.mkdir(parents=True, exist_ok=True)
    from model.training import config, flops, network
    from model.training.calibration import fit_temperature

    bundle = bundles.load(options.bundle)
    card = bundle.card
    _, settings = config.read(options.weights.parent)
    model = network.load(settings, len(card.classes), options.weights)
    network.centre_head(model)
    # Without the optimiser's state, which no engine needs.
    model.save_weights(options.files / "network.weights.h5")
    calibration, n = _pictures(options.weights.parent, bundle, card.classes.index(card.positive), options.files)
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


def _pictures(run: Path, bundle: bundles.Bundle, positive: int, files: Path) -> tuple[np.ndarray, dict[str, int]]:
    """Write pictures of the validation part with their labels; return those of the training part that calibrate."""
    from model.training import config, dataset, export

    plan, settings = config.read(run)
    data = dataset.load(plan, settings, run)
    normal = data.classes.index("normal")
    chosen = np.concatenate([data.indices("validation", SOURCE, data.classes[c]) for c in (normal, positive)])
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(chosen)[:JUDGED])
    np.save(files / "pictures.npy", export.read_pictures(data, chosen, bundle.card.framing, bundle.segmenter))
    np.save(files / "labels.npy", data.labels(chosen))
    (files / "paths.json").write_text(json.dumps([str(data.records[i].path.resolve()) for i in chosen]))
    learnt = rng.permutation(data.indices("train"))[:CALIBRATED]
    calibration = export.read_pictures(data, learnt, bundle.card.framing, bundle.segmenter)
    np.save(files / "calibration.npy", calibration)
    labels = data.labels(chosen)
    return calibration, {data.classes[c]: int((labels == c).sum()) for c in (positive, normal)}


def _write_forms(files: Path, model: keras.Model, calibration: np.ndarray) -> None:
    """The TFLite files, and the weights as PyTorch takes them."""
    from model.training import network
    from model.training.quantize import convert
    from studies.engines import forms

    weights = {
        f"{layer.name}/{number}": part for layer in model.layers for number, part in enumerate(layer.get_weights())
    }
    np.savez(files / "torch.npz", **weights)
    exact = convert.convert(network.with_maps(model))
    for name, content in (
        ("float32", exact),
        ("float16", convert.store(exact, convert.STORAGES[-1])),
        ("dynamic", forms.dynamic_int8(exact)),
        ("full_int8", forms.full_int8(exact, calibration)),
    ):
        (files / f"{name}.tflite").write_bytes(content)


if __name__ == "__main__":
    main()

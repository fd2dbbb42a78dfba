"""What the rule of docs/choosing.md gives for the weights of a run: `choice.json`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.evaluation.render import studies
from model.reading import bundle as bundles
from model.training import choice, config, dataset, network

TEXT = [
    "Score: the mean of six AUCs less half the share of largest classes that the form of the file changes, and less a "
    "quarter of the share of RSNA's normals whose largest class is another, on hospitals that training never saw and "
    "SIIM's validation part. Networks were chosen by it, so the figures flatter the one that ships a little.",
]
COLUMNS = {
    "Score": "score",
    "Mean AUC": "mean AUC",
    "SIIM validation": "siim",
    "Hannover, normals": "hannover v normal",
    "Hannover, tuberculosis": "hannover v tb",
    "RICORD, pneumonia": "ricord v pneumonia",
    "Normals, the ill": "normal v ill",
    "Normals, COVID-19": "normal v covid",
    "Largest class changed": "flips",
    "Normals not called normal": "ill",
}


def main(arguments: list[str] | None = None) -> None:
    """Judge weights files of a run, each at one size, and write or extend the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run, for data, split and settings")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="Keras weights of the run")
    parser.add_argument("--bundle", type=Path, nargs="*", default=[], help="bundles to judge as they read")
    parser.add_argument("--out", type=Path, default=Path("docs/evidence/choice.json"))
    options = parser.parse_args(arguments)
    plan, settings = config.read(options.run)
    data = dataset.load(plan, settings, options.run)
    rows: list[dict[str, Any]] = []
    segmenter = bundles.load(settings.lungs or None).segmenter
    if segmenter is None:
        raise config.TrainingError("The rule needs a bundle with a lung network: see --lungs of the run.")
    for path in options.weights:
        chosen = choice.gather(data, segmenter, settings.framing)
        model = network.load(settings, len(data.classes), path)
        rows.append(_row(path.stem, choice.judge(_by_keras(model), chosen, settings.image_size, data.classes)))
    for folder in options.bundle:
        bundle = bundles.load(folder)
        framing, finder = bundle.card.framing, bundle.segmenter or segmenter
        chosen = choice.gather(data, finder, framing)
        judged = choice.judge(_by_bundle(bundle), chosen, framing.size, bundle.card.classes)
        rows.append(_row(bundle.card.title, judged))
    cells = [[row["network"], *(f"{row[key]:.3f}" for key in COLUMNS.values())] for row in rows]
    studies.write(options.out, TEXT, ["Network", *COLUMNS], cells, figures=rows)
    for row in rows:
        print(f"{row['network']}: {row['score']:.3f}, mean AUC {row['mean AUC']:.3f}, flips {row['flips']:.3f}")


def _row(name: str, judged: dict[str, float]) -> dict[str, Any]:
    return {"network": name} | {key: round(value, 4) for key, value in judged.items()}


def _by_keras(model: keras.Model) -> Any:
    return lambda images: keras.ops.convert_to_numpy(keras.ops.softmax(model.predict(images, 32, 0)))


def _by_bundle(bundle: bundles.Bundle) -> Any:
    def predict(images: np.ndarray) -> np.ndarray:
        logits = np.stack([bundle.run(image[None]).logits for image in images]) / bundle.card.temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    return predict


if __name__ == "__main__":
    main()

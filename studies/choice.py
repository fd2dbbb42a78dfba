"""What the rule of docs/choosing.md gives for the weights of a run: `choice.json`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.reading import bundle as bundles
from model.training import choice, config, dataset, network


def main(arguments: list[str] | None = None) -> None:
    """Judge weights files of a run, each at one size, and write or extend the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; its settings hold for every file")
    parser.add_argument("--weights", type=Path, nargs="+", help="default: the run's final weights")
    parser.add_argument("--bundle", type=Path, nargs="*", default=[], help="bundles to judge as they read")
    parser.add_argument("--out", type=Path, default=Path("docs/evidence/choice.json"))
    options = parser.parse_args(arguments)
    plan, settings = config.read(options.run)
    data = dataset.load(plan, settings, options.run)
    rows: list[dict[str, Any]] = []
    segmenter = bundles.load(settings.lungs or None).segmenter
    if segmenter is None:
        raise config.TrainingError("The rule needs a bundle with a lung network: see --lungs of the run.")
    for path in options.weights or [options.run / network.WHOLE_SUFFIX]:
        chosen = choice.gather(data, segmenter, settings.framing)
        model = network.load(settings, len(data.classes), path)
        rows.append(_row(path.stem, choice.judge(_by_keras(model), chosen, settings.image_size, data.classes)))
    for folder in options.bundle:
        bundle = bundles.load(folder)
        framing, finder = bundle.card.framing, bundle.segmenter or segmenter
        chosen = choice.gather(data, finder, framing)
        judged = choice.judge(_by_bundle(bundle), chosen, framing.size, bundle.card.classes)
        rows.append(_row(bundle.card.title, judged))
    kept = json.loads(options.out.read_text(encoding="utf-8"))["rows"] if options.out.exists() else []
    named = {row["network"] for row in rows}
    rows = [row for row in kept if row["network"] not in named] + rows
    options.out.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
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

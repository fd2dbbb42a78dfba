"""How far storing the weights as int8 moves the scores, on every validation picture of a run.

Usage: python -m benchmarks.storage RUN (its folder; the bundle is the one that ships)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from model.inference import bundle as bundles
from model.training import evaluation, export, network, runs

RESULT = Path(__file__).resolve().parent / "results" / "storage.json"


def main() -> None:
    """Compare trained, rounded and shipped scores (softmax without temperature) and write the result."""
    run = Path(sys.argv[1])
    plan, settings = runs.read(run)
    data = runs.load(plan, settings, run)
    pictures = export.read_pictures(data, data.indices("validation"), settings.image_size)
    model = network.build(settings.arch, len(data.classes), settings.image_size, harmonise=settings.harmonise)
    model.load_weights(run / "final.weights.h5")
    trained = evaluation.scores_of(model.predict(pictures, batch_size=64, verbose=0), 1.0)
    network.round_to_int8(model)
    rounded = evaluation.scores_of(model.predict(pictures, batch_size=64, verbose=0), 1.0)
    bundle = bundles.load()
    shipped = evaluation.scores_of(export.run_bundle(bundle, pictures), 1.0)
    found = {
        "bundle": bundle.card.title,
        "pictures": len(pictures),
        "rounding": _moved(trained, rounded),
        "shipped_from_rounded": _moved(rounded, shipped),
        "shipped_from_trained": _moved(trained, shipped),
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


def _moved(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    difference = np.abs(one - other)
    return {"largest": round(float(difference.max()), 4), "mean": round(float(difference.mean()), 4)}


if __name__ == "__main__":
    main()

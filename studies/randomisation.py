"""Parameter randomisation (Adebayo et al. 2018): a heatmap that stays when the weights go shows the picture alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
from scipy.stats import spearmanr

from model.evaluation.render import studies
from model.reading import bundle as bundles
from model.training import config, network
from model.training.data import dataset
from model.training.export.bundle import read_pictures

PICTURES = 24
# Below this mean rank correlation the map has lost what the learned one showed.
PASSES_BELOW = 0.5
TEXT = [
    "From the head downwards, the weights of more and more layers are shuffled, and the maps for the positive class "
    "are compared with those of the trained network by rank correlation over their cells. They should fall apart: a "
    "map that stayed would show the edges of the picture and not what was learned. It is the network before "
    "conversion; the card says how far the shipped file's maps are from its.",
]


def measure(model: keras.Model, pictures: np.ndarray, positive: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Cascading randomisation; `model` is left with random weights.

    Args:
        model: as `network.build` returns it, trained.
        pictures: (n, S, S, 1) float32 grey, 0-255.
        positive: the class whose maps are compared.
        seed: of the random weights.

    Returns:
        A row for each stage from the head down: "randomised", the mean "correlation", its "low" and "high" (the
        middle 95 % of pictures), and n.
    """
    three = network.with_maps(model)
    first = three.predict(pictures, verbose=0)["maps"][..., positive]
    rng = np.random.default_rng(seed)
    rows = []
    for stage, layers in _stages(model):
        for layer in layers:
            # Shuffled and not drawn anew: sizes stay as they are, so that no activation dies or explodes.
            layer.set_weights([rng.permuted(w.ravel()).reshape(w.shape) for w in layer.get_weights()])
        maps = network.with_maps(model).predict(pictures, verbose=0)["maps"][..., positive]
        ranks = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(first, maps, strict=True)]
        ranks = [float(rank) for rank in ranks if np.isfinite(rank)]
        low, high = np.quantile(ranks, [0.025, 0.975])
        spread = {"correlation": np.mean(ranks), "low": low, "high": high}
        rows.append({"randomised": stage, "n": len(ranks)} | {k: round(float(v), 4) for k, v in spread.items()})
    return rows


def _stages(model: keras.Model) -> list[tuple[str, list[keras.layers.Layer]]]:
    """Layers with weights from the head down, by stage (the first part of their name)."""
    stages: dict[str, list[keras.layers.Layer]] = {}
    for layer in reversed([layer for layer in model.layers if layer.weights]):
        stages.setdefault(layer.name.split("_")[0], []).append(layer)
    return list(stages.items())


def main(arguments: list[str] | None = None) -> None:
    """Randomise the weights of a run and write `randomisation.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run that the bundle came from")
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"), help="folder of randomisation.json")
    options = parser.parse_args(arguments)
    plan, settings = config.read(options.run)
    data = dataset.load(plan, settings, options.run)
    model = network.load(settings, len(data.classes), options.run / network.WHOLE_SUFFIX)
    network.centre_head(model)
    positive = len(data.classes) - 1
    chosen = data.indices("test", label=data.classes[positive])[:PICTURES]
    rows = measure(
        model, read_pictures(data, chosen, settings.framing, bundles.load(settings.lungs or None).segmenter), positive
    )
    last = rows[-1]["correlation"]
    verdict = f"With all layers randomised the mean correlation is {last:.2f}: the check "
    verdict += "passes." if abs(last) < PASSES_BELOW else "does not pass."
    cells = [
        [row["randomised"], f"{row['correlation']:.2f} ({row['low']:.2f} to {row['high']:.2f})", row["n"]]
        for row in rows
    ]
    columns = ["Randomised down to", "Rank correlation (middle 95 % of pictures)", "Pictures"]
    studies.write(options.out / "randomisation.json", [*TEXT, verdict], columns, cells, figures=rows)


if __name__ == "__main__":
    main()

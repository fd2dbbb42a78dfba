"""What each choice of the training is worth: one change a row, same seed and budget, and three seeds of the base."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.evaluation.metrics import auc_of, row
from model.evaluation.render import studies
from model.training import config, fit, network
from model.training.config import Settings
from model.training.data import dataset
from model.training.export import calibration

# Small enough for all rows to fit into an hour on two cores; the shipped run's choices otherwise.
BASE = Settings(
    image_size=96,
    detail=80,
    margin=0.06,
    epochs=2,
    batch_size=64,
    first_stage=4,
    learning_rate=3e-4,
    steps_per_epoch=120,
)
# Pictures of an external source at most: enough for an interval of a few hundredths.
MOST = 800
AGAINST = {"siim": "normal", "cohen": "other", "radiography": "normal"}
COLUMNS = [
    "Change",
    "SIIM validation split, covid19 against normal",
    "Cohen, covid19 against other",
    "Radiography, covid19 against normal",
]
TEXT = [
    "Every row changes one thing of the first and is trained with the same seed and budget: two epochs of 120 batches "
    "at 96 pixels, stages 4 and 5 alone learning. The budget is small, so differences below the intervals say nothing, "
    "and what helps in two epochs need not help in twenty. AUC with 95 % intervals by patient.",
]
SEEDS_TEXT = [
    "The base of the ablation with three seeds. A seed changes the split of the pictures too, so the spread holds the "
    "luck of the split as well as that of the training. Mean and largest less smallest.",
]


@dataclass(frozen=True)
class Variant:
    """A row: its name and the settings."""

    name: str
    settings: Settings


def variants(weights: str) -> list[Variant]:
    """The rows, the base first; `weights` are those to start from."""
    base = replace(BASE, weights=weights)
    changes: dict[str, dict[str, Any]] = {
        "base": {},
        "no degradations": {"degrade": 0.0},
        "degradations of half the strength": {"degrade": 0.5},
        "degradations not eased": {"ease": 1.0},
        "whole picture": {"margin": -1.0},
        "lungs' box, but every sharpness": {"detail": 0},
        "two views of each picture, with consistency": {"views": 2},
        "without NIH's 14 findings": {"findings": 0.0},
        "sources drawn by their size": {"source_power": 1.0},
        "sources drawn evenly": {"source_power": 0.0},
        "head not fitted first": {"head_epochs": 0},
        "no averaging of weights": {"ema": 0.0},
    }
    return [Variant(name, replace(base, **change)) for name, change in changes.items()]


def train_and_measure(variant: Variant, data: Path, folder: Path) -> list[dict[str, Any]]:
    """Train one variant and measure its AUC on each source.

    Args:
        variant: what to train.
        data: the manifest.
        folder: of the run; one that has been measured is not trained again.

    Returns:
        Rows as `metrics.row` makes them.
    """
    measured = folder / "measured.json"
    # Kept beside the run, so that an interrupted table goes on with its next row.
    if measured.exists():
        kept = json.loads(measured.read_text())
        # A setting that is newer than the row had its default then.
        if _plain(Settings()) | kept["settings"] == _plain(variant.settings):
            rows: list[dict[str, Any]] = kept["rows"]
            return rows
    plan = config.Plan(str(data))
    checked = dataset.load(plan, variant.settings, folder)
    config.write(folder, plan, variant.settings)
    weights = fit.fit(checked, variant.settings, folder)
    model = network.load(variant.settings, len(checked.classes), weights)
    rows = [figure for source in AGAINST for figure in _auc(model, checked, source, variant.settings)]
    measured.write_text(json.dumps({"settings": asdict(variant.settings), "rows": rows}, indent=1))
    (folder / "checkpoint.keras").unlink(missing_ok=True)
    return rows


def _plain(settings: Settings) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return values


def _auc(model: keras.Model, data: dataset.Dataset, source: str, settings: Settings) -> list[dict[str, Any]]:
    """One AUC of a source's pictures that this variant did not learn from."""
    split = {"siim": "validation"}.get(source, "external")
    if not len(data.indices(split, source)):
        split = "test"
    positive = data.classes.index("covid19")
    labels = (data.classes.index("covid19"), data.classes.index(AGAINST[source]))
    chosen = data.indices(split, source)
    chosen = chosen[np.isin(data.labels(chosen), labels)]
    if len(chosen) > MOST:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, MOST, replace=False))
    images, _, _ = fit.read_validation(data, chosen, fit.load_segmenter(settings), settings)
    logits = model.predict(images, batch_size=64, verbose=0)
    truth, score = data.labels(chosen) == positive, calibration.scores_of(logits, 1.0)[:, positive]
    where = {"set": f"{source} {split}", "source": source, "role": split}
    groups = [data.records[i].group for i in chosen]
    return row(f"ablation.{source}", where, "AUC", AGAINST[source], auc_of(truth, score), (truth, score, groups))


def main(arguments: list[str] | None = None) -> None:
    """Train and measure every row and the seeds; write `ablation.json` and `seeds.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/manifest.csv"))
    parser.add_argument("--weights", required=True, help="to start from")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), help="where the runs are kept")
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"), help="folder of the two JSON files")
    parser.add_argument("--rows", type=int, help="measure so many of the rows only, in their order")
    options = parser.parse_args(arguments)
    rows = variants(options.weights)[: options.rows]
    cells, figures = [], []
    for variant in rows:
        figures_of_variant = train_and_measure(variant, options.data, options.runs / _folder(variant))
        figures += [{"change": variant.name} | figure for figure in figures_of_variant]
        cells.append([variant.name, *(_cell(figures_of_variant, source) for source in AGAINST)])
        studies.write(options.out / "ablation.json", TEXT, COLUMNS, cells, figures=figures)
        print(cells[-1], flush=True)
    _seeds(rows[0], options)


def _folder(variant: Variant) -> str:
    return re.sub(r"\W+", "-", variant.name)


def _seeds(base: Variant, options: argparse.Namespace) -> None:
    cells, values = [], []
    for seed in (1, 2, 3):
        folder = options.runs / (_folder(base) if seed == 1 else f"seed{seed}")
        measured = train_and_measure(replace(base, settings=replace(base.settings, seed=seed)), options.data, folder)
        values.append({figure["source"]: figure["value"] for figure in measured})
        cells.append([f"seed {seed}", *(_cell(measured, source) for source in AGAINST)])
        print(cells[-1], flush=True)
    for what, how in (("mean", np.mean), ("largest less smallest", np.ptp)):
        cells.append([what, *(f"{how([measured[source] for measured in values]):.3f}" for source in AGAINST)])
    studies.write(options.out / "seeds.json", SEEDS_TEXT, ["Seed", *COLUMNS[1:]], cells, figures=values)


def _cell(rows: list[dict[str, Any]], source: str) -> str:
    return next((f"{r['value']:.3f} ({r['low']:.3f} to {r['high']:.3f})" for r in rows if r["source"] == source), "")


if __name__ == "__main__":
    main()

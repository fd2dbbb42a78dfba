"""Runs at full size beside the one that ships: what was tried, and why it does not ship."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from model.evaluation.render import studies
from model.training.callbacks import read_history

TEXT = [
    "Networks that were trained at full size and compared with the one that ships, which is the first row. Validation "
    "loss is the best of the run, on the same pictures; a lower one is no reason to ship a network that reads pictures "
    "of other hospitals worse. The other columns are the figures that each run's own "
    "bundle was exported with, with 95 % intervals by patient.",
]
WANTED = {
    "SIIM test, covid19 against normal": ("siim test split", "AUC", "covid19 against normal"),
    "Cohen, covid19 against other": ("cohen (never trained on)", "AUC", "covid19 against other"),
    "Radiography, covid19 against normal": ("radiography (never trained on)", "AUC", "covid19 against normal"),
    "Cohen, sensitivity": ("cohen (never trained on)", "sensitivity", "covid19 called covid19"),
}


def cells(name: str, run: Path, card: dict[str, Any]) -> list[str]:
    """A run as a row of the table.

    Args:
        name: what was done otherwise.
        run: its folder, with the history.
        card: of the bundle that was exported from it.

    Raises:
        KeyError: the card lacks one of the figures.
    """
    figures = {(f["set"], f["metric"], f["what"]): f for f in card["figures"]}
    chosen = [figures[key] for key in WANTED.values()]
    best = min(row["val_loss"] for row in read_history(run))
    return [name, f"{best:.3f}", *(f"{f['value']:.3f} ({f['low']:.3f} to {f['high']:.3f})" for f in chosen)]


def main(arguments: list[str] | None = None) -> None:
    """Write `attempts.json` from the runs and bundles that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", help="NAME=RUN=BUNDLE, the one that ships first")
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"), help="folder of the JSON file")
    options = parser.parse_args(arguments)
    rows = []
    for text in options.runs:
        name, run, bundle = text.split("=")
        rows.append(cells(name, Path(run), json.loads((Path(bundle) / "card.json").read_text(encoding="utf-8"))))
    studies.write(options.out / "attempts.json", TEXT, ["Run", "Validation loss", *WANTED], rows)


if __name__ == "__main__":
    main()

"""A network trained where the source equals the class, measured inside and outside of its sources."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from model.evaluation import loading, study
from model.evaluation.parts import linear, sources
from model.evaluation.render import studies

TEXT = [
    "A network of the same kind, trained on pictures where COVID-19 comes from one country and the normal ones from "
    "another, as most public demonstrations are. Inside it looks excellent, because it can tell the scanners apart; "
    "a linear model on an 8x8 thumbnail does nearly as well there. Outside, what it learned is worth little.",
]


def measure(measured: study.Study) -> list[dict[str, Any]]:
    """AUC of the trapped network and of the thumbnail, each source on its own.

    Args:
        measured: of a bundle that was trained on one such source.

    Returns:
        Rows as `metrics.row` makes them, those of the thumbnail with "control".
    """
    areas = [row for row in sources.measure(measured)["figures"] if row["metric"] == "AUC"]
    return sorted(
        areas + linear.thumbnail(measured), key=lambda row: (row["role"] == "internal", row["set"], row["what"])
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure a trapped bundle and write `trap.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="trained with --sources radiography")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/manifest.csv"))
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"), help="folder of trap.json")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--quick", action="store_true", help="small samples, to try it out")
    options = parser.parse_args(arguments)
    rows = measure(loading.load(options.bundle, options.data, options.cache, quick=options.quick))
    cells = [
        [
            row["set"],
            row.get("control", "the network"),
            row["what"],
            f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
            row["n"],
        ]
        for row in rows
    ]
    columns = ["Pictures", "Model", "AUC of", "AUC (95 % interval)", "n"]
    studies.write(options.out / "trap.json", TEXT, columns, cells, figures=rows)


if __name__ == "__main__":
    main()

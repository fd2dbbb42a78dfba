"""What a run keeps of its epochs: history.csv, curves.png, and files that are never half-written."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure


def write_atomically(path: Path, write: Callable[[str], object]) -> None:
    """Have `write` write a file beside `path` and rename it, so that a kill leaves the old one or the new one."""
    # The suffix must stay: Keras chooses the format by it.
    partial = path.with_name("partial-" + path.name)
    write(str(partial))
    partial.replace(path)


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write one row an epoch as CSV."""

    def write(partial: str) -> None:
        with Path(partial).open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    write_atomically(path, write)


def draw_curves(rows: list[dict[str, float]], path: Path) -> None:
    """Draw loss and accuracy over the epochs, training and validation, as a PNG."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, [row[name] for row in rows], "o-", label="training (augmented)")
        axes.plot(epochs, [row[f"val_{name}"] for row in rows], "s--", label="validation (moving average)")
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    write_atomically(path, figure.savefig)


def read_history(run: Path) -> list[dict[str, float]]:
    """The rows of a run's history.csv, numbers as numbers; empty where there is none yet."""
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(handle)]

"""The figures of docs/evidence.md as small SVG files: text stays text, colours differ for the colour-blind too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.evaluation.render import documents
from model.evaluation.render.tables import Row

# Okabe and Ito's palette; markers differ too, so that no colour has to be told.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "evidence",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "figure.constrained_layout.use": True,
}
ROLES = {"choice": "to choose by", "external": "never trained on", "internal": "learned from"}


def draw(evidence: dict[str, Any], folder: Path) -> list[str]:
    """Draw the figure of each claim.

    Args:
        evidence: as the JSON holds it.
        folder: for the files.

    Returns:
        The names of the files.
    """
    jobs: dict[str, Callable[[dict[str, Any]], Figure]] = {
        "codec.svg": lambda e: _intervals(
            documents.codec_rows(e["codec"]), lambda row: row["form"], lambda row: row["bundle"], "decisions changed"
        ),
        "hospitals.svg": lambda e: _intervals(
            documents.sensitivity_rows(e["headline"]), _source, _role, "sensitivity for COVID-19"
        ),
        "healthy.svg": lambda e: _intervals(
            documents.healthy_rows(e["elsewhere"]), _source, _role, "healthy chests called ill"
        ),
        "lungs.svg": lambda e: _intervals(
            documents.lung_rows(e["heatmaps"]), _source, lambda row: row["map"], "share inside the lungs"
        ),
        "coverage.svg": lambda e: _coverage(e["selective"]["curves"]),
    }
    names = [claim.figure for claim in documents.claims(evidence)]
    with plt.rc_context(STYLE):  # type: ignore[arg-type]
        for name in names:
            figure = jobs[name](evidence)
            # Without a date, so that the same values give the same file.
            figure.savefig(folder / name, metadata={"Date": None})
            plt.close(figure)
    return names


def _source(row: Row) -> str:
    return f"{row['set']}, n = {row['n']}"


def _role(row: Row) -> str:
    return ROLES[row["role"]]


def _intervals(rows: list[Row], line: Callable[[Row], str], series: Callable[[Row], str], label: str) -> Figure:
    """Shares with their 95 % intervals, in lines by name, a colour and a marker for each series."""
    lines = list(dict.fromkeys(line(row) for row in rows))
    names = list(dict.fromkeys(series(row) for row in rows))
    figure, axes = plt.subplots(figsize=(7, 0.9 + 0.34 * len(lines)))
    for row in rows:
        number = names.index(series(row))
        y = lines.index(line(row)) + 0.15 * (number - (len(names) - 1) / 2)
        axes.plot([row["low"], row["high"]], [y, y], color=COLOURS[number], linewidth=1.6)
        axes.plot([row["value"]], [y], MARKERS[number], color=COLOURS[number], markersize=5, label=series(row))
    axes.set_yticks(range(len(lines)), lines)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel=f"{label} (95 % interval)")
    _legend(axes)
    return figure


def _coverage(rows: list[Row]) -> Figure:
    figure, axes = plt.subplots(figsize=(7, 3.4))
    for number, row in enumerate(rows):
        axes.plot(
            [point["coverage"] for point in row["points"]],
            [point["error"] for point in row["points"]],
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            linestyle="-" if row["role"] == "internal" else "--",
            markersize=3,
            linewidth=1.2,
            label=row["set"],
        )
    axes.set(xlabel="share of pictures decided on", ylabel="error among them", xlim=(0, 1.02), ylim=(0, None))
    _legend(axes)
    return figure


def _legend(axes: Axes) -> None:
    """Each series once, to the right of the figure."""
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    axes.legend(once.values(), once, frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))

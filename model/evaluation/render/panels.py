"""Figures with one panel a source: ROC and precision-recall curves with their bands, and confusion matrices."""

from __future__ import annotations

from typing import Any, Literal

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.evaluation.render.sections import POINTS
from model.evaluation.render.tables import named

# Okabe and Ito's palette; markers differ too, so that no colour has to be told.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def grid(count: int, height: float = 2.2) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels of so many inches, three in a line."""
    columns = min(count, 3)
    lines = -(-count // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(2.5 * columns, height * lines), squeeze=False)
    flat = list(axes.flat)
    for spare in flat[count:]:
        spare.set_visible(False)
    return figure, flat[:count]


def roc(rows: list[dict[str, Any]]) -> Figure:
    """Sensitivity against the share of false alarms, with the diagonal of pure chance."""
    figure, panels = grid(len(rows), 2.7)
    for axes, row in zip(panels, rows, strict=True):
        _curve(axes, row, "post")
        axes.plot([0, 1], [0, 1], color="#666666", linestyle="--", linewidth=0.8)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity")
    _legend(figure, panels)
    return figure


def precision_recall(rows: list[dict[str, Any]]) -> Figure:
    """Precision against sensitivity, with the share of ill pictures, which guessing would have."""
    figure, panels = grid(len(rows), 2.7)
    for axes, row in zip(panels, rows, strict=True):
        _curve(axes, row, None)
        axes.axhline(row["positives"] / row["n"], color="#666666", linestyle="--", linewidth=0.8)
        axes.set(xlabel="sensitivity (recall)", ylabel="precision")
    _legend(figure, panels)
    return figure


def confusion(rows: list[dict[str, Any]]) -> Figure:
    """What was taken for what at the default operating point: counts, shaded by their share of the line."""
    figure, panels = grid(len(rows), 2.5)
    for axes, row in zip(panels, rows, strict=True):
        names = [named(name).replace(" lung ", "\nlung ") for name in row["classes"]]
        kept = [(name, line) for name, line in zip(names, row["counts"], strict=True) if sum(line)]
        shares = [[count / sum(line) for count in line] for _, line in kept]
        # Paths and text, not a picture in a picture: it stays sharp, and the file stays small.
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
        for y, (_, line) in enumerate(kept):
            for x, count in enumerate(line):
                colour = "white" if shares[y][x] > 0.55 else "black"
                axes.text(x + 0.5, y + 0.5, str(count), ha="center", va="center", color=colour, fontsize=8)
        axes.set_xticks([x + 0.5 for x in range(len(names))], names, fontsize=6)
        axes.set_yticks([y + 0.5 for y in range(len(kept))], [name for name, _ in kept], fontsize=6)
        axes.set(xlabel="called", ylabel="is")
        axes.grid(False)
        axes.invert_yaxis()
        axes.set_title(f"{row['set']}\nn = {row['n']}", fontsize=7)
    return figure


def _curve(axes: Axes, row: dict[str, Any], step: Literal["post"] | None) -> None:
    colour = COLOURS[1] if row["role"] == "external" else COLOURS[0]
    axes.fill_between(row["grid"], row["low"], row["high"], step=step, color=colour, alpha=0.25, linewidth=0)
    axes.plot(row["grid"], row["y"], color=colour, linewidth=1.4, drawstyle=f"steps-{step}" if step else "default")
    for marker, place in zip(MARKERS, row["points"], strict=False):
        label = POINTS.get(place["point"], place["point"])
        axes.plot([place["x"]], [place["y"]], marker, color="black", markersize=4, label=label)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    count = f"n = {row['n']}, of them {row['positives']} with COVID-19"
    axes.set_title(f"{row['set']}\n{named(row['what'])}\n{count}", fontsize=7)


def _legend(figure: Figure, panels: list[Axes]) -> None:
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8, ncols=len(labels), loc="outside upper center")

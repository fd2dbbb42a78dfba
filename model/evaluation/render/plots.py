"""The figures of the evidence as small SVG files: text stays text, colours tell apart also for the colour-blind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.evaluation import heatmaps
from model.evaluation.curves import PRECISION_RECALL, ROC
from model.evaluation.render import panels
from model.evaluation.render.panels import COLOURS, MARKERS
from model.evaluation.render.tables import named, pick, sets_of

_DONE = {"deletion": "blurred", "insertion": "restored"}
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


def draw(evidence: dict[str, Any], extras: dict[str, dict[str, Any]], folder: Path) -> list[str]:
    """Draw every figure that there are values for.

    Args:
        evidence: as the JSON holds it.
        extras: see `extras.read`.
        folder: for the files.

    Returns:
        The names of the files.
    """
    trap = extras.get("trap.json", {}).get("figures", [])
    # Documents that were written before there were curves have none.
    curves = [one | {"grid": part["grid"]} for part in [evidence.get("curves")] if part for one in part["curves"]]
    jobs: dict[str, tuple[Callable[[Any], Figure], Any]] = {
        "auc.svg": (_areas, pick(evidence["headline"]["figures"], metric="AUC")),
        "roc.svg": (panels.roc, pick(curves, kind=ROC)),
        "pr.svg": (panels.precision_recall, pick(curves, kind=PRECISION_RECALL)),
        "confusion.svg": (panels.confusion, evidence["headline"]["confusion"] if curves else []),
        "reliability.svg": (_reliability, evidence["calibration"]["reliability"]),
        "coverage.svg": (_coverage, evidence["selective"]["curves"]),
        "controls.svg": (_controls, pick(evidence["controls"]["figures"], metric="AUC")),
        "deletion.svg": (_deletion, evidence["heatmaps"]["curves"]),
        "robustness.svg": (_robustness, evidence["robustness"]["figures"]),
        "trap.svg": (_controls, [row | {"control": row.get("control", "the network")} for row in trap]),
    }
    drawn = []
    with plt.rc_context(STYLE):  # type: ignore[arg-type]
        for name, (job, rows) in jobs.items():
            if rows:
                figure = job(rows)
                # Without a date, so that the same values give the same file.
                figure.savefig(folder / name, metadata={"Date": None})
                plt.close(figure)
                drawn.append(name)
    return drawn


def _areas(rows: list[dict[str, Any]]) -> Figure:
    rows = sorted(rows, key=lambda row: (row["role"] == "external", -row["value"]))
    figure, axes = plt.subplots(figsize=(7, 0.8 + 0.4 * len(rows)))
    for number, row in enumerate(rows):
        outside = row["role"] == "external"
        _interval(axes, row, number, int(outside))
    axes.set_yticks(range(len(rows)), [f"{row['set']}, n = {row['n']}\n{named(row['what'])}" for row in rows])
    _area_axis(axes)
    return figure


def _interval(axes: Axes, row: dict[str, Any], y: float, number: int, label: str | None = None) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.6)
    axes.plot([row["value"]], [y], marker, color=colour, markersize=5, label=label)


def _area_axis(axes: Axes) -> None:
    axes.axvline(0.5, color="#666666", linestyle="--", linewidth=1)
    axes.set_xlim(0, 1.01)
    axes.set_xlabel("AUC with 95 % interval (dashed: chance)")
    axes.margins(y=0.08)


def _reliability(rows: list[dict[str, Any]]) -> Figure:
    sets = sets_of(rows)
    figure, grid = panels.grid(len(sets), 2.5)
    for axes, (name, _) in zip(grid, sets, strict=True):
        for number, when in enumerate(("before", "after")):
            (row,) = pick(rows, set=name, when=when)
            points = row["points"]
            axes.plot(
                [point["score"] for point in points],
                [point["observed"] for point in points],
                marker=MARKERS[number],
                color=COLOURS[1 - number],
                linestyle=("--", "-")[number],
                markersize=3.5,
                linewidth=1,
                label=when,
            )
        axes.plot([0, 1], [0, 1], color="#666666", linewidth=0.8)
        axes.set(title=f"{name}, n = {row['n']}", xlim=(0, 1), ylim=(-0.03, 1.03), xlabel="score", ylabel="observed")
        axes.title.set_fontsize(8)
    grid[0].legend(title="temperature", frameon=False, fontsize=7, title_fontsize=7)
    return figure


def _coverage(rows: list[dict[str, Any]]) -> Figure:
    figure, axes = plt.subplots(figsize=(6, 3.4))
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
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _controls(rows: list[dict[str, Any]]) -> Figure:
    tasks = list(dict.fromkeys((row["set"], row["what"]) for row in rows))
    controls = list(dict.fromkeys(row["control"] for row in rows))
    figure, axes = plt.subplots(figsize=(7.5, 0.9 + 0.15 * len(controls) * len(tasks) + 0.25 * len(tasks)))
    seen: set[str] = set()
    for place, (name, what) in enumerate(reversed(tasks)):
        for row in pick(rows, set=name, what=what):
            number = controls.index(row["control"])
            y = place + 0.38 - 0.76 * number / max(1, len(controls) - 1)
            _interval(axes, row, y, number, None if row["control"] in seen else row["control"])
            seen.add(row["control"])
    axes.set_yticks(range(len(tasks)), [f"{name}\n{named(what)}" for name, what in reversed(tasks)])
    _area_axis(axes)
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _deletion(rows: list[dict[str, Any]]) -> Figure:
    kinds = [(name, kind) for name, _ in sets_of(rows) for kind in ("deletion", "insertion")]
    figure, grid = plt.subplots(len(kinds) // 2, 2, figsize=(6.5, 2.3 * (len(kinds) // 2)), squeeze=False, sharey=True)
    for axes, (name, kind) in zip(grid.flat, kinds, strict=True):
        for number, order in enumerate((heatmaps.MAP, heatmaps.RANDOM, heatmaps.CENTRE)):
            (row,) = pick(rows, set=name, kind=kind, map=order)
            steps = [step / (len(row["scores"]) - 1) for step in range(len(row["scores"]))]
            axes.plot(
                steps,
                row["scores"],
                color=COLOURS[number],
                marker=MARKERS[number],
                markersize=3,
                linewidth=1,
                label=order,
            )
        axes.set(title=f"{kind}, {name}", xlabel=f"share of cells {_DONE[kind]}", ylabel="mean score")
        axes.title.set_fontsize(8)
    _legend_above(figure, grid[0, 0])
    return figure


def _robustness(rows: list[dict[str, Any]]) -> Figure:
    sets = sets_of(rows)
    settings = list(dict.fromkeys((row["kind"], row["setting"]) for row in rows))
    figure, pair = plt.subplots(1, 2, figsize=(8, 0.9 + 0.19 * len(settings)), sharey=True)
    for axes, metric, label in zip(pair, ("AUC", "flips"), ("AUC", "decisions that change"), strict=True):
        for number, (name, _) in enumerate(sets):
            for row in pick(rows, set=name, metric=metric):
                y = -settings.index((row["kind"], row["setting"])) - 0.22 * number
                _interval(axes, row, y, number, name if row["kind"] == "untouched" else None)
        axes.set_xlabel(f"{label} (95 % interval)")
    pair[0].set_yticks([-place for place in range(len(settings))], [f"{kind}, {how}" for kind, how in settings])
    pair[0].tick_params(axis="y", labelsize=7)
    _legend_above(figure, pair[0])
    return figure


def _legend_above(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8, ncols=len(labels), loc="outside upper center")

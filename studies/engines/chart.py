"""The chart of docs/engines.md: milliseconds a picture of every way, as a small SVG file."""

from __future__ import annotations

import io
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

from studies.engines import ways

# As in the evidence: told apart by the colour-blind too.
OWN, WITH_HEATMAP, SCORES_ALONE, BY_GRADIENT = "#D55E00", "#0072B2", "#999999", "#E69F00"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "engines",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}


def draw(result: dict[str, Any]) -> str:
    """Draw what was measured.

    Args:
        result: as the JSON holds it.

    Returns:
        The SVG file's text; the same for the same values.
    """
    rows = sorted(
        ((name, row) for name, row in result["rows"].items() if "ms" in row),
        key=lambda pair: -pair[1]["ms"]["median"],
    )
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.5, 0.28 * len(rows) + 1.2))
        for place, (name, row) in enumerate(rows):
            ms = row["ms"]
            axes.barh(place, ms["median"], color=_colour(name, row), height=0.7)
            axes.plot([ms["p10"], ms["p90"]], [place, place], color="black", linewidth=1)
            axes.annotate(
                f"{ms['median']:.1f}", (ms["p90"], place), (4, 0), textcoords="offset points", va="center", fontsize=8
            )
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_xscale("log")
        axes.set_xlim(left=1)
        axes.set_xlabel("milliseconds a picture, one at a time (logarithmic; the line: middle four fifths)")
        for colour, words in (
            (OWN, "this project: scores, input check, heatmap"),
            (WITH_HEATMAP, "scores and heatmap from one forward pass"),
            (SCORES_ALONE, "scores alone"),
            (BY_GRADIENT, "heatmap by gradients"),
        ):
            axes.barh(0, 0, color=colour, label=words)
        axes.legend(fontsize=8, loc="upper right", frameon=False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    # Matplotlib leaves blanks at the ends of lines.
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _colour(name: str, row: dict[str, Any]) -> str:
    if name == ways.READER:
        return OWN
    return {ways.FORWARD: WITH_HEATMAP, ways.NONE: SCORES_ALONE, ways.GRADIENT: BY_GRADIENT}[row["heatmap"]]

"""Curves of the evidence: ROC, precision-recall, reliability, and error by coverage, one line a set of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from interface.components.charts import GREY, Option
from interface.components.curve_charts import COLOURS, axes, line
from interface.core import labels
from interface.evidence.data import HEIGHT, Chart, Selection, origin

_DONE = {"deletion": "blurred", "insertion": "restored"}
POINTS = {
    "balanced": "balanced",
    "specificity_90": "90% specificity",
    "sensitivity_90": "90% sensitivity",
    "sensitivity_95": "95% sensitivity",
}


def curves(kind: str, x: str, y: str, metric: str) -> Callable[[Selection], list[Chart]]:
    """What draws one kind of curve, "ROC" or "precision-recall", with its band and the operating points."""

    def make(evidence: Selection) -> list[Chart]:
        rows = evidence.rows("curves", "curves", kind=kind)
        if not rows:
            return []
        grid = evidence.grid()
        series: list[Option] = []
        names = []
        for number, row in enumerate(rows):
            # Short, so that a phone has room for it.
            name = f"{row['set']} against {evidence.named(row['what'].split(' against ')[-1])}"
            names.append(name)
            # Of false alarms there are but so many shares: between them the curve runs level, and then jumps.
            step: Option = {"step": "end"} if kind == "ROC" else {}
            # First of its name, so that the legend shows it and not the band.
            series.append(line(name, list(zip(grid, row["y"], strict=True)), number, showSymbol=False, **step))
            series += [band | step for band in _band(name, grid, row, number)]
            marks = [
                {"value": [place["x"], place["y"]], "name": POINTS.get(place["point"], place["point"])}
                for place in row["points"]
            ]
            series.append(
                {
                    "type": "scatter",
                    "name": name,
                    "data": marks,
                    "symbolSize": 9,
                    "itemStyle": {"color": COLOURS[number % len(COLOURS)]},
                    "tooltip": {"formatter": "{a}<br>{b}: {c}"},
                }
            )
        if kind == "ROC":
            series.append(_reference([[0, 0], [1, 1]]))
        option = axes(series, x, y, x_max=1, y_min=0, y_max=1)
        option |= {"tooltip": {"trigger": "item"}}
        option["legend"] |= {"data": names, "orient": "vertical"}
        option["grid"] |= {"top": 14 + 24 * len(names)}
        areas = {(row["set"], row["what"]): row for row in evidence.rows("headline", "figures", metric=metric)}
        alt = [f"{row['set']}, {evidence.named(row['what'])} {labels.interval(areas.get((row['set'], row['what'])), 2)}"
               for row in rows]  # fmt: skip
        caption = (
            f"{labels.label(kind)} with its pointwise 95% band by patient; marks are the card's operating "
            "points. "
            f"{origin('curves', rows)}"
        )
        return [Chart(option, f"{kind} curves; {metric}: {'; '.join(alt)}", caption, HEIGHT + 24 * len(names))]

    return make


def _band(name: str, grid: Sequence[float], row: dict[str, Any], number: int) -> list[Option]:
    """Two stacked lines that nobody sees, with the space between them coloured."""
    plain: Option = {"type": "line", "stack": f"band {number}", "name": name, "silent": True, "showSymbol": False,
                     "stackStrategy": "all", "lineStyle": {"opacity": 0}, "tooltip": {"show": False}}  # fmt: skip
    low = [[x, value] for x, value in zip(grid, row["low"], strict=True)]
    gap = [[x, round(high - low, 4)] for x, low, high in zip(grid, row["low"], row["high"], strict=True)]
    area = {"color": COLOURS[number % len(COLOURS)], "opacity": 0.18}
    return [plain | {"data": low}, plain | {"data": gap, "areaStyle": area}]


def _reference(points: list[list[float]]) -> Option:
    dashed = {"color": GREY, "type": "dashed", "width": 1}
    return {"type": "line", "data": points, "silent": True, "showSymbol": False, "lineStyle": dashed}


def reliability(evidence: Selection) -> list[Chart]:
    """Observed share against score, after the temperature."""
    rows = [row for row in evidence.rows("calibration", "reliability", when="after") if row["role"] != "validation"]
    if not rows:
        return []
    lines = [
        line(row["set"], [[point["score"], point["observed"]] for point in row["points"]], number)
        for number, row in enumerate(rows)
    ]
    option = axes([*lines, _reference([[0, 0], [1, 1]])], "score", "share that is ill", x_max=1, y_min=0, y_max=1)
    option["tooltip"] = {"trigger": "item"}
    errors = {row["set"]: row for row in evidence.rows("calibration", "figures", metric="ECE", when="after")
              if row["kind"] != "the largest score"}  # fmt: skip
    alt = "; ".join(f"{row['set']} {labels.interval(errors.get(row['set']), 2)}" for row in rows)
    meaning = "With the temperature of the card; on the dashed line a score means what it says."
    caption = f"{meaning} {origin('calibration', rows)}"
    return [Chart(option, f"Reliability diagram; expected calibration error: {alt}", caption)]


def coverage(evidence: Selection) -> list[Chart]:
    """Error among those decided on, by their share."""
    rows = evidence.rows("selective", "curves")
    if not rows:
        return []
    lines = [
        line(row["set"], [[point["coverage"], point["error"]] for point in row["points"]], number)
        for number, row in enumerate(rows)
    ]
    alt = "; ".join(
        f"{row['set']} {row['points'][0]['error']:.2f} with all, {row['points'][len(row['points']) // 2]['error']:.2f} "
        f"with {labels.percent(row['points'][len(row['points']) // 2]['coverage'])}"
        for row in rows
    )
    option = axes(lines, "share of pictures decided on", "error among them", x_max=1, y_min=0)
    caption = f"From all pictures decided on (right) to the surest alone (left). {origin('selective', rows)}"
    return [Chart(option, f"Error by coverage: {alt}", caption)]


def deletion(evidence: Selection) -> list[Chart]:
    """The mean score while cells are blurred, or restored, in the heatmap's order and in two that know nothing."""
    rows = evidence.rows("heatmaps", "curves")
    charted = []
    for name, kind in dict.fromkeys((row["set"], row["kind"]) for row in rows):
        chosen = [row for row in rows if (row["set"], row["kind"]) == (name, kind)]
        lines = []
        for number, row in enumerate(chosen):
            last = len(row["scores"]) - 1
            points = [[round(step / last, 3), round(score, 3)] for step, score in enumerate(row["scores"])]
            lines.append(line(row["map"], points, number))
        areas = evidence.rows("heatmaps", "figures", set=name, metric=f"{kind} area")
        alt = "; ".join(f"{row['map']} {labels.interval(row, 2)}" for row in areas)
        option = axes(lines, f"share of cells {_DONE[kind]}", "mean score", x_max=1, y_min=0)
        caption = f"{labels.label(kind)}. {origin('heatmaps', areas)}"
        charted.append(Chart(option, f"{labels.label(kind)}, {name}; areas: {alt}", caption, 300))
    return charted

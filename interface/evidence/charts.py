"""The figures of the evidence, drawn anew from its JSON for the sources that a visitor chose, in the page's theme."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from interface.components import charts
from interface.components.charts import Option
from interface.components.curve_charts import COLOURS
from interface.core import labels
from interface.evidence import curves
from interface.evidence.data import Chart, Selection, origin

# The part of the JSON that `evidence.measured` adds to it.
TRAP = "trap"


def of_section(title: str, evidence: dict[str, Any], chosen: Collection[str]) -> list[Chart]:
    """The figures of a section.

    Args:
        title: of the section of docs/evidence/tables.md, such as "Per source".
        evidence: the JSON; empty where there is none.
        chosen: names of sources; none means all.

    Returns:
        Charts; none where the section has no figures or the chosen sources have no values.
    """
    selection = Selection(evidence, chosen) if evidence else None
    return [chart for make in _SECTIONS.get(title, ()) for chart in make(selection)] if selection else []


def _areas(evidence: Selection) -> list[Chart]:
    rows = evidence.rows("headline", "figures", metric="AUC")
    shown = [row | {"what": evidence.named(row["what"])} for row in rows]
    charted = []
    if shown:
        alt = "; ".join(f"{row['set']}, {row['what']} {labels.interval(row, 2)}" for row in shown)
        caption = f"Area under the ROC curve with its 95% interval. {origin('headline', rows)}"
        option = charts.intervals(shown, 0.5)
        charted = [Chart(option, f"Areas under the ROC curve: {alt}", caption, 90 + 56 * len(shown))]
    return charted + [_confusion(evidence, row) for row in evidence.rows("headline", "confusion")]


def _confusion(evidence: Selection, row: dict[str, Any]) -> Chart:
    names = [labels.class_name(name) for name in row["classes"]]
    lines = [(name, counts) for name, counts in zip(names, row["counts"], strict=True) if sum(counts)]
    data = []
    for y, (_, counts) in enumerate(lines):
        for x, count in enumerate(counts):
            strength = count / sum(counts)
            data.append(
                {
                    "value": [x, y, count],
                    "itemStyle": {"color": _shade(strength)},
                    "label": {"color": charts.ink(_shade(strength))},
                }
            )
    bare: Option = {"type": "category", "axisTick": {"show": False}}
    label = {"interval": 0, "lineHeight": 15}
    option: Option = {
        "animation": False,
        "grid": {"left": 8, "right": 8, "top": 8, "bottom": 16, "containLabel": True},
        "xAxis": bare | {"data": [f"called\n{name}" for name in names], "axisLabel": label},
        "yAxis": bare | {"data": [f"is\n{name}" for name, _ in lines], "inverse": True, "axisLabel": label},
        "series": [{"type": "heatmap", "data": data, "label": {"show": True, "formatter": "{@[2]}", "fontSize": 13}}],
    }
    # On a phone the names would run into each other.
    short = {"axisLabel": label | {"width": 64, "overflow": "break", "fontSize": 9, "lineHeight": 11}}
    option = {"baseOption": option, "media": [{"query": {"maxWidth": 480}, "option": {"xAxis": short}}]}
    right = [f"{name}: {row['counts'][number][number]} of {sum(row['counts'][number])} rightly called"
             for number, name in enumerate(names) if sum(row["counts"][number])]  # fmt: skip
    caption = (
        f"**{labels.plain(row['set'])}**, at the default operating point, n = {row['n']:,}, {row['uncertain']:,} of "
        "them uncertain. Shaded by the share of the line. Data: *headline* in docs/evidence/evidence.json."
    )
    return Chart(option, f"Confusion matrix of {row['set']}: {'; '.join(right)}", caption, 100 + 56 * len(lines))


def _controls(evidence: Selection) -> list[Chart]:
    return _compared(evidence, "controls", "evidence.json")


def _trap(evidence: Selection) -> list[Chart]:
    return _compared(evidence, TRAP, "trap.json")


def _compared(evidence: Selection, part: str, file: str) -> list[Chart]:
    """The AUC of each control beside the network's, a chart a set and task."""
    rows = [{"control": "the network"} | row for row in evidence.rows(part, "figures", metric="AUC")]
    drawn = []
    for name, what in dict.fromkeys((row["set"], row["what"]) for row in rows):
        picked = [row for row in rows if (row["set"], row["what"]) == (name, what)]
        shown = [row | {"what": row["control"], "set": f"n = {row['n']:,}"} for row in picked]
        alt = "; ".join(f"{row['control']} {labels.interval(row, 2)}" for row in picked)
        caption = f"AUC of {labels.plain(evidence.named(what))}. {origin(part, picked[:1], file)}"
        height = 90 + 40 * len(picked)
        drawn.append(Chart(charts.intervals(shown, 0.5), f"AUC of each control, {name}: {alt}", caption, height))
    return drawn


def _robustness(evidence: Selection) -> list[Chart]:
    rows = evidence.rows("robustness", "figures", metric="flips")
    drawn = []
    for name in dict.fromkeys(row["set"] for row in rows):
        picked = sorted((row for row in rows if row["set"] == name), key=lambda row: -row["value"])[:12]
        kinds = [f"{row['kind']}, {row['setting']}" for row in picked]
        option: Option = {
            "animation": False,
            "tooltip": {"trigger": "item", "valueFormatter": "percent"},
            "grid": {"left": 8, "right": 24, "top": 8, "bottom": 36, "containLabel": True},
            "xAxis": {"type": "value", "min": 0, "name": "share of decisions that change", "nameLocation": "middle",
                      "nameGap": 26},
            "yAxis": {"type": "category", "data": kinds, "inverse": True},
            "series": [{"type": "bar", "data": [row["value"] for row in picked], "itemStyle": {"color": COLOURS[0]}}],
        }  # fmt: skip
        # On a phone the names would leave no room for the bars.
        names: Option = {"axisLabel": {"width": 130, "overflow": "break", "lineHeight": 11, "fontSize": 9}}
        option = {"baseOption": option, "media": [{"query": {"maxWidth": 480}, "option": {"yAxis": names}}]}
        worst = "; ".join(f"{label} {labels.percent(row['value'])}" for label, row in zip(kinds, picked, strict=True))
        caption = (
            f"**{labels.plain(name)}**: the {len(picked)} changes that move most decisions. "
            f"{origin('robustness', picked)}"
        )
        drawn.append(Chart(option, f"Decisions that change, {name}: {worst}", caption, 60 + 26 * len(picked)))
    return drawn


def _shade(share: float) -> str:
    """0 to 1 -> white to a dark blue, on which white numbers can be read."""
    return "#" + "".join(f"{round(255 + (end - 255) * share):02x}" for end in (0, 92, 150))


_SECTIONS: dict[str, tuple[Callable[[Selection], list[Chart]], ...]] = {
    "Per source": (
        _areas,
        curves.curves("ROC", "1 - specificity", "sensitivity", "AUC"),
        curves.curves("precision-recall", "sensitivity (recall)", "precision", "average precision"),
    ),
    "Controls": (_controls,),
    "Heatmap": (curves.deletion,),
    "Robustness": (_robustness,),
    "Calibration": (curves.reliability,),
    "Uncertain": (curves.coverage,),
    "Studies": (_trap,),
}

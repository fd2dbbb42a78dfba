"""The evidence as five claims: a sentence and a chart each, from the JSON that `make evidence` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interface.components.charts import BLUE, GREY, Option
from interface.core import labels
from interface.core.language import mark, tr

Row = dict[str, Any]
# Legible from the last row of a lecture room.
FONT = 15
# A share of fewer people says next to nothing.
FEWEST = 20
# What `model.evaluation.codec` calls the forms of a file; other names are shown as they are.
FORMS = {
    "JPEG of quality 20 at 256 px": mark("strongly compressed JPEG, 256 pixels"),
    "128 px": mark("reduced to 128 pixels"),
    "light blur": mark("lightly blurred"),
    "grain of 8 grey levels": mark("with grain"),
}


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes:
        title: what it is about.
        sentence: with its figures.
        option: chart for ECharts.
        alt: the result in words.
        height: of the chart, in pixels.
    """

    title: str
    sentence: str
    option: Option
    alt: str
    height: int


def claims(evidence: dict[str, Any]) -> list[Claim]:
    """Every claim that the evidence has figures for, the file format first.

    Args:
        evidence: as `document.measured` returns it.
    """
    made = (_file_format(evidence), _other_hospitals(evidence), _healthy(evidence), _lungs(evidence), _doubt(evidence))
    return [claim for claim in made if claim is not None]


def _rows(evidence: dict[str, Any], part: str, **fields: str) -> list[Row]:
    rows: list[Row] = evidence.get(part, {}).get("figures", [])
    return [row for row in rows if all(row.get(key) == value for key, value in fields.items())]


def _unseen(rows: Sequence[Row]) -> list[Row]:
    """Rows on sources that training never saw."""
    return [row for row in rows if row.get("role") in ("choice", "external")]


def _file_format(evidence: dict[str, Any]) -> Claim | None:
    rows = _rows(evidence, "codec", metric="decisions changed")
    pooled = [row for row in rows if row["source"] == "all choice"]
    if not pooled:
        return None
    bundles = list(dict.fromkeys(row["bundle"] for row in pooled))
    forms = list(dict.fromkeys(row["form"] for row in pooled))
    shares = {(row["bundle"], row["form"]): row["value"] for row in pooled}
    worst = max(forms, key=lambda form: shares[bundles[0], form])
    names = [tr(FORMS.get(form, form)) for form in forms]
    this = labels.percent(shares[bundles[0], worst])
    sentence = tr("The same radiograph, {form}: {share} of the decisions change.", form=tr(FORMS[worst]), share=this)
    if len(bundles) > 1:
        older = labels.percent(max(shares[bundles[1], form] for form in forms))
        sentence += " " + tr(
            "With {older}, which had learned the file format in place of the lungs, it was up to {share}.",
            older=labels.plain(bundles[1]),
            share=older,
        )
    lines = [(bundle, [shares.get((bundle, form)) for form in forms]) for bundle in bundles]
    alt = "; ".join(f"{name}: {', '.join(labels.percent(shares[b, form]) for b in bundles)}" for name, form in
                    zip(names, forms, strict=True))  # fmt: skip
    return Claim(
        tr("What the file format does"), sentence, bars(names, lines), alt, 90 + 34 * len(forms) * len(bundles)
    )


def _other_hospitals(evidence: dict[str, Any]) -> Claim | None:
    rows = sorted(_unseen(_rows(evidence, "headline", metric="AUC")), key=lambda row: float(row["value"]))
    if not rows:
        return None
    classes = tuple(evidence["bundle"]["classes"])
    names = [f"{row['source']}: {labels.named(row['what'], classes)}" for row in rows]
    sentence = tr(
        "In hospitals that training never saw, the area under the ROC curve (AUC) lies between {low} and {high}; "
        "0.5 is chance.",
        low=labels.number(rows[0]["value"], 2),
        high=labels.number(rows[-1]["value"], 2),
    )
    values = [("AUC", [row["value"] for row in rows])]
    alt = "; ".join(f"{name}: {labels.interval(row, 2)}" for name, row in zip(names, rows, strict=True))
    return Claim(tr("Other hospitals"), sentence, bars(names, values, percent=False), alt, 60 + 48 * len(rows))


def _healthy(evidence: dict[str, Any]) -> Claim | None:
    rows = [row for row in _unseen(_rows(evidence, "elsewhere", metric="called ill")) if row["n"] >= FEWEST]
    rows.sort(key=lambda row: -float(row["value"]))
    if not rows:
        return None
    sentence = tr(
        "Of 100 healthy chests, {low} to {high} are called ill, depending on the hospital.",
        low=labels.decimal(100 * rows[-1]["value"], 0),
        high=labels.decimal(100 * rows[0]["value"], 0),
    )
    names = [row["set"] for row in rows]
    values = [(tr("healthy chests called ill"), [row["value"] for row in rows])]
    alt = "; ".join(f"{row['set']}: {labels.percent(row['value'])}, n = {row['n']}" for row in rows)
    return Claim(tr("Healthy chests called ill"), sentence, bars(names, values), alt, 60 + 48 * len(rows))


def _lungs(evidence: dict[str, Any]) -> Claim | None:
    rows = _rows(evidence, "heatmaps", metric="difference", map="the heatmap above a flat map")
    if not rows:
        return None
    rows = sorted(rows, key=lambda row: float(row["value"]))
    sentence = tr(
        "The share of the heatmap inside the lungs is {low} to {high} percentage points above that of an even map.",
        low=labels.decimal(100 * rows[0]["value"], 1),
        high=labels.decimal(100 * rows[-1]["value"], 1),
    )
    names = [f"{row['source']}: {labels.named(row['what'], tuple(evidence['bundle']['classes']))}" for row in rows]
    values = [(tr("above an even map"), [row["value"] for row in rows])]
    alt = "; ".join(f"{name}: {labels.interval(row, 2)}" for name, row in zip(names, rows, strict=True))
    return Claim(tr("Where the heatmap lies"), sentence, bars(names, values), alt, 60 + 48 * len(rows))


def _doubt(evidence: dict[str, Any]) -> Claim | None:
    by_metric = {row["metric"]: row for row in _rows(evidence, "selective", source="internal")}
    if not {"abstained", "error of all", "error of decided"} <= set(by_metric):
        return None
    share, before, after = (
        float(by_metric[metric]["value"]) for metric in ("abstained", "error of all", "error of decided")
    )
    sentence = tr(
        "{share} of the readings are called uncertain. Without them the error falls from {before} to {after}.",
        share=labels.percent(share),
        before=labels.percent(before),
        after=labels.percent(after),
    )
    names = [tr("error with all readings"), tr("error without the uncertain ones")]
    return Claim(
        tr("What *uncertain* is worth"), sentence, bars(names, [(tr("error"), [before, after])]), sentence, 150
    )


def bars(names: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]], *, percent: bool = True) -> Option:
    """Horizontal bars, each with its value, in a size that a lecture room can read.

    Args:
        names: of the rows, from the top.
        series: name and one value a row; the first is this network's, the second an older one's.
        percent: values are shares, shown in per cent; otherwise with two digits.
    """
    written = labels.percent if percent else (lambda value: labels.number(value, 2))
    # On a phone the names would leave no room for the bars.
    narrow: Option = {"yAxis": {"axisLabel": {"width": 120, "fontSize": 11, "lineHeight": 13}}}
    option: Option = {
        "animation": False,
        "textStyle": {"fontSize": FONT},
        "legend": {"show": len(series) > 1, "top": 0, "left": 0, "textStyle": {"fontSize": FONT}},
        "grid": {"left": 8, "right": 64, "top": 36 if len(series) > 1 else 8, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "value", "min": 0, "max": None if percent else 1, "show": False},
        "yAxis": {
            "type": "category",
            "data": list(names),
            "inverse": True,
            "axisTick": {"show": False},
            "axisLabel": {"fontSize": FONT, "lineHeight": FONT + 3, "width": 300, "overflow": "break"},
        },
        "series": [
            {
                "type": "bar",
                "name": name,
                "data": [
                    None if value is None else {"value": round(value, 3), "label": {"formatter": written(value)}}
                    for value in values
                ],
                "itemStyle": {"color": colour},
                "label": {"show": True, "position": "right", "fontSize": FONT},
            }
            for (name, values), colour in zip(series, (BLUE, GREY), strict=False)
        ],
    }
    return {"baseOption": option, "media": [{"query": {"maxWidth": 480}, "option": narrow}]}

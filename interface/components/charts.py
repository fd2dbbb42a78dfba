"""Charts as ECharts options: drawn in the browser in the page's theme, so the server needs no plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Option = dict[str, Any]
# Okabe and Ito's colours for all kinds of colour vision, in shades that stand 3:1 against white and against dark.
BLUE, ORANGE, GREEN, GREY = "#2e86c1", "#d1701a", "#1e9070", "#7b878f"
# Each series has a symbol of its own too, so that nothing rests on colour alone.
SYMBOLS = ("circle", "triangle", "diamond", "rect")


def cells(values: NDArray[np.floating]) -> Option:
    """One class' map as a grid of numbers; blue cells speak for the class, orange ones against it.

    Args:
        values: (h, w) the class' map.
    """
    height, width = values.shape
    largest = max(float(np.abs(values).max()), 1e-12)
    data = []
    for y in range(height):
        for x in range(width):
            shade = _shade(float(values[y, x]) / largest)
            data.append(
                {
                    "value": [x, y, round(float(values[y, x]), 3)],
                    "itemStyle": {"color": shade},
                    "label": {"color": ink(shade)},
                }
            )
    axis = {"type": "category", "axisLabel": {"show": False}, "axisTick": {"show": False}, "axisLine": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 2, "right": 2, "top": 2, "bottom": 2},
        "xAxis": axis | {"data": list(range(width))},
        "yAxis": axis | {"data": list(range(height)), "inverse": True},
        "series": [
            {
                "type": "heatmap",
                "data": data,
                "label": {"show": True, "formatter": "{@[2]}", "fontSize": 12},
                "itemStyle": {"borderColor": "#8a949b", "borderWidth": 1},
            }
        ],
    }


def history(rows: Sequence[dict[str, Any]], measures: dict[str, str]) -> Option:
    """Curves of a training run by epoch.

    Args:
        rows: one an epoch, each with "epoch" and measures.
        measures: keys to draw and what to call them.
    """
    series = []
    for (key, name), colour, symbol in zip(measures.items(), (BLUE, ORANGE, GREEN, GREY), SYMBOLS, strict=False):
        points = [[row.get("epoch", number), row[key]] for number, row in enumerate(rows, 1) if _finite(row.get(key))]
        if points:
            series.append(
                {
                    "type": "line",
                    "name": name,
                    "data": points,
                    "symbol": symbol,
                    "symbolSize": 8,
                    "lineStyle": {"color": colour},
                    "itemStyle": {"color": colour},
                }
            )
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "grid": {"left": 8, "right": 24, "top": 40, "bottom": 36, "containLabel": True},
        "xAxis": {
            "type": "value",
            "name": "epoch",
            "nameLocation": "middle",
            "nameGap": 26,
            "minInterval": 1,
            "min": 1,
        },
        "yAxis": {"type": "value", "scale": True},
        "series": series,
    }


def intervals(figures: Sequence[dict[str, Any]], reference: float) -> Option:
    """Figures with their 95 % intervals, one a row: where it was measured decides colour and symbol.

    Args:
        figures: with "what" and "set" as they are to be shown, "role", "value", "low" and "high".
        reference: value of pure chance, drawn as a line.
    """
    rows = [f"{figure.get('what', '')}\n{figure.get('set', '')}" for figure in figures]
    series: list[Option] = []
    roles = (
        ("internal", BLUE, "circle"),
        ("choice", GREEN, "rect"),
        ("external", ORANGE, "triangle"),
        ("validation", GREY, "diamond"),
    )
    for role, colour, symbol in roles:
        pairs = [(row, f) for row, f in zip(rows, figures, strict=True) if f.get("role") == role]
        if not pairs:
            continue
        lines = [
            [{"coord": [f["low"], row], "symbol": "none"}, {"coord": [f["high"], row], "symbol": "none"}]
            for row, f in pairs
            if _finite(f.get("low")) and _finite(f.get("high"))
        ]
        series.append(
            {
                "type": "scatter",
                "name": role,
                "symbol": symbol,
                "symbolSize": 12,
                "itemStyle": {"color": colour},
                "data": [[round(f["value"], 3), row] for row, f in pairs if _finite(f.get("value"))],
                "markLine": {
                    "silent": True,
                    "lineStyle": {"type": "solid", "width": 2, "color": colour},
                    "data": lines,
                },
            }
        )
    if series:
        chance = {"type": "dashed", "color": GREY}
        series.append(
            {
                "type": "scatter",
                "data": [],
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "lineStyle": chance,
                    "label": {"formatter": "chance", "position": "start"},
                    "data": [{"xAxis": reference}],
                },
            }
        )
    option: Option = {
        "animation": False,
        "legend": {
            "top": 0,
            "left": 0,
            "itemWidth": 14,
            "data": [role for role, _, _ in roles if any(s.get("name") == role for s in series)],
        },
        "grid": {"left": 8, "right": 28, "top": 56, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "value", "min": _floor([f.get("low") for f in figures], reference), "max": 1},
        "yAxis": {"type": "category", "data": rows, "inverse": True, "axisLabel": {"lineHeight": 16}},
        "series": series,
    }
    # On a phone the names would leave no room for the figures.
    narrow = {"yAxis": {"axisLabel": {"width": 120, "overflow": "break", "lineHeight": 13, "fontSize": 10}}}
    return {"baseOption": option, "media": [{"query": {"maxWidth": 480}, "option": narrow}]}


def _shade(strength: float) -> str:
    """-1..1 -> orange, white, blue: a diverging scale that colour-blind people can tell apart."""
    end = np.array([0, 92, 150] if strength > 0 else [173, 80, 0])
    red, green, blue = np.rint(255 + (end - 255) * min(abs(strength), 1)).astype(int).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def ink(shade: str) -> str:
    """White or near black, whichever stands out more against a colour (relative luminance, WCAG 2.2).

    Args:
        shade: "#rrggbb".
    """
    shares = np.array([int(shade[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return "#ffffff" if linear @ [0.2126, 0.7152, 0.0722] < 0.21 else "#17232b"


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _floor(lows: Sequence[Any], reference: float) -> float:
    """Where the axis starts: a tenth below the lowest interval, and never above chance."""
    known = [float(low) for low in lows if _finite(low)]
    return max(0.0, round(math.floor(10 * min([reference, *known])) / 10 - 0.1, 1))

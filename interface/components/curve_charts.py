"""Lines with bands, matrices and error curves as ECharts options, drawn in the browser in the page's theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interface.components.charts import BLUE, GREEN, GREY, ORANGE, SYMBOLS, Option

# Dashes tell lines apart where colours come round again.
_DASHES = ("solid", "dashed", "dotted")
COLOURS = (BLUE, ORANGE, GREEN, GREY)


def line(name: str, points: Sequence[Sequence[float | None]], number: int, **more: Any) -> Option:
    """One line of a chart; the number decides colour, symbol and dashes."""
    colour = COLOURS[number % len(COLOURS)]
    return {
        "type": "line",
        "name": name,
        "data": [list(point) for point in points],
        "symbol": SYMBOLS[number % len(SYMBOLS)],
        "symbolSize": 6,
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "width": 2, "type": _DASHES[number // len(COLOURS) % len(_DASHES)]},
    } | more


def axes(series: list[Option], x: str, y: str, **limits: float) -> Option:
    """A chart of lines.

    Args:
        series: lines.
        x: name of the axis across.
        y: name of the axis upwards.
        limits: "x_max", "y_min" and "y_max" where the data should not decide.

    Returns:
        The option.
    """
    titled: Option = {"type": "value", "nameLocation": "middle"}
    across = titled | {"name": x, "nameGap": 26, "min": 0}
    if "x_max" in limits:
        across["max"] = limits["x_max"]
    up = titled | {"name": y, "nameGap": 38, "nameRotate": 90}
    up |= {key.removeprefix("y_"): value for key, value in limits.items() if key.startswith("y_")}
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0, "type": "scroll"},
        "tooltip": {"trigger": "axis", "valueFormatter": "%.2f"},
        "grid": {"left": 32, "right": 20, "top": 40, "bottom": 36, "containLabel": True},
        "xAxis": across,
        "yAxis": up,
        "series": series,
    }

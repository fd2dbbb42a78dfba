"""Scores as bars of plain HTML, in the page's own colours: no chart library has to be fetched for a first reading."""

from __future__ import annotations

import math
from html import escape

from interface.core.labels import class_name, score
from interface.core.language import tr
from model.reading.reader import log_odds

# Blue and orange of Okabe and Ito, as in interface/components/charts.py; grey for what the headline is not about.
STYLE = """<style>
.cxr-scores {display: grid; grid-template-columns: fit-content(55%) 1fr max-content; gap: 0.6rem 0.75rem;
  align-items: center}
.cxr-scores b {font-variant-numeric: tabular-nums; text-align: right}
.cxr-track {position: relative; height: 1.25rem; border-radius: 3px; overflow: hidden;
  background: color-mix(in srgb, currentColor 12%, transparent)}
.cxr-track i {position: absolute; top: 0; bottom: 0}
.cxr-bar {left: 0; background: #7b878f} .cxr-positive {background: #2e86c1}
.cxr-band {background: repeating-linear-gradient(135deg, #d1701acc 0 3px, transparent 3px 8px)}
.cxr-point {width: 3px; margin-left: -1.5px; background: #d1701a}
.cxr-legend {grid-column: 1 / -1; font-size: 0.875rem; opacity: 0.8}
</style>"""


def scores(values: dict[str, float], positive: str, threshold: float, margin: float) -> str:
    """Each class as a bar with its number; on that of the positive class the operating point and what is uncertain.

    Args:
        values: score of each class, 0 to 1.
        positive: the class that the operating point is about.
        threshold: the operating point, above 0 and below 1.
        margin: readings nearer to it than this, in log-odds, are uncertain.

    Returns:
        HTML for `st.html`.
    """
    low, high = uncertain_band(threshold, margin)
    rows = []
    for name, value in values.items():
        kind, marks = "cxr-bar", ""
        if name == positive:
            kind += " cxr-positive"
            marks = (
                f'<i class="cxr-band" style="left:{low:.1%};width:{high - low:.1%}"></i>'
                f'<i class="cxr-point" style="left:{threshold:.1%}"></i>'
            )
        rows.append(
            f'<span>{escape(class_name(name))}</span><span class="cxr-track" aria-hidden="true">'
            f'<i class="{kind}" style="width:{value:.1%}"></i>{marks}</span><b>{escape(score(value))}</b>'
        )
    legend = escape(
        tr(
            "Orange: the operating point, {threshold}. Hatched: from {low} to {high} {name} is called uncertain.",
            threshold=score(threshold),
            low=score(low),
            high=score(high),
            name=class_name(positive),
        )
    )
    return f'{STYLE}<div class="cxr-scores">{"".join(rows)}<span class="cxr-legend">{legend}</span></div>'


def uncertain_band(threshold: float, margin: float) -> tuple[float, float]:
    """The scores that are nearer to a threshold than a margin in log-odds."""
    centre = log_odds(threshold)
    low, high = (1 / (1 + math.exp(-(centre + side))) for side in (-margin, margin))
    return low, high

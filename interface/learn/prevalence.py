"""What a test's result means at a prevalence: presets, counts of people, and their charts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from interface.components.charts import BLUE, GREEN, GREY, ORANGE, Option
from interface.core import labels
from interface.core.language import localized, mark, tr
from model.messages import Code, Message
from model.reading.card import Card
from model.reading.names import class_name
from model.reading.prevalence import Share, likelihood_ratios

PEOPLE, ACROSS = 1000, 40
# Pictures behind a share that is offered as a test of its own.
FEWEST = 30
_TICKS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995, 0.999)
_RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Preset:
    """A test: what it is called, its measured shares, and where they are from."""

    name: str | Message
    sensitivity: Share
    specificity: Share
    source: str | Message


# Facts of published studies, in our words. Where no specificity was measured, what was assumed is said.
LITERATURE = (
    Preset(
        mark("Radiograph, first report by radiologists"),
        Share(0.73, 254),
        Share(0.80, 254),
        mark(
            "Stephanie et al. 2020, doi:10.1148/ryct.2020200337: 254 patients and 254 controls. Other series found a "
            "sensitivity of 16 to 89%, lowest in the first days: the evidence lists them."
        ),
    ),
    Preset(
        mark("Chest CT"),
        Share(580 / 601, 601),
        Share(105 / 413, 413),
        mark(
            "Ai et al. 2020, doi:10.1148/radiol.2020200642: 580 of 601 with a positive and 105 of 413 with a negative "
            "RT-PCR, in an epidemic centre."
        ),
    ),
    Preset(
        mark("First RT-PCR swab"),
        Share(58 / 64, 64),
        Share(0.99, 64),
        mark("Wong et al. 2020, doi:10.1148/radiol.2020201160: 58 of 64 patients. The specificity of 99% is assumed."),
    ),
)


def measured(card: Card) -> list[Preset]:
    """This network on each source that has both shares, at its default operating point; the worst source first.

    The worst has the least sum of sensitivity and specificity (Youden 1950). Shares of fewer than `FEWEST` images are
    left out: all of six images is no specificity of 100%.
    """
    sensitivities = {figure.source: figure for figure in card.figures if figure.metric == "sensitivity"}
    pairs = [
        (sensitivities[figure.source], figure)
        for figure in card.figures
        if figure.metric == "specificity" and figure.source in sensitivities
    ]
    enough = [pair for pair in pairs if min(figure.n or 0 for figure in pair) >= FEWEST]
    return [
        Preset(
            _test_name(specificity.set, specificity.what),
            Share(sensitivity.value, sensitivity.n or 0),
            Share(specificity.value, specificity.n or 0),
            Message(Code.TEST_SOURCE, network=card.title, ill=sensitivity.n or 0, well=specificity.n or 0),
        )
        for sensitivity, specificity in sorted(enough, key=lambda pair: sum(figure.value for figure in pair))
    ]


def _test_name(tested: str, what: str) -> Message:
    """A test set and the classes of a specificity, such as "COVID-19 pattern against Normal"."""
    well, _, ill = what.partition(" not called ")
    if not ill:
        return Message(Code.TEST_OTHER, set=tested, what=what)
    return Message(Code.TEST_AGAINST, set=tested, ill=class_name(ill), well=class_name(well))


@dataclass(frozen=True)
class Counts:
    """Of `PEOPLE` people, how many are ill and test positive, and so on; whole numbers that add up."""

    ill_positive: int
    ill_negative: int
    well_positive: int
    well_negative: int


def count(sensitivity: float, specificity: float, prevalence: float) -> Counts:
    """Counts of people, each group rounded within its own.

    Args:
        sensitivity: 0 to 1.
        specificity: 0 to 1.
        prevalence: 0 to 1.
    """
    ill = round(PEOPLE * prevalence)
    found, cleared = round(ill * sensitivity), round((PEOPLE - ill) * specificity)
    return Counts(found, ill - found, PEOPLE - ill - cleared, cleared)


def people(counts: Counts) -> Option:
    """One sign for each person, by group; signs and colours both tell the groups apart."""
    groups = (
        (tr("ill, positive"), counts.ill_positive, ORANGE, "circle"),
        (tr("ill, negative (missed)"), counts.ill_negative, BLUE, "triangle"),
        (tr("not ill, positive (false alarm)"), counts.well_positive, GREEN, "diamond"),
        (tr("not ill, negative"), counts.well_negative, GREY, "rect"),
    )
    series, start = [], 0
    for name, number, colour, symbol in groups:
        series.append(
            {
                "type": "scatter",
                "name": f"{name}: {number}",
                "symbol": symbol,
                "symbolSize": 4 if symbol == "rect" else 8,
                "itemStyle": {"color": colour},
                "data": [[i % ACROSS, i // ACROSS] for i in range(start, start + number)],
                "silent": True,
            }
        )
        start += number
    hidden = {"type": "value", "show": False}
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0, "itemWidth": 14},
        "grid": {"left": 6, "right": 6, "top": 76, "bottom": 6},
        "xAxis": hidden | {"min": -1, "max": ACROSS},
        "yAxis": hidden | {"min": -1, "max": math.ceil(PEOPLE / ACROSS), "inverse": True},
        "series": series,
    }


def nomogram(sensitivity: float, specificity: float, prevalence: float) -> Option:
    """Fagan's nomogram (Fagan 1975, NEJM 293:257): from the chance before the test through its ratio to that after.

    Args:
        sensitivity: 0 to 1.
        specificity: 0 to 1.
        prevalence: above 0 and below 1.
    """
    before = _log_odds(prevalence)
    series: list[Option] = [
        _scale(0, [(-_log_odds(p), _share(p)) for p in _TICKS], "left"),
        # This scale is half as long as the others, so only every third of its marks has room for its number.
        _scale(1, [(math.log(r) / 2, localized(f"{r:g}") if math.log10(r) % 1 == 0 else "") for r in _RATIOS], "right"),
        _scale(2, [(_log_odds(p), _share(p)) for p in _TICKS], "right"),
    ]
    for name, ratio, colour, symbol in zip(
        (tr("positive result"), tr("negative result")),
        likelihood_ratios(sensitivity, specificity),
        (ORANGE, BLUE),
        ("circle", "triangle"),
        strict=True,
    ):
        step = math.log(min(max(ratio, 1e-4), 1e4))
        points = [[0, -before], [1, step / 2], [2, min(max(before + step, -7.5), 7.5)]]
        series.append(
            {
                "type": "line",
                "name": name,
                "data": [[x, round(y, 3)] for x, y in points],
                "symbol": symbol,
                "symbolSize": 9,
                "lineStyle": {"color": colour, "width": 2},
                "itemStyle": {"color": colour},
            }
        )
    names = [tr("before the test"), tr("likelihood ratio"), tr("after the test")]
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0, "data": [tr("positive result"), tr("negative result")]},
        "grid": {"left": 56, "right": 56, "top": 40, "bottom": 44},
        "xAxis": {
            "type": "category",
            "data": names,
            "axisTick": {"show": False},
            "boundaryGap": False,
            # In two lines on a phone, where ECharts would leave out the one in the middle.
            "axisLabel": {"interval": 0, "width": 80, "overflow": "break", "lineHeight": 14},
        },
        "yAxis": {"type": "value", "show": False, "min": -7.5, "max": 7.5},
        "series": series,
    }


def _scale(place: int, ticks: list[tuple[float, str]], side: str) -> Option:
    return {
        "type": "line",
        "silent": True,
        "symbol": "rect",
        "symbolSize": [9, 1],
        "showAllSymbol": True,
        "lineStyle": {"color": GREY, "width": 1},
        "itemStyle": {"color": GREY},
        "data": [
            {
                "value": [place, round(y, 3)],
                "label": {"show": True, "position": side, "formatter": text, "fontSize": 10},
            }
            for y, text in ticks
        ],
    }


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _share(value: float) -> str:
    return labels.percent(value, 0 if value >= 0.01 and round(100 * value, 1) % 1 == 0 else 1)

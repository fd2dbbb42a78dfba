"""Words for classes, decisions and pictures, the same on every page, in captions and in alt texts."""

from __future__ import annotations

import math
import re
from typing import Any

from interface.core.language import localized, mark, signs, tr
from model.reading import names
from model.reading.card import Estimate

NOT_A_DEVICE = mark("For research and education, not a medical device.")
ABBREVIATED = re.compile(r"\b(?:auc|ct|mri|nih|siim)\b")
NOT_STATED = "not stated"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def class_name(name: str) -> str:
    """A class of a card as a person reads it; an unknown one keeps its own name."""
    return tr(names.class_name(name))


def decision_name(decision: str) -> str:
    """A reading's decision: a class, uncertain or refused."""
    return tr(names.decision_name(decision))


def score(value: float) -> str:
    """A score of 0 to 1 with two digits, but never rounded to a certainty that no score has."""
    if 0 < value < 0.005:
        return tr("under 0.01")
    if 0.995 <= value < 1:
        return tr("over 0.99")
    return decimal(value)


def decimal(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """A number as the language of the session writes it, such as "1,234.50" or, in French, "1 234,50".

    Args:
        value: the number.
        digits: after the decimal sign.
        signed: with a plus sign too.
    """
    return localized(f"{value:{'+' if signed else ''},.{digits}f}").replace("-", "\u2212")


def scores_line(scores: dict[str, float]) -> str:
    """All scores in one sentence, largest first."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return ", ".join(f"{class_name(name)} {score(value)}" for name, value in ranked)


def percent(share: float, digits: int = 0) -> str:
    """A share of 0 to 1 in percent, as the language of the session writes it: "88%" or, in French, "88 %".

    Args:
        share: the share.
        digits: after the decimal sign.
    """
    return f"{decimal(100 * share, digits)}{signs().before_percent}%"


def percent_format() -> str:
    """A slider's `format` for whole numbers of percent."""
    return f"%d{signs().before_percent}%%"


def times(factor: float) -> str:
    """A factor as people write it: 27, 15,000, or with a power of ten."""
    if factor == 0 or math.isinf(factor):
        return "0" if factor == 0 else "∞"
    if 0.01 <= factor < 1e6:
        return localized(f"{float(f'{factor:.2g}'):,.10g}")
    digits, exponent = f"{factor:.0e}".split("e")
    return f"{digits} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def duration(seconds: float) -> str:
    """A time of computation in milliseconds or seconds."""
    return f"{decimal(seconds * 1000, 0)} ms" if seconds < 1 else f"{decimal(seconds, 1)} s"


def named(text: object, classes: tuple[str, ...]) -> str:
    """Words of a card with the classes called as on the other pages."""
    renamed = str(text)
    for name in classes:
        renamed = re.sub(rf"\b{re.escape(name)}\b", class_name(name), renamed)
    return renamed


def plain(text: object) -> str:
    """Text of a stranger (a file name, a card) so that Streamlit's Markdown shows it as it is.

    Besides Markdown's own signs, colons (`:red[..]`, `:material/..:`) and dollars (formulas) mean something there.
    """
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@])", r"\\\1", " ".join(str(text).split()))


def stated(value: Any, missing: str = NOT_STATED) -> str:
    """A value of a card as safe Markdown; what is absent is said to be."""
    return missing if value is None or value == "" else plain(value)


def number(value: Any, digits: int = 3) -> str:
    """A measured figure; an absent or impossible one is said to be."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        return NOT_STATED
    return decimal(value, 0 if isinstance(value, int) else digits)


def interval(figure: Estimate | dict[str, Any] | None, digits: int = 3) -> str:
    """A figure of a card or of evidence.json with its 95 % interval, such as "0.912 (0.890 to 0.931)"."""
    if figure is None:
        return NOT_STATED
    fields = figure if isinstance(figure, dict) else vars(figure)
    value, low, high = (number(fields.get(key), digits) for key in ("value", "low", "high"))
    return value if NOT_STATED in (low, high) else f"{value} ({low} to {high})"


def label(key: str) -> str:
    """A key of card.json as a heading; capitals inside it stay, and so does a lone n."""
    spaced = ABBREVIATED.sub(lambda renamed: renamed[0].upper(), key.replace("_", " "))
    return spaced[:1].upper() + spaced[1:] if len(key) > 1 else key


def table(head: list[str], rows: list[list[str]], right: tuple[int, ...] = ()) -> str:
    """A Markdown table, which needs no data-frame library in the server.

    Args:
        head: titles of the columns.
        rows: cells, already safe Markdown.
        right: columns of numbers, aligned to the right.

    Returns:
        The table's Markdown.
    """
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])

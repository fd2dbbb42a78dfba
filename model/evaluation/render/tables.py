"""Words and Markdown tables that all documents share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

NAMES = {"covid19": "COVID-19", "other": "other lung disease", "normal": "normal"}


def interval(row: dict[str, Any], digits: int = 2) -> str:
    """A figure with its 95 % interval."""
    return f"{row['value']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"


def percent(row: dict[str, Any]) -> str:
    """A share with its 95 % interval, in per cent."""
    return f"{100 * row['value']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def named(text: str) -> str:
    """The classes as people call them."""
    return re.sub(r"\b(" + "|".join(NAMES) + r")\b", lambda found: NAMES[found[0]], text)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; a bar in a cell would end it, so it is escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def pick(rows: Iterable[dict[str, Any]], **fields: Any) -> list[dict[str, Any]]:
    """The rows whose fields have these values."""
    return [row for row in rows if all(row.get(name) == value for name, value in fields.items())]


def sets_of(rows: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """(set, role) of the rows, each once, in their order."""
    return list(dict.fromkeys((row["set"], row["role"]) for row in rows))

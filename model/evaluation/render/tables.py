"""Markdown tables of figures: a figure with its interval in each cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from model.reading.names import CLASSES, class_name, point_name

Row = dict[str, Any]
END_OF_BLOCK = "<!-- end of figures -->"
_CLASS = re.compile(r"\b(" + "|".join(CLASSES) + r")\b")


def interval(row: Row, digits: int = 2) -> str:
    """A figure with its 95 % interval."""
    return f"{row['value']:.{digits}f} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"


def percent(row: Row) -> str:
    """A share with its 95 % interval, in per cent."""
    return f"{100 * row['value']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def named(text: str) -> str:
    """The text with the classes as people call them."""
    return _CLASS.sub(lambda match: _lowered(str(class_name(match[0]))), text)


def point(name: str) -> str:
    """An operating point as people call it."""
    return _lowered(str(point_name(name)))


def _lowered(name: str) -> str:
    """A name as it is inside a sentence; abbreviations keep their capitals."""
    return name if name[:2].isupper() else name[:1].lower() + name[1:]


def pick(rows: Iterable[Row], **fields: Any) -> list[Row]:
    """The rows whose fields have these values."""
    return [row for row in rows if all(row.get(name) == value for name, value in fields.items())]


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; a bar in a cell would end it, so it is escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def pivot(
    rows: Iterable[Row],
    head: Sequence[str],
    key: Callable[[Row], tuple[Any, ...]],
    column: Callable[[Row], str] = lambda row: "Figure (95 % interval)",
    cell: Callable[[Row], str] = interval,
) -> str:
    """A Markdown table with a line for each key and a column for each value of `column`.

    Args:
        rows: figures, each with "n".
        head: titles of the key's parts.
        key: the first cells of a figure's line.
        column: title of the column that a figure stands in.
        cell: the figure as text.

    Returns:
        The table, with n as its last column; empty without rows.
    """
    lines: dict[tuple[Any, ...], dict[str, str]] = {}
    counts: dict[tuple[Any, ...], int] = {}
    columns: dict[str, None] = {}
    for row in rows:
        lines.setdefault(key(row), {})[column(row)] = cell(row)
        counts.setdefault(key(row), row["n"])
        columns[column(row)] = None
    if not lines:
        return ""
    cells = [(*first, *(line.get(name, "") for name in columns), counts[first]) for first, line in lines.items()]
    return table((*head, *columns, "n"), cells)


def with_block(text: str, mark: str, content: str) -> str:
    """A document with new content between `<!-- MARK -->` and the next `<!-- end of figures -->`.

    Raises:
        ValueError: the document has no such mark.
    """
    before, start, rest = text.partition(f"<!-- {mark} -->\n")
    _, end, after = rest.partition(END_OF_BLOCK)
    if not start or not end:
        raise ValueError(f"the document has no block {mark}")
    return f"{before}{start}{content}\n{end}{after}"

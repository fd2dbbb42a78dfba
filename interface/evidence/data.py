"""The evidence's JSON with the rows of the chosen sources alone, and what a figure made from it consists of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from interface.components.charts import Option
from interface.core import labels

Rows = list[dict[str, Any]]
HEIGHT = 380


@dataclass(frozen=True)
class Chart:
    """A figure of the page.

    Attributes:
        option: for ECharts.
        alt: its result in words.
        caption: what it shows, how many pictures it rests on, and which part of the JSON holds the values.
        height: in pixels.
    """

    option: Option
    alt: str
    caption: str
    height: int = HEIGHT


class Selection:
    """The JSON, with the rows of the chosen sources alone."""

    def __init__(self, evidence: dict[str, Any], chosen: Collection[str]) -> None:
        """Choose.

        Args:
            evidence: the JSON.
            chosen: names of sources; none means all.
        """
        self._evidence, self._chosen = evidence, chosen
        self.classes = tuple(evidence["bundle"]["classes"])

    def rows(self, part: str, key: str, **fields: Any) -> Rows:
        """Rows of a list in one part of the JSON, those whose fields have these values."""
        values: Rows = self._evidence.get(part, {}).get(key, [])
        return [
            row
            for row in values
            if (not self._chosen or row["source"] in self._chosen)
            and all(row.get(name) == value for name, value in fields.items())
        ]

    def grid(self) -> list[float]:
        """The common x of the curves."""
        values: list[float] = self._evidence["curves"]["grid"]
        return values

    def named(self, text: str) -> str:
        """With the classes called as on the other pages."""
        return labels.named(text, self.classes)


def count(rows: Rows) -> str:
    """The number of pictures of each set, once."""
    return "; ".join(f"{name}, n = {n:,}" for name, n in dict.fromkeys((row["set"], row["n"]) for row in rows))


def origin(part: str, rows: Rows, file: str = "evidence.json") -> str:
    """How many pictures a figure rests on, and where its values stand, as Markdown.

    Args:
        part: of the file.
        rows: that were drawn.
        file: in docs/evidence.
    """
    return f"{labels.plain(count(rows))}. Data: *{part}* in docs/evidence/{file}."

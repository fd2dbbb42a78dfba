"""The evidence that `make evidence` wrote, taken apart for a page: sections, their figures, rows by source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "evidence.md"
_FIGURE = re.compile(r"^!\[(?P<alt>[^\]]*)\]\((?P<path>[^)]+)\)$")
_ROW, _RULE = re.compile(r"^\|.*\|$"), re.compile(r"^\|[ :|-]+\|$")


@dataclass(frozen=True)
class Figure:
    """A figure: its file, and what it shows in words."""

    path: Path
    alt: str


@dataclass(frozen=True)
class Section:
    """A part of the evidence: its title, and paragraphs, tables (Markdown) and figures in their order."""

    title: str
    parts: tuple[str | Figure, ...]


def read(document: Path = DOCUMENT) -> list[Section]:
    """The sections of docs/evidence.md, what stands above the first one as a section without a title.

    Raises:
        OSError: nobody has measured the bundle yet.
    """
    text = re.sub(r"<!--.*?-->\n*", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = []
    for block in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        title, _, body = block.partition("\n") if block.startswith("## ") else ("", "", block)
        parts = tuple(_parts(re.sub(r"^# .*\n", "", body), document.parent))
        if title or parts:
            found.append(Section(title.removeprefix("## "), parts))
    return found


def _parts(body: str, folder: Path) -> Iterator[str | Figure]:
    for paragraph in re.split(r"\n{2,}", body.strip()):
        figure = _FIGURE.match(paragraph.strip())
        if figure:
            yield Figure(folder / figure["path"], figure["alt"])
        elif paragraph.strip():
            yield paragraph


def sources(sections: list[Section]) -> list[str]:
    """Names of the sources that rows of tables are about, such as "cohen"."""
    cells = (
        line.split("|")[1].strip()
        for section in sections
        for part in section.parts
        if isinstance(part, str)
        for line in part.splitlines()
        if _ROW.match(line)
    )
    named = (re.match(r"(\w+) (?:\(never trained on\)|test split|validation split)$", cell) for cell in cells)
    return sorted({match[1] for match in named if match})


def of_source(part: str, source: str) -> str:
    """A table with the rows of one source alone; other text, and tables without sources, as they are.

    Args:
        part: Markdown of a section.
        source: one of `sources`.

    Returns:
        Markdown; empty where the table is about other sources only.
    """
    lines = part.splitlines()
    if not lines or not _ROW.match(lines[0]):
        return part
    rows = [line for line in lines[1:] if _ROW.match(line) and not _RULE.match(line)]
    if not any(" split " in row or "(never trained on)" in row for row in rows):
        return part
    kept = [row for row in rows if re.match(rf"\|\s*{re.escape(source)} ", row)]
    return "\n".join([lines[0], next(line for line in lines if _RULE.match(line)), *kept]) if kept else ""

"""The evidence that `make evidence` wrote, taken apart for a page: sections, their figures, rows by source."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from interface.components import tables

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "evidence.md"
_FIGURE = re.compile(r"^!\[(?P<alt>[^\]]*)\]\((?P<path>[^)]+)\)$")
_FILES = ("evidence.json", "trap.json")
_ROW = re.compile(r"^\|.*\|$")
_HEAD = re.compile(r"\*\*(\w+) [^*]*\*\*")  # a line such as "**cohen (never trained on)**, a fixed sample"
# Columns that say which source a row is about, the surest first.
_ABOUT = ("Source", "Pictures", "Measured on")


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


def measured(document: Path = DOCUMENT) -> dict[str, Any]:
    """The JSON that the document was written from, with that of the trapped network as its part "trap".

    Returns:
        What was read; empty where it is not there or is not readable.
    """
    folder = document.parent / "evidence"
    try:
        return _load(folder, *((folder / name).stat().st_mtime_ns for name in _FILES if (folder / name).exists()))
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=1)
def _load(folder: Path, *_changed: int) -> dict[str, Any]:
    """Nobody may change what this returns: all sessions share it."""
    found: dict[str, Any] = json.loads((folder / _FILES[0]).read_text(encoding="utf-8"))
    trap = folder / _FILES[1]
    return found | ({"trap": json.loads(trap.read_text(encoding="utf-8"))} if trap.exists() else {})


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


def of_sources(section: Section, chosen: Collection[str], known: Collection[str]) -> Iterator[str | Figure]:
    """The parts of a section with what is about other sources left out.

    Args:
        section: as `read` gives it.
        chosen: names of sources; none means all.
        known: all names of sources.

    Yields:
        Tables with the rows of the chosen sources alone; other text, figures, and tables that are about no source of
        the list, as they are. A table below a line that names one source is about that one.
    """
    about = ""
    for part in section.parts:
        if isinstance(part, Figure) or not chosen:
            yield part
            continue
        if not _ROW.match(part.splitlines()[0]):
            head = _HEAD.match(part)
            about = head[1] if head and head[1] in known else ""
            if about in ("", *chosen):
                yield part
        elif about in ("", *chosen) and (kept := _rows(part, chosen, known)):
            yield kept


def _rows(table: str, chosen: Collection[str], known: Collection[str]) -> str:
    """A table's rows about the chosen sources; empty where none is left."""
    head, rule, *rows = table.splitlines()
    titles = tables.cells(head)
    column = next((titles.index(title) for title in _ABOUT if title in titles), None)
    if column is None:
        return table
    named = [tables.cells(row)[column].split(" ")[0] for row in rows]
    if not set(named) & set(known):
        return table
    kept = [row for row, name in zip(rows, named, strict=True) if name in chosen]
    return "\n".join([head, rule, *kept]) if kept else ""

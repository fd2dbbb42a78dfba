"""The tables that `make evidence` wrote, taken apart for a page: sections, and rows by source."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from interface.components import tables

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "evidence" / "tables.md"
_FILES = ("evidence.json", "trap.json")
_SET = re.compile(r"(\w+) (?:\(never trained on\)|\(to choose by\)|test split|validation split)$")
_ROW = re.compile(r"^\|.*\|$")
# Columns that say which source a row is about, the surest first.
_ABOUT = ("Source", "Pictures", "Measured on")


@dataclass(frozen=True)
class Section:
    """A part of the evidence: its title, and paragraphs and tables (Markdown) in their order."""

    title: str
    parts: tuple[str, ...]


def read(document: Path | None = None) -> list[Section]:
    """The sections of docs/evidence/tables.md; what is above the first one is a section without a title.

    Raises:
        OSError: nobody has measured the bundle yet.
    """
    text = re.sub(r"<!--.*?-->\n*", "", (document or DOCUMENT).read_text(encoding="utf-8"), flags=re.DOTALL)
    sections = []
    for block in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        title, _, body = block.partition("\n") if block.startswith("## ") else ("", "", block)
        paragraphs = re.split(r"\n{2,}", re.sub(r"^# .*\n", "", body).strip())
        if title or any(paragraphs):
            sections.append(Section(title.removeprefix("## "), tuple(part for part in paragraphs if part.strip())))
    return sections


def measured(document: Path | None = None) -> dict[str, Any]:
    """The JSON that the document was written from, with that of the trapped network as its part "trap".

    Returns:
        What was read; empty where it is not there or is not readable.
    """
    folder = (document or DOCUMENT).parent
    try:
        return _load(folder, *((folder / name).stat().st_mtime_ns for name in _FILES if (folder / name).exists()))
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=1)
def _load(folder: Path, *_changed: int) -> dict[str, Any]:
    """Nobody may change what this returns: all sessions share it."""
    evidence: dict[str, Any] = json.loads((folder / _FILES[0]).read_text(encoding="utf-8"))
    trap = folder / _FILES[1]
    return evidence | ({"trap": json.loads(trap.read_text(encoding="utf-8"))} if trap.exists() else {})


def sources(sections: list[Section]) -> list[str]:
    """Names of the sources that rows of tables are about, such as "cohen"."""
    cells = (
        line.split("|")[1].strip()
        for section in sections
        for part in section.parts
        for line in part.splitlines()
        if _ROW.match(line)
    )
    named = (
        re.match(r"(\w+) (?:\(never trained on\)|\(to choose by\)|test split|validation split)$", cell)
        for cell in cells
    )
    return sorted({match[1] for match in named if match})


def of_sources(section: Section, chosen: Collection[str], known: Collection[str]) -> Iterator[str]:
    """The parts of a section with what is about other sources left out.

    Args:
        section: as `read` gives it.
        chosen: names of sources; none means all.
        known: all names of sources.

    Yields:
        Tables with the rows of the chosen sources alone; other text, and tables that are about no source of
        the list, as they are.
    """
    for part in section.parts:
        if not chosen or not _ROW.match(part.splitlines()[0]):
            yield part
        elif kept := _rows(part, chosen, known):
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

"""Read a CSV as spreadsheets and pandas write it: any common encoding and separator, missing values as empty cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

# Cells that pandas writes and reads as missing values.
MISSING = frozenset(["nan", "-nan", "na", "n/a", "#n/a", "#na", "<na>", "null", "none", "nat"])


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Read the rows of a table.

    Args:
        path: CSV in UTF-8, UTF-16 or Latin-1, with or without a byte order mark, separated by commas, semicolons, tabs
            or bars, which the header tells.

    Yields:
        The cells by column, the columns' names in lower case; a missing value or cell is empty.

    Raises:
        csv.Error: quotes are wrong.
    """
    text = _decode(path.read_bytes())
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    if declared := re.fullmatch(r"sep=(.)", first, re.IGNORECASE):  # a line that Excel writes and reads
        separator, text = declared[1], text[len(first) :].lstrip("\r\n")
    else:
        # Not csv.Sniffer, which takes letters for separators.
        separator = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header = [name.strip().lower() for name in next(reader, [])]
    for cells in reader:
        if any(cell.strip() for cell in cells):
            padded = cells + [""] * (len(header) - len(cells))
            yield {name: _stated(cell) for name, cell in zip(header, padded, strict=False)}


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:100]:  # UTF-16 without a byte order mark
        return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _stated(cell: str) -> str:
    text = cell.strip()
    return "" if text.lower() in MISSING else text

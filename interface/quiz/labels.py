"""A teacher's table of labels, as people's spreadsheets write it."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import PurePosixPath

from interface.core.language import mark

WRONG_COLUMNS = mark("a table of labels has the columns name and label; this one has others.")


def read_labels(data: bytes) -> dict[str, str]:
    """File names -> labels.

    Args:
        data: a CSV file with the columns name (or path, or file) and label. Spreadsheets write it with semicolons
            where the comma stands in numbers, with tabs as "Unicode text", and not always in UTF-8.

    Returns:
        The labels by the names without folders.

    Raises:
        ValueError: it has other columns, or is no text.
    """
    text = _decoded(data)
    head = text.partition("\n")[0]
    try:
        rows = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
        columns = {column.strip().lower(): column for column in rows.fieldnames or []}
        name = columns.get("name") or columns.get("path") or columns.get("file")
        if name is None or "label" not in columns:
            raise ValueError(WRONG_COLUMNS)
        given = {
            PurePosixPath((row[name] or "").strip().replace("\\", "/")).name: (row[columns["label"]] or "").strip()
            for row in rows
        }
    except csv.Error:
        raise ValueError(WRONG_COLUMNS) from None
    return {name: label for name, label in given.items() if name}


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")

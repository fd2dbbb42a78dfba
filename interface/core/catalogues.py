"""Catalogues of translations: gettext's text files (.po) are read as they are, so that nothing has to be compiled."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass, field
from gettext import GNUTranslations
from pathlib import Path

# Of a compiled catalogue (GNU gettext manual, section 10.3 "The Format of GNU MO Files").
_MAGIC, _HEADER = 0x950412DE, 28


@dataclass
class Entry:
    """A text and its translation.

    Attributes:
        text: in English; empty for the header of the file.
        many: English for other numbers than 1; None for a text without a number.
        said: the translation; one for each plural form where there is a number.
        comments: lines that start with "#", for those who translate.
    """

    text: str = ""
    many: str | None = None
    said: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


def read(path: Path) -> list[Entry]:
    """Read a catalogue.

    Args:
        path: of a .po file in UTF-8.

    Returns:
        Its entries in their order; the first is the header.

    Raises:
        ValueError: a line is none that such a file has.
    """
    found: list[Entry] = []
    entry, into = Entry(), ""
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], 1):
        keyword, _, rest = line.partition(" ")
        try:
            if not line.strip():
                if entry.said:
                    found.append(entry)
                entry = Entry()
            elif line.startswith("#"):
                entry.comments.append(line)
            else:
                if not line.startswith('"'):
                    into = keyword
                # The escapes of these files are among JSON's.
                _add(entry, into, json.loads(line if line.startswith('"') else rest), new=not line.startswith('"'))
        except ValueError as error:
            raise ValueError(f"line {number} of {path.name} is no line of a catalogue") from error
    return found


def _add(entry: Entry, keyword: str, text: str, *, new: bool) -> None:
    if keyword == "msgid":
        entry.text += text
    elif keyword == "msgid_plural":
        entry.many = (entry.many or "") + text
    elif keyword.startswith("msgstr"):
        if new:
            entry.said.append("")
        entry.said[-1] += text
    else:
        raise ValueError(keyword)


def write(entries: list[Entry]) -> str:
    """The text of a catalogue; `read` gives the same entries again."""
    blocks = []
    for entry in entries:
        lines = [*entry.comments, f"msgid {_quoted(entry.text)}"]
        if entry.many is None:
            lines += [f"msgstr {_quoted(text)}" for text in entry.said]
        else:
            lines.append(f"msgid_plural {_quoted(entry.many)}")
            lines += [f"msgstr[{number}] {_quoted(text)}" for number, text in enumerate(entry.said)]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _quoted(text: str) -> str:
    parts = text.splitlines(keepends=True) if "\n" in text else [text]
    quoted = [json.dumps(part, ensure_ascii=False) for part in parts]
    return quoted[0] if len(quoted) == 1 else "\n".join(['""', *quoted])


def load(path: Path) -> GNUTranslations:
    """Read a catalogue into Python's own gettext.

    Args:
        path: of a .po file.

    Returns:
        The translations, which give the English where there is none.

    Raises:
        ValueError: as `read`.
    """
    return GNUTranslations(io.BytesIO(_compiled(read(path))))


def _compiled(entries: list[Entry]) -> bytes:
    """The entries as a compiled catalogue: tables of lengths and offsets, then the texts, each with a zero byte."""
    pairs = []
    for entry in entries:
        if all(entry.said):
            key = entry.text if entry.many is None else f"{entry.text}\0{entry.many}"
            pairs.append((key.encode(), "\0".join(entry.said).encode()))
    pairs.sort()
    texts, tables, at = bytearray(), bytearray(), _HEADER + 16 * len(pairs)
    for column in (0, 1):
        for pair in pairs:
            tables += struct.pack("<2I", len(pair[column]), at + len(texts))
            texts += pair[column] + b"\0"
    head = struct.pack("<7I", _MAGIC, 0, len(pairs), _HEADER, _HEADER + 8 * len(pairs), 0, 0)
    return bytes(head + tables + texts)

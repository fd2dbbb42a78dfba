"""Bring the catalogues of translations up to date with the texts in the code: `python -m scripts.messages`.

New texts are added without a translation, which a test asks for; those that nobody uses any more are taken out. The
texts are the constants in calls of `tr`, `ntr` and `mark` (interface/core/language.py), and the templates of
`model.messages.Code`.
"""

from __future__ import annotations

import ast
from pathlib import Path

from interface.core.catalogues import Entry, read, write
from interface.core.language import ENGLISH, FOLDER, LANGUAGES
from model.messages import Code

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("app.py", "interface/**/*.py", "pages/*.py")
HEADER = (
    "Project-Id-Version: chest-xray-reader\nLanguage: {name}\nMIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
    "Plural-Forms: nplurals=2; plural=({plural});\n"
)
# From Unicode's CLDR, for whole numbers.
PLURALS = {"es": "n != 1", "fr": "n > 1", "hi": "n > 1"}


def used() -> dict[str, Entry]:
    """The texts of the code, without translations.

    Returns:
        By the English, in the order of files and lines; each entry says in a comment which files have it.
    """
    entries: dict[str, Entry] = {}
    for path in sorted({path for pattern in SOURCES for path in ROOT.glob(pattern)}):
        place = f"#: {path.relative_to(ROOT).as_posix()}"
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
            texts = _texts(call)
            if texts:
                entry = entries.setdefault(texts[0], Entry(texts[0], texts[1] if len(texts) > 1 else None))
                if place not in entry.comments:
                    entry.comments.append(place)
    for code in Code:
        entry = entries.setdefault(code.value, Entry(code.value))
        entry.comments.append("#: model/messages.py")
    return entries


def _texts(call: ast.Call) -> list[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    count = {"tr": 1, "mark": 1, "ntr": 2}.get(name, 0)
    constants = [one.value for one in call.args[:count] if isinstance(one, ast.Constant)]
    return [one for one in constants if isinstance(one, str)]


def path(name: str) -> Path:
    """Of a language's catalogue."""
    return FOLDER / name / "LC_MESSAGES" / "reader.po"


def updated(name: str) -> list[Entry]:
    """A language's catalogue with exactly the texts of the code, in their order, and the translations that it has.

    Args:
        name: a key of `LANGUAGES`.
    """
    known = {entry.text: entry for entry in read(path(name))} if path(name).exists() else {}
    header = known.get("", Entry(said=[HEADER.format(name=name, plural=PLURALS[name])]))
    entries = [header]
    for text, entry in used().items():
        old = known.get(text, Entry(said=[""] if entry.many is None else ["", ""]))
        notes = [line for line in old.comments if not line.startswith("#:")]
        entries.append(Entry(text, entry.many, old.said, notes + entry.comments))
    return entries


def main() -> None:
    """Write all catalogues."""
    for name in LANGUAGES:
        if name != ENGLISH:
            entries = updated(name)
            path(name).parent.mkdir(parents=True, exist_ok=True)
            path(name).write_text(write(entries), encoding="utf-8")
            missing = sum(not all(entry.said) for entry in entries)
            print(f"{path(name).relative_to(ROOT)}: {len(entries) - 1} texts, {missing} without a translation")


if __name__ == "__main__":
    main()

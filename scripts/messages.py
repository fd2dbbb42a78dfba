"""Bring the catalogues of translations up to date with the texts in the code: `python -m scripts.messages`.

The texts are the constants in calls of `tr`, `ntr` and `mark` (interface/core/language.py), and the templates of
`model.messages.Code`. New ones are added without a translation, which a test asks for; those that nobody uses any more
are taken out. Then the catalogues are compiled for the app, which reads them with Python's gettext.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from interface.core.language import DOMAIN, ENGLISH, FOLDER, LANGUAGES
from model.messages import Code

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("app.py", "interface/**/*.py", "pages/*.py")
KEYWORDS = {"tr": None, "mark": None, "ntr": (1, 2)}
# Of what Babel writes into the header; its times and version would make a file differ each time.
_UNDATED = datetime(2026, 1, 1, tzinfo=UTC)
_WRITTEN = ("Language:", "Plural-Forms:", "MIME-Version:", "Content-Type:", "Content-Transfer-Encoding:")


def used() -> Catalog:
    """The texts of the code, each with the files that have it, in the order of files and lines."""
    catalogue = Catalog(charset="utf-8")
    for text, place in _texts():
        catalogue.add(text, locations=[(place, 0)])
    return catalogue


def _texts() -> Iterator[tuple[str | tuple[str, ...], str]]:
    for path in sorted({path for pattern in SOURCES for path in ROOT.glob(pattern)}):
        place = path.relative_to(ROOT).as_posix()
        for _, text, _, _ in extract_from_file("python", path, keywords=KEYWORDS):
            yield text, place
    for code in Code:
        yield code.value, "model/messages.py"


def path(name: str, ending: str = "po") -> Path:
    """Of a language's catalogue: "po" for translators, "mo" for the app."""
    return FOLDER / name / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def read(name: str) -> Catalog:
    """A language's catalogue as it is; an empty one for a new language."""
    if not path(name).exists():
        return Catalog(locale=name, charset="utf-8")
    with path(name).open("rb") as file:
        catalogue = read_po(file, locale=name)
    # Else the compiled file would hold the time at which it was made.
    catalogue.creation_date = catalogue.revision_date = _UNDATED
    return catalogue


def updated(name: str) -> Catalog:
    """A language's catalogue with exactly the texts of the code, in their order, and the translations that it has.

    Args:
        name: a key of `LANGUAGES`.
    """
    catalogue = read(name)
    catalogue.update(used(), no_fuzzy_matching=True, update_creation_date=False)
    return catalogue


def text(catalogue: Catalog) -> str:
    """A catalogue as a file for translators."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=0, include_lineno=False, ignore_obsolete=True)
    header, _, rest = buffer.getvalue().decode().lstrip().partition("\n\n")
    kept = [line for line in header.splitlines() if not line.startswith('"') or line[1:].startswith(_WRITTEN)]
    return "\n".join(kept) + f"\n\n{rest}"


def compiled(catalogue: Catalog) -> bytes:
    """A catalogue as the app reads it, without the texts that have no translation."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def main() -> None:
    """Write all catalogues."""
    for name in LANGUAGES:
        if name == ENGLISH:
            continue
        catalogue = updated(name)
        path(name).parent.mkdir(parents=True, exist_ok=True)
        path(name).write_text(text(catalogue), encoding="utf-8")
        # As it was written, so that the compiled file never depends on what Babel keeps beside.
        path(name, "mo").write_bytes(compiled(read(name)))
        missing = sum(message.fuzzy or not all(_forms(message.string)) for message in catalogue if message.id)
        print(f"{path(name).relative_to(ROOT)}: {len(catalogue)} texts, {missing} without a translation")


def _forms(translation: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [translation or ""] if translation is None or isinstance(translation, str) else list(translation)


if __name__ == "__main__":
    main()

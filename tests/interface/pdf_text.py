"""The words of an uncompressed PDF by fpdf2, as a reader that selects them would get them."""

from __future__ import annotations

import re

_OBJECT = re.compile(rb"(?<!\d)(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|\(((?:\\.|[^\\)])*)\) Tj", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def words_of(data: bytes) -> str:
    """All text that the pages show, in its order, with one space for every break.

    Args:
        data: the file.

    Returns:
        The text by the fonts' own tables from codes to Unicode (ISO 32000-1, 9.10.3).
    """
    objects = {int(number): body for number, body in _OBJECT.findall(data)}
    fonts = {
        name.decode(): _table(objects, int(number))
        for body in objects.values()
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body)
    }
    found, table = [], {}
    for body in objects.values():
        if b" Tj" not in body or b"BT" not in body:
            continue
        for font, coded in _SHOWN.findall(body):
            if font:
                table = fonts[font.decode()]
                continue
            codes = re.sub(rb"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), coded, flags=re.DOTALL)
            pairs = zip(codes[::2], codes[1::2], strict=True)
            found.append("".join(table[high << 8 | low] for high, low in pairs))
    return " ".join(" ".join(found).split())


def _table(objects: dict[int, bytes], font: int) -> dict[int, str]:
    pointer = re.search(rb"/ToUnicode (\d+) 0 R", objects[font])
    assert pointer, "the text of this font can't be selected"
    pairs = re.findall(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>\n", objects[int(pointer[1])])
    return {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}

"""A report as PDF with text that can be selected and searched, and the scores drawn as vectors."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from unicodedata import bidirectional

from fpdf import FPDF, XPos, YPos
from PIL import Image

from interface.components import score_bars
from interface.core import labels
from interface.report.document import NO_DECISIONS, PROGRAM, Document, Entry, Picture, scores_line

# Millimetres.
_MARGIN, _TOP, _GAP, _COLUMN = 15.0, 12.0, 6.0, 40.0
# So that one reading fits on one page.
_TALLEST = 72.0
_LEAST_LEFT = 54.0
_INK, _SOFT, _TRACK, _GREY = (29, 39, 51), (74, 90, 106), (228, 231, 234), (123, 135, 143)
_BLUE, _ORANGE = (46, 134, 193), (209, 112, 26)
_FONT = "DejaVu"
# Scripts that run from right to left need shaping, which this program does not do.
_RIGHT_TO_LEFT = ("R", "AL")
_MISSING = (
    f"Letters that the font of this PDF does not have are shown as {chr(0xFFFD)}: the report as HTML shows every name "
    "in full."
)


class _Paper(FPDF):
    """A4 with the notice and the page's number at the foot of every page.

    Attributes:
        letters_missing: whether a letter was replaced that the font does not have.
    """

    letters_missing = False

    def footer(self) -> None:
        """Called by the library for each page."""
        self.set_y(-12)
        self.set_x(_MARGIN)
        self.set_font(_FONT, size=7.5)
        self.set_text_color(*_SOFT)
        self.cell(self.w - 2 * _MARGIN, 5, f"{labels.NOT_A_DEVICE}  Page {self.page_no()} of {{nb}}", align="C")


def pdf(document: Document, *, compressed: bool = True) -> bytes:
    """Write a report.

    Args:
        document: what it says.
        compressed: as everyone wants it; without, its text can be looked at.

    Returns:
        The file.
    """
    paper = _Paper(format="A4")
    paper.set_compression(compressed)
    paper.set_margins(_MARGIN, _TOP)
    paper.c_margin = 0
    paper.set_auto_page_break(True, margin=16)
    for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
        paper.add_font(_FONT, style, _fonts() / name)
    paper.set_title(document.title)
    paper.set_subject(labels.NOT_A_DEVICE)
    paper.set_creator(PROGRAM)
    paper.set_lang("en")
    paper.set_creation_date(document.made)
    paper.add_page()
    _text(paper, document.title, 12, "B")
    _text(paper, f"Report made {document.when}", 8.5, colour=_SOFT)
    paper.ln(2)
    _notice(paper)
    for name, number in document.counts:
        _text(paper, f"{name}: {number}", 9.5)
    for entry in document.entries:
        (_row if document.compact else _reading)(paper, entry)
    if document.refused:
        _heading(paper, f"Refused: {len(document.refused)}")
        for name, why in document.refused:
            _text(paper, f"{name}: {why}", 8.5)
    for head, text in document.explained:
        _heading(paper, head)
        _text(paper, text, 8, colour=_SOFT)
    paper.ln(2.5)
    _facts(paper, document.network)
    if paper.letters_missing:
        _text(paper, _MISSING, 8, colour=_SOFT)
    return bytes(paper.output())


def _fonts() -> Path:
    """DejaVu's fonts, which lie in matplotlib's package; they have Latin, Greek and Cyrillic letters."""
    package = find_spec("matplotlib")  # looks for it without importing it
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf"


def _text(
    paper: _Paper,
    text: str,
    size: float,
    style: str = "",
    colour: tuple[int, int, int] = _INK,
    width: float = 0,
    align: str = "L",
) -> None:
    paper.set_font(_FONT, style, size)
    paper.set_text_color(*colour)
    known = paper.current_font.cmap  # type: ignore[union-attr]
    shown = "".join(
        letter if ord(letter) in known and bidirectional(letter) not in _RIGHT_TO_LEFT else chr(0xFFFD)
        for letter in text
    )
    paper.letters_missing |= shown != text and text != _MISSING
    paper.multi_cell(width, size * 0.5, shown, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _heading(paper: _Paper, text: str) -> None:
    paper.ln(1.8)
    if paper.will_page_break(16):
        paper.add_page()
    _text(paper, text, 9, "B")


def _notice(paper: _Paper) -> None:
    top = paper.y
    paper.set_fill_color(253, 243, 233)
    paper.rect(_MARGIN, top, paper.epw, 8, style="F")
    paper.set_fill_color(*_ORANGE)
    paper.rect(_MARGIN, top, 1, 8, style="F")
    paper.set_xy(_MARGIN + 3, top + 1.8)
    _text(paper, f"{labels.NOT_A_DEVICE} {NO_DECISIONS}", 9, "B")
    paper.set_y(top + 11)


def _reading(paper: _Paper, entry: Entry) -> None:
    """A reading with large pictures."""
    if paper.y > paper.h / 3:
        paper.add_page()
    _text(paper, entry.title, 8.5, colour=_SOFT)
    _text(paper, entry.headline, 17, "B")
    _text(paper, f"Class: {entry.status}", 10, "B")
    paper.ln(2)
    _body(paper, entry, 9)
    count = max(2, len(entry.pictures))
    width = (paper.epw - _GAP * (count - 1)) / count
    if paper.will_page_break(min(_TALLEST, width) + 18):
        paper.add_page()
    top, bottoms = paper.y + 3, []
    for number, picture in enumerate(entry.pictures):
        left = _MARGIN + number * (width + _GAP)
        bottoms.append(_picture(paper, picture, left, top, width))
    paper.set_y(max(bottoms) + 3)
    _facts(paper, entry.facts)


def _row(paper: _Paper, entry: Entry) -> None:
    """A reading of a batch with a small picture at its side."""
    paper.ln(3)
    if paper.will_page_break(_LEAST_LEFT):
        paper.add_page()
    paper.set_draw_color(*_TRACK)
    paper.line(_MARGIN, paper.y, paper.w - _MARGIN, paper.y)
    top, page = paper.y + 3, paper.page
    bottom = max((_picture(paper, item, _MARGIN, top, _COLUMN) for item in entry.pictures[:1]), default=top)
    paper.set_left_margin(_MARGIN + _COLUMN + _GAP)
    paper.set_y(top)
    _text(paper, entry.title, 8.5, colour=_SOFT)
    _text(paper, entry.headline, 12, "B")
    _text(paper, f"Class: {entry.status}", 9, "B")
    paper.ln(1)
    _body(paper, entry, 8)
    _facts(paper, entry.facts)
    paper.set_left_margin(_MARGIN)
    paper.set_y(max(paper.y, bottom) if paper.page == page else paper.y)


def _body(paper: _Paper, entry: Entry, size: float) -> None:
    if entry.point is None:
        _text(paper, scores_line(entry), size)
    else:
        for name, value in entry.scores.items():
            marks = score_bars.uncertain_band(entry.point.threshold, entry.margin) if name == entry.positive else None
            _bar(paper, labels.class_name(name), value, entry.point.threshold, marks)
        _text(paper, entry.legend, 7.5, colour=_SOFT)
    paper.ln(1.5)
    for reason in entry.reasons:
        _text(paper, f"• {reason}", size)
    paper.ln(1)


def _bar(paper: _Paper, name: str, value: float, threshold: float, band: tuple[float, float] | None) -> None:
    label, number, height = 38.0, 19.0, 4.0
    top, start = paper.y, paper.l_margin + label
    width = paper.w - paper.r_margin - start - number
    _text(paper, name, 9, width=label)
    bottom = paper.y
    paper.set_fill_color(*_TRACK)
    paper.rect(start, top, width, height, style="F")
    paper.set_fill_color(*(_BLUE if band else _GREY))
    paper.rect(start, top, width * value, height, style="F")
    if band:
        low, high = (start + width * item for item in band)
        with paper.rect_clip(low, top, high - low, height), paper.local_context():
            paper.set_draw_color(*_ORANGE)
            paper.set_line_width(0.4)
            for step in range(int((high - low + height) / 1.2) + 1):
                paper.line(low + step * 1.2, top, low + step * 1.2 - height, top + height)
        paper.set_fill_color(*_ORANGE)
        paper.rect(start + width * threshold - 0.35, top - 0.5, 0.7, height + 1, style="F")
    paper.set_xy(start + width + 2, top)
    _text(paper, labels.score(value), 9, "B", width=number - 2, align="R")
    paper.set_y(max(bottom, top + height) + 1.3)


def _picture(paper: _Paper, picture: Picture, left: float, top: float, width: float) -> float:
    """Draw a picture with its caption and return where they end."""
    with Image.open(io.BytesIO(picture.data)) as opened:
        columns, rows = opened.size
    scale = min(width / columns, _TALLEST / rows)
    paper.image(io.BytesIO(picture.data), left, top, columns * scale, rows * scale, alt_text=picture.alt)
    paper.set_xy(left, top + rows * scale + 1)
    _text(paper, picture.caption, 7.5, colour=_SOFT, width=width)
    return paper.y


def _facts(paper: _Paper, facts: tuple[tuple[str, str], ...]) -> None:
    for name, value in facts:
        _text(paper, f"{name}: {value}", 7.5, colour=_SOFT)

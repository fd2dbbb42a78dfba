"""Tables of many columns, which on a phone scroll by themselves: as HTML, so that a keyboard reaches them.

What scrolls has to take the focus (WCAG 2.1.1), and Streamlit's containers and its Markdown don't.
"""

from __future__ import annotations

import html
import re

import streamlit as st

from interface.core.language import tr

# A table with fewer fits on a phone.
WIDE = 4
# Of a column, in rem, where the table scrolls anyway: an interval then takes two lines. Four columns fit on a phone.
NARROWEST = 7.5
# No colours of its own but the text's, which has that of the theme.
_STYLE = """<style>
.wide-table { overflow-x: auto; max-width: 100%; margin-bottom: 1rem; }
.wide-table table { border-collapse: collapse; }
.wide-table :is(th, td) {
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent); padding: 0.375rem 0.6rem; text-align: left;
}
.wide-table th { font-weight: 600; }
.wide-table .right { text-align: right; }
</style>"""
_SPANS = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*([^*]+)\*"), r"<em>\1</em>"),
    (re.compile(r"\[([^\]]+)\]\((https://[^)\s]+)\)"), r'<a href="\2" target="_blank" rel="noopener">\1</a>'),
)


def show(markdown: str) -> None:
    """Show a Markdown table; one of many columns so that it scrolls in a part of its own, and the page does not."""
    heads = cells(markdown.splitlines()[0])
    if len(heads) < WIDE:
        st.markdown(markdown)
    else:
        st.html(as_html(markdown))


def as_html(markdown: str) -> str:
    """A Markdown table in HTML, in a region that scrolls and takes the focus.

    Args:
        markdown: the lines of a table; bold, italic, code and links to https in its cells are understood.

    Returns:
        HTML; whatever else stands in a cell is escaped.
    """
    head, rule, *rows = map(cells, markdown.strip().splitlines())
    sides = [' class="right"' if mark.endswith(":") else "" for mark in rule]

    def line(row: list[str], tag: str) -> str:
        drawn = (f"<{tag}{side}>{_cell(text)}</{tag.split()[0]}>" for text, side in zip(row, sides, strict=False))
        return f"<tr>{''.join(drawn)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    label = html.escape(tr("Table: {columns}", columns=", ".join(filter(None, head))))
    return (
        f'{_STYLE}<div class="wide-table" role="region" tabindex="0" aria-label="{label}">'
        f'<table style="min-width: {NARROWEST * len(head) if len(head) > WIDE else 0}rem">'
        f"<thead>{line(head, 'th scope=col')}</thead><tbody>{body}</tbody></table></div>"
    )


def cells(row: str) -> list[str]:
    """The cells of a line of a Markdown table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]


def _cell(text: str) -> str:
    # What a backslash protects is kept out of sight of the signs of Markdown.
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(html.escape(match[1]))
        return f"\x00{len(kept) - 1}\x00"

    shown = html.escape(re.sub(r"\\([^\w\s])", hide, text), quote=False)
    for pattern, made in _SPANS:
        shown = pattern.sub(made, shown)
    return re.sub(r"\x00(\d+)\x00", lambda match: kept[int(match[1])], shown)

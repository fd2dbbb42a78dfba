"""A report as one HTML file that needs no other: styles and pictures are in it, and there is no script."""

from __future__ import annotations

from html import escape

from interface.batch.rows import data_url
from interface.components import score_bars
from interface.core import labels
from interface.report.document import NO_DECISIONS, PROGRAM, Document, Entry, Picture, scores_line

# Nothing is fetched and nothing runs, whatever a file was called.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root {color-scheme: light}
body {font: 1rem/1.5 "Source Sans 3", "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; color: #1d2733;
  background: #fff; max-width: 60rem; margin: 0 auto; padding: 1.5rem}
h1 {font-size: 1.25rem; margin: 0} h2 {font-size: 1.75rem; line-height: 1.2; margin: 0 0 0.25rem}
h3 {font-size: 1rem; margin: 1rem 0 0.25rem} p {margin: 0.25rem 0}
.name {color: #4a5a6a; overflow-wrap: anywhere} .status {font-weight: 600}
.notice {border-left: 4px solid #d1701a; background: #fdf3e9; padding: 0.5rem 0.75rem; margin: 1rem 0}
article + article, .compact article {border-top: 1px solid #c9d1d9}
article {padding: 1rem 0; break-inside: avoid}
.pictures {display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem; margin: 1rem 0}
.compact article {display: grid; grid-template-columns: 11rem 1fr; gap: 0 1.25rem}
.compact .words {grid-area: 1 / 2} .compact .pictures {grid-area: 1 / 1; display: block; margin: 0}
.compact h2 {font-size: 1.25rem}
figure {margin: 0} figure img {display: block; width: 100%; border-radius: 3px; background: #000}
figcaption, .small, dl {font-size: 0.875rem; color: #4a5a6a}
ul {margin: 0.75rem 0; padding-left: 1.25rem}
dl {display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; margin: 0.5rem 0}
dt {font-weight: 600} dd {margin: 0; overflow-wrap: anywhere}
table {border-collapse: collapse; margin: 0.5rem 0} td, th {padding: 0.15rem 1.5rem 0.15rem 0; text-align: left}
td:last-child {text-align: right; font-variant-numeric: tabular-nums}
.cxr-scores {margin: 0.75rem 0} .cxr-track, .cxr-track i {print-color-adjust: exact; -webkit-print-color-adjust: exact}
@media (max-width: 36rem) {
  .compact article, dl {display: block}
  .compact .pictures {width: 11rem} dd {margin-bottom: 0.4rem}
}
@page {margin: 15mm}
@media print {
  html {font-size: 9.5pt}
  body {max-width: none; padding: 0}
  .pictures {grid-template-columns: repeat(auto-fit, minmax(7cm, 1fr))}
  figure img {max-height: 11cm; object-fit: contain; object-position: left; background: none}
  .notice {background: none; border: 1px solid #1d2733}
}
"""


def html(document: Document) -> str:
    """Write a report.

    Args:
        document: what it says.

    Returns:
        The file.
    """
    title = escape(document.title)
    counts = ""
    if document.counts:
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{number}</td></tr>" for name, number in document.counts)
        counts = f'<table><thead><tr><th scope="col">Decision</th><th scope="col">Files</th></tr></thead>{rows}</table>'
    refused = ""
    if document.refused:
        lines = "".join(f"<li><b>{escape(name)}</b>: {escape(why)}</li>" for name, why in document.refused)
        refused = f"<section><h3>Refused: {len(document.refused)}</h3><ul>{lines}</ul></section>"
    explained = "".join(f"<h3>{escape(head)}</h3><p>{escape(text)}</p>" for head, text in document.explained)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="generator" content="{escape(PROGRAM)}">'
        f"<title>{title}</title>{score_bars.STYLE}<style>{_STYLE}</style></head>\n"
        f'<body class="{"compact" if document.compact else "full"}"><header><h1>{title}</h1>'
        f'<p class="small">Report made {escape(document.when)}</p>'
        f'<p class="notice" role="note"><b>{escape(labels.NOT_A_DEVICE)}</b> {NO_DECISIONS}</p></header>\n'
        f"<main>{counts}{''.join(map(_entry, document.entries))}{refused}</main>\n"
        f"<footer>{explained}{_facts(document.network)}</footer></body></html>\n"
    )


def _entry(entry: Entry) -> str:
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in entry.reasons)
    pictures = "".join(map(_figure, entry.pictures))
    return (
        f'<article><div class="words"><p class="name">{escape(entry.title)}</p>'
        f'<h2>{escape(entry.headline)}</h2><p class="status">Class: {escape(entry.status)}</p>'
        f"{_scores(entry)}<ul>{reasons}</ul>{_facts(entry.facts)}</div>"
        f'<div class="pictures">{pictures}</div></article>\n'
    )


def _scores(entry: Entry) -> str:
    if entry.point is None:
        return f"<p>{escape(scores_line(entry))}</p>"
    # The style stands once, in the head.
    return score_bars.scores(entry.scores, entry.positive, entry.point.threshold, entry.margin).removeprefix(
        score_bars.STYLE
    )


def _figure(picture: Picture) -> str:
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return f'<figure><img src="{data_url(picture.data)}" alt="{escape(picture.alt)}">{caption}</figure>'


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts) + "</dl>"

"""Writes the table of figures in the README from the shipped bundle's card: `python -m scripts.readme_figures`."""

from __future__ import annotations

from pathlib import Path

from model.evaluation.render.tables import with_block
from model.reading.card import DEFAULT_BUNDLE, Card, read_card

README = Path(__file__).resolve().parents[1] / "README.md"
MARK = "figures: written by scripts/readme_figures.py"


def table(card: Card) -> str:
    """The card's figures as a Markdown table, those of sources that were never trained on first."""
    lines = ["| Pictures | What | Figure (95 % interval) | n |", "| --- | --- | --- | --- |"]
    for role in ("choice", "external", "internal"):
        lines += [
            f"| {f.set} | {f.metric}: {f.what} | {f.value:.2f} ({f.low:.2f} to {f.high:.2f}) | {f.n} |"
            for f in card.figures
            if f.role == role
        ]
    return "\n".join(lines)


def with_table(text: str, card: Card) -> str:
    """The README's text with the table between its two marks."""
    return with_block(text, MARK, table(card))


def main() -> None:
    """Bring the README up to date."""
    text = README.read_text(encoding="utf-8")
    README.write_text(with_table(text, read_card(DEFAULT_BUNDLE)), encoding="utf-8")


if __name__ == "__main__":
    main()

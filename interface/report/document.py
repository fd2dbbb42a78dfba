"""The parts of a report, whatever it is written as."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from interface.components import score_bars
from interface.core import labels
from model import __version__
from model.reading.card import OperatingPoint

PROGRAM = f"Chest X-ray reader {__version__}"
NO_DECISIONS = "It must not decide how a person is treated."


@dataclass(frozen=True)
class Picture:
    """A picture of a report.

    Attributes:
        data: JPEG.
        alt: what it shows, with the result.
        caption: under it.
    """

    data: bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Entry:
    """One reading.

    Attributes:
        title: the file's name, or a number where names are left out.
        headline: the decision about the positive class.
        status: the class in a sentence.
        scores: by class, the positive one first.
        positive: the class that the operating point is about.
        point: the operating point that was applied; None where the loaded bundle has it no more.
        margin: readings nearer to it than this, in log-odds, are uncertain.
        reasons: and notes, in sentences.
        pictures: the picture and its overlay.
        facts: further figures with their names.
    """

    title: str
    headline: str
    status: str
    scores: dict[str, float]
    positive: str
    point: OperatingPoint | None
    margin: float
    reasons: tuple[str, ...]
    pictures: tuple[Picture, ...]
    facts: tuple[tuple[str, str], ...]

    @property
    def legend(self) -> str:
        """What the marks on the bar of the positive class mean, in numbers."""
        if self.point is None:
            return ""
        low, high = score_bars.uncertain_band(self.point.threshold, self.margin)
        return (
            f"Orange line: the operating point, {labels.score(self.point.threshold)}. Hatched: from "
            f"{labels.score(low)} to {labels.score(high)} {labels.class_name(self.positive)} is called uncertain."
        )


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: of all of it.
        entries: the readings.
        refused: names of files that were not read, with the reasons.
        counts: decisions and how often each was made; empty for a report of one or two pictures.
        network: facts about what read them.
        explained: headings and paragraphs of what a reading is and is not.
        made: when, in coordinated universal time.
        compact: many readings with small pictures.
    """

    title: str
    entries: tuple[Entry, ...]
    refused: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, int], ...]
    network: tuple[tuple[str, str], ...]
    explained: tuple[tuple[str, str], ...]
    made: datetime
    compact: bool

    @property
    def when(self) -> str:
        """The time in words."""
        return f"{self.made:%Y-%m-%d %H:%M} UTC"


def one_line(text: object) -> str:
    """Text of a stranger without what could break a line, turn the direction of writing or be no character at all."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(str(text).split()))


def scores_line(entry: Entry) -> str:
    """The scores of a reading in one line."""
    return labels.scores_line(entry.scores)

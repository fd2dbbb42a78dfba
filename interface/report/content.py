"""What a report of one or several readings says, before it becomes HTML or PDF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from interface.batch.rows import Row
from interface.components import presentation
from interface.components.images import jpeg
from interface.core import labels, operating_point
from interface.core.session import Read
from interface.report.document import PROGRAM, Document, Entry, Picture, one_line
from model.reading import heatmap, names
from model.reading.card import Card
from model.reading.decision import Finding, finding
from model.reading.reader import DOUBTFUL, leading

NO_TAGS = (
    "Nothing was copied from a DICOM file's tags: no name, number, birth date or hospital of a patient. Letters that "
    "are part of a picture are still part of it here."
)
NAMED = "The files are called here as they were when they were uploaded, because the box for it was ticked."
NOT_NAMED = "Names of files were left out."


def of_readings(items: Sequence[Read], chosen: str, card: Card, made: datetime, *, named: bool) -> Document:
    """The report of what the first page shows.

    Args:
        items: one picture, or two that are compared, decided at the operating point of the session.
        chosen: the class whose heatmap is shown.
        card: of the bundle that read them.
        made: now, in coordinated universal time.
        named: call the files by their names.

    Returns:
        The report.
    """
    entries = []
    for number, item in enumerate(items, 1):
        reading = item.reading
        record = reading.to_dict() | {"scores": reading.scores}
        caption, alt = presentation.describe(reading, chosen)
        bare = Picture(jpeg(item.picture), "The radiograph as it was uploaded", "The picture")
        if heatmap.evidence(presentation.class_map(reading, chosen)) is None:
            shown = [Picture(bare.data, alt, caption)]
        else:
            coloured = jpeg(presentation.overlaid(item, chosen))
            shown = [bare, Picture(coloured, alt, f"{caption}.{_in_lungs(item, chosen)}")]
        entries.append(_entry(_name(item.name, number, named), record, card, reading.doubtful, shown))
    title = "Chest X-ray reading" if len(entries) == 1 else f"Chest X-ray readings: {len(entries)} pictures"
    return _document(title, entries, (), card, made, named=named, compact=False)


def of_batch(rows: Iterable[Row], card: Card, made: datetime, *, named: bool) -> Document:
    """The report of a batch.

    Args:
        rows: of the files that are done.
        card: of the bundle that read them.
        made: now, in coordinated universal time.
        named: call the files by their names.

    Returns:
        The report, with the refused files at its end.
    """
    entries, refused = [], []
    for number, row in enumerate(rows, 1):
        name = _name(row.name, number, named)
        if row.refused:
            refused.append((name, " ".join(map(one_line, row.reading.reasons))))
            continue
        shown = labels.class_name(leading(row.record["decision"], row.record["scores"]))
        alt = f"{_finding(row.record, card).headline}; the radiograph with the heatmap for {shown}"
        pictures = [Picture(row.tile, alt, f"Heatmap for {shown}")]
        entries.append(_entry(name, row.record, card, row.reading.doubtful, pictures))
    total = len(entries) + len(refused)
    title = f"Chest X-ray readings: {total} {'file' if total == 1 else 'files'}"
    return _document(title, entries, refused, card, made, named=named, compact=True)


def _entry(title: str, record: dict[str, Any], card: Card, doubtful: bool, pictures: Sequence[Picture]) -> Entry:
    verdict, scores = _finding(record, card), record["scores"]
    point = card.points.get(record["operating_point"])
    chosen_how = f": {one_line(names.point_choice(point.name, point.how))}" if point and point.how else ""
    return Entry(
        title=title,
        headline=str(verdict.headline),
        status=str(verdict.sentence),
        scores={name: scores[name] for name in sorted(scores, key=lambda name: name != card.positive)},
        positive=card.positive,
        point=point,
        margin=card.margin * (DOUBTFUL if doubtful else 1),
        reasons=tuple(map(one_line, record["reasons"])),
        pictures=tuple(pictures),
        facts=(
            ("Operating point", one_line(operating_point.label(record["operating_point"])) + chosen_how),
            ("Read by", one_line(f"{record['bundle']}, in {labels.duration(record['seconds'])}")),
            ("SHA-256 of the file", record["sha256"]),
        ),
    )


def _finding(record: dict[str, Any], card: Card) -> Finding:
    return finding(record["decision"], record["scores"], card, record["operating_point"])


def _document(
    title: str,
    entries: Sequence[Entry],
    refused: Sequence[tuple[str, str]],
    card: Card,
    made: datetime,
    *,
    named: bool,
    compact: bool,
) -> Document:
    counts = Counter(entry.headline for entry in entries) | Counter({"Refused": len(refused)} if refused else {})
    return Document(
        title=title,
        entries=tuple(entries),
        refused=tuple(refused),
        counts=tuple(counts.most_common()) if compact else (),
        network=(
            ("Network", one_line(f"{card.name}, version {card.version}")),
            ("SHA-256 of the network", one_line(card.sha256)),
            ("Program", PROGRAM),
        ),
        explained=(*_plain_score(), ("The heatmap", presentation.HEATMAP_IS), ("Patient data", _privacy(named))),
        made=made,
        compact=compact,
    )


def _privacy(named: bool) -> str:
    return f"{NO_TAGS} {NAMED if named else NOT_NAMED}"


def _plain_score() -> list[tuple[str, str]]:
    """The page's words on the score without their Markdown."""
    notes = []
    for paragraph in presentation.SCORE_IS.split("\n\n"):
        title, _, text = paragraph.removeprefix("**").partition("** ")
        notes.append((title.rstrip("."), text.replace("*", "")))
    return notes


def _name(name: str, number: int, named: bool) -> str:
    return one_line(name) if named else f"Picture {number}"


def _in_lungs(item: Read, chosen: str) -> str:
    strength, lungs = heatmap.evidence(presentation.class_map(item.reading, chosen)), item.reading.lungs
    if strength is None or lungs is None:
        return ""
    share = lungs.share_inside(strength, strict=True)
    return f" The lungs have {labels.percent(share)} of it and {labels.percent(lungs.area)} of the picture."

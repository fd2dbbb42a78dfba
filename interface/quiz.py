"""A quiz: the student reads first, then sees the network's reading and the label; kept in the session alone."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath

import numpy as np

from interface import session
from interface.language import mark, tr
from interface.pictures import jpeg
from interface.sentences import said as translated
from interface.shelf import Refused
from interface.words import NAMES, class_name
from model.inference import rendering
from model.inference.radiograph import Unreadable
from model.inference.reader import Reader, leading
from model.inference.report import no_formula

# A lesson's worth; each keeps two small JPEG pictures, about 0.3 MB.
MOST_QUESTIONS = 40
PLACES = (
    mark("nowhere"),
    mark("upper left"),
    mark("upper right"),
    mark("lower left"),
    mark("lower right"),
    mark("all over"),
)
WRONG_COLUMNS = mark("a table of labels has the columns name and label; this one has others.")
Load = Callable[[], bytes]


@dataclass(frozen=True)
class Question:
    """A picture with its label and what the network made of it.

    Attributes:
        name: the file's own.
        label: its class, as the teacher says.
        picture, overlay: JPEG; the second with the heatmap of the network's class.
        network: the class that stands for the network's reading.
        decision: the network's decision, which may be "uncertain".
        scores: calibrated, by class.
        aided: whether the student sees the network's reading before giving an own one.
    """

    name: str
    label: str
    picture: bytes
    overlay: bytes
    network: str
    decision: str
    scores: dict[str, float]
    aided: bool


@dataclass(frozen=True)
class Answer:
    """What the student said: the class, how sure from 0 to 1, and where on the picture (one of `PLACES`)."""

    question: Question
    said: str
    sure: float
    place: str

    @property
    def right(self) -> bool:
        """Whether it is the teacher's label."""
        return self.said == self.question.label


@dataclass
class Quiz:
    """Questions in their order, and the answers so far."""

    questions: list[Question] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def current(self) -> Question | None:
        """The question to answer; None when all are."""
        return self.questions[len(self.answers)] if len(self.answers) < len(self.questions) else None


def build(
    files: Iterable[tuple[str, Load]], reader: Reader, seed: int, said: Callable[[str], None] = lambda _: None
) -> tuple[Quiz, list[str]]:
    """Read the pictures that have a label.

    A label comes from a CSV file with the columns name and label, or else from the folder that a picture lies in.
    Every second question, drawn by the seed, is aided: the network's reading is shown first.

    Args:
        files: names, and functions that give the content.
        reader: of the loaded bundle.
        seed: of the order.
        said: is told the name of each picture before it is read.

    Returns:
        The quiz, and a sentence for each file that is not in it.
    """
    classes = reader.bundle.card.classes
    known = {name.lower(): name for name in classes} | {class_name(name).lower(): name for name in classes}
    known |= {NAMES[name.lower()].lower(): name for name in classes if name.lower() in NAMES}
    pictures: list[tuple[str, Load]] = []
    labels: dict[str, str] = {}
    problems: list[str] = []
    for name, load in files:
        if name.lower().endswith(".csv"):
            try:
                labels |= read_labels(load())
            except (Unreadable, ValueError) as error:
                problems.append(f"{name}: {translated(str(error))}")
        else:
            pictures.append((name, load))
    random.Random(seed).shuffle(pictures)
    quiz = Quiz()
    for name, load in pictures:
        path = PurePosixPath(name.replace("\\", "/"))
        label = known.get(labels.get(path.name, path.parent.name).lower())
        if label is None:
            problems.append(
                tr(
                    "{file} has no label that this network knows ({labels}): name it in a CSV file with the columns "
                    "name and label, or put it into a folder with the class' name.",
                    file=name,
                    labels=", ".join(map(class_name, classes)),
                )
            )
        elif len(quiz.questions) == MOST_QUESTIONS:
            problems.append(
                tr("{file} was left out: a quiz has {most} questions at most.", file=name, most=MOST_QUESTIONS)
            )
        else:
            said(name)
            made = _question(name, label, load, reader, aided=(len(quiz.questions) + seed) % 2 == 0)
            if isinstance(made, Question):
                quiz.questions.append(made)
            else:
                problems.append(f"{name}: {translated(made.error)}")
    return quiz, problems


def read_labels(data: bytes) -> dict[str, str]:
    """File names -> labels.

    Args:
        data: a CSV file with the columns name (or path) and label.

    Returns:
        The labels by the names without folders.

    Raises:
        ValueError: it has other columns, or is no text.
    """
    rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    columns = {column.strip().lower(): column for column in rows.fieldnames or []}
    name = columns.get("name") or columns.get("path") or columns.get("file")
    if name is None or "label" not in columns:
        raise ValueError(WRONG_COLUMNS)
    return {PurePosixPath((row[name] or "").replace("\\", "/")).name: (row[columns["label"]] or "") for row in rows}


def _question(name: str, label: str, load: Load, reader: Reader, *, aided: bool) -> Question | Refused:
    item = session.read(name, load, reader)
    if isinstance(item, Refused):
        return item
    reading = item.reading
    network = leading(reading.decision, reading.scores)
    overlay = rendering.overlay(item.picture, reading.maps[:, :, reading.classes.index(network)])
    return Question(
        name, label, jpeg(item.picture), jpeg(overlay), network, reading.decision, dict(reading.scores), aided
    )


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    right: int
    of: int

    def __str__(self) -> str:
        """In words, with the percentage where there is one."""
        told = tr("{right} of {all}", right=self.right, all=self.of)
        return told + (f" ({self.right / self.of:.0%})" if self.of else "")


@dataclass(frozen=True)
class Summary:
    """What a student can learn from the answers.

    Attributes:
        student, network: right answers.
        alone, aided: right answers of the student without and with the network's reading shown first.
        followed: of aided questions that the network had wrong, those where the student said the same
            (automation bias: Goddard et al. 2012, doi:10.1136/amiajnl-2011-000089).
        student_brier, network_brier: mean squared distance of how sure from whether right, 0 (best) to 1.
        bands: (how sure from, to, right answers) of the student.
    """

    student: Share
    network: Share
    alone: Share
    aided: Share
    followed: Share
    student_brier: float
    network_brier: float
    bands: tuple[tuple[float, float, Share], ...]


def summarise(answers: list[Answer]) -> Summary:
    """Compare the student with the network.

    Args:
        answers: one or more.

    Returns:
        The figures.
    """

    def share(of: list[Answer], hit: Callable[[Answer], bool] = lambda a: a.right) -> Share:
        return Share(sum(map(hit, of)), len(of))

    aided = [a for a in answers if a.question.aided]
    misled = [a for a in aided if a.question.network != a.question.label]
    sure = np.array([[a.sure, a.question.scores[a.question.network]] for a in answers])
    right = np.array([[a.right, a.question.network == a.question.label] for a in answers], float)
    brier = ((sure - right) ** 2).mean(axis=0)
    edges = (0.0, 0.6, 0.8, 1.0)
    bands = tuple(
        (low, high, share([a for a in answers if (a.sure > low or low == 0) and a.sure <= high]))
        for low, high in pairwise(edges)
    )
    return Summary(
        share(answers),
        share(answers, lambda a: a.question.network == a.question.label),
        share([a for a in answers if not a.question.aided]),
        share(aided),
        share(misled, lambda a: a.said == a.question.network),
        float(brier[0]),
        float(brier[1]),
        bands,
    )


def table(answers: list[Answer]) -> bytes:
    """The answers as CSV, to take home."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["name", "label", "said", "sure", "place", "network", "decision", "network_score", "network_first"])
    for a in answers:
        q = a.question
        row = [q.name, q.label, a.said, a.sure, a.place, q.network, q.decision, round(q.scores[q.network], 4), q.aided]
        writer.writerow([no_formula(cell) for cell in row])
    return buffer.getvalue().encode("utf-8")

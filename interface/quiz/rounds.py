"""A quiz: the student reads first, then sees the network's reading and the label; kept in memory alone."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from interface.components.images import jpeg
from interface.core.expiring import Expiring
from interface.core.labels import class_name
from interface.core.language import mark, tr
from interface.core.session import Refused
from interface.quiz.labels import read_labels
from interface.read import uploads
from model.errors import Unreadable
from model.reading import heatmap, names
from model.reading.reader import Reader, leading

# A lesson's worth; each keeps a JPEG picture of about 0.2 MB.
MOST_QUESTIONS = 40
NOWHERE = mark("nowhere")
PLACES = (
    NOWHERE,
    mark("upper left"),
    mark("upper right"),
    mark("lower left"),
    mark("lower right"),
    mark("all over"),
)
# Files that a sentence about several names.
MOST_NAMES = 5
Load = Callable[[], bytes]


@dataclass(frozen=True, eq=False)
class Question:
    """A picture with its label and what the network made of it.

    Attributes:
        name: the file's name.
        sha256: of the file.
        label: its class, as the teacher says.
        picture: JPEG, grey.
        class_map: (h, w) what each cell added to the logit of the network's class.
        network: the class that stands for the network's reading.
        decision: the network's decision, which may be "uncertain".
        scores: calibrated, by class.
        place: the quarter (of `PLACES`) where the heatmap is strongest.
        aided: whether the student sees the network's reading before giving an own one.
    """

    name: str
    sha256: str
    label: str
    picture: bytes
    class_map: NDArray[np.float32]
    network: str
    decision: str
    scores: dict[str, float]
    place: str
    aided: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, apart from a few hundred."""
        return len(self.picture) + self.class_map.nbytes


@dataclass(frozen=True)
class Answer:
    """What the student answered: the class, how sure from 0 to 1, and where on the picture ("" or one of `PLACES`)."""

    question: Question
    choice: str
    sure: float
    place: str = ""

    @property
    def right(self) -> bool:
        """Whether it is the teacher's label."""
        return self.choice == self.question.label


@dataclass
class Quiz:
    """Questions in their order, and the answers so far.

    Attributes:
        questions: of this round.
        answers: to the first of them.
        problems: a sentence for each file that is not in it.
    """

    questions: list[Question] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def current(self) -> Question | None:
        """The question to answer; None when all are."""
        return self.questions[len(self.answers)] if len(self.answers) < len(self.questions) else None

    @property
    def missed(self) -> list[Answer]:
        """The answers that are not the label."""
        return [answer for answer in self.answers if not answer.right]

    def answer(self, answer: Answer) -> None:
        """Add an answer to the current question; one to another question came twice, from a second window."""
        if answer.question is self.current:
            self.answers.append(answer)


# An hour of a quiz that nobody answers; the bytes are 30 to 200 rounds of ten.
SHARED: Expiring[Quiz] = Expiring(
    partial(secrets.token_urlsafe, 16), most=200, most_bytes=48_000_000, seconds=3600, evict=True
)


def build(
    files: Iterable[tuple[str, Load]],
    reader: Reader,
    seed: int | None,
    progress: Callable[[str], None] = lambda _: None,
    most: int = MOST_QUESTIONS,
) -> Quiz:
    """Read the pictures that have a label.

    A label comes from a CSV file with the columns name and label, or else from the folder that a picture lies in.
    Every second question, drawn by the seed, is aided: the network's reading is shown first.

    Args:
        files: names, and functions that give the content.
        reader: of the loaded bundle.
        seed: of the order; None keeps that of the files, and no question is aided.
        progress: is called with the name of each picture before it is read.
        most: questions.

    Returns:
        The quiz, with a sentence for each file that is not in it.
    """
    classes = reader.bundle.card.classes
    known = {name.lower(): name for name in classes} | {class_name(name).lower(): name for name in classes}
    known |= {str(names.class_name(name)).lower(): name for name in classes}
    pictures, labels, problems = _sorted_out(files)
    if seed is not None:
        random.Random(seed).shuffle(pictures)
    quiz = Quiz()
    unknown, left_out = [], []
    for name, load in pictures:
        label = known.get(labels.get(_path(name).name, _path(name).parent.name).strip().lower())
        if label is None:
            unknown.append(name)
        elif len(quiz.questions) == most:
            left_out.append(name)
        else:
            progress(name)
            aided = seed is not None and (len(quiz.questions) + seed) % 2 == 0
            made = _question(name, label, load, reader, aided=aided)
            if isinstance(made, Question):
                quiz.questions.append(made)
            else:
                problems.append(f"{name}: {tr(made.error)}")
    if unknown:
        problems.append(
            tr(
                "Without a label that this network knows ({labels}): {files}. Name each in a CSV file with the columns "
                "name and label, or put it into a folder with the class' name.",
                labels=", ".join(classes),
                files=_some(unknown),
            )
        )
    if left_out:
        problems.append(
            tr("There is room for {most} pictures at most; left out: {files}.", most=most, files=_some(left_out))
        )
    quiz.problems = problems
    return quiz


def _sorted_out(files: Iterable[tuple[str, Load]]) -> tuple[list[tuple[str, Load]], dict[str, str], list[str]]:
    """The pictures, the labels of the tables by name, and what is wrong with either."""
    pictures: list[tuple[str, Load]] = []
    labels: dict[str, str] = {}
    problems: list[str] = []
    for name, load in files:
        if name.lower().endswith(".csv"):
            try:
                labels |= read_labels(load())
            except (Unreadable, ValueError) as error:
                problems.append(f"{name}: {tr(error.message if isinstance(error, Unreadable) else str(error))}")
        else:
            pictures.append((name, load))
    absent = labels.keys() - {_path(name).name for name, _ in pictures}
    if not pictures:
        problems.append(tr("There is no picture among these files: choose the radiographs together with their table."))
    elif absent:
        problems.append(tr("Named in the table, but not among the pictures: {files}.", files=_some(sorted(absent))))
    return pictures, labels, problems


def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))


def _some(names: Sequence[str]) -> str:
    listed = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return tr("{files} and {count} more", files=listed, count=more) if more > 0 else listed


def _question(name: str, label: str, load: Load, reader: Reader, *, aided: bool) -> Question | Refused:
    item = uploads.read(name, load, reader)
    if isinstance(item, Refused):
        return item
    reading = item.reading
    network = leading(reading.decision, reading.scores)
    # A copy: a view would keep the maps of all classes.
    class_map = reading.maps[:, :, reading.classes.index(network)].copy()
    return Question(
        name,
        reading.sha256,
        label,
        jpeg(item.picture),
        class_map,
        network,
        reading.decision,
        dict(reading.scores),
        strongest(class_map),
        aided,
    )


def strongest(class_map: NDArray[np.float32]) -> str:
    """The quarter of a picture where a class' map is strongest.

    Args:
        class_map: (h, w) what each cell added to the logit.

    Returns:
        One of `PLACES`; "nowhere" if no cell speaks for the class. Where the strongest cell lies in the middle row or
        column, the side with more of the evidence decides.
    """
    heat = heatmap.evidence(class_map)
    if heat is None:
        return NOWHERE
    row, column = divmod(int(heat.argmax()), heat.shape[1])
    upper = _first_half(heat.sum(axis=1), row)
    left = _first_half(heat.sum(axis=0), column)
    return f"{'upper' if upper else 'lower'} {'left' if left else 'right'}"


def _first_half(sums: NDArray[np.float32], index: int) -> bool:
    beyond = len(sums) - 1 - index
    if index == beyond:
        return bool(sums[:index].sum() >= sums[index + 1 :].sum())
    return index < beyond

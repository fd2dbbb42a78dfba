"""What the answers of a quiz say about the student, the network, and the two together."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from interface.core.labels import percent
from interface.core.language import tr
from interface.quiz.rounds import Answer
from model.cli.writers import no_formula

COLUMNS = ("name", "label", "said", "sure", "place", "network", "decision", "network_score", "network_place",
           "network_first")  # fmt: skip


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    right: int
    of: int

    def __str__(self) -> str:
        """In words, with the percentage; a dash where there was nothing to count."""
        if not self.of:
            return "–"
        return f"{tr('{right} of {all}', right=self.right, all=self.of)} ({percent(self.right / self.of)})"


@dataclass(frozen=True)
class Summary:
    """What a student can learn from the answers; pairs are the student's and the network's.

    Attributes:
        all, alone, aided: right answers; in all questions, and in those with the network's reading shown afterwards
            and first.
        followed: of aided questions that the network had wrong, those where the student said the same
            (automation bias: Goddard et al. 2012, doi:10.1136/amiajnl-2011-000089).
        sure: mean of how sure, 0 to 1.
        brier: mean squared distance of how sure from whether right, 0 (best) to 1.
        bands: (how sure from, to, right answers).
    """

    all: tuple[Share, Share]
    alone: tuple[Share, Share]
    aided: tuple[Share, Share]
    followed: Share
    sure: tuple[float, float]
    brier: tuple[float, float]
    bands: tuple[tuple[float, float, tuple[Share, Share]], ...]


def summarise(answers: list[Answer]) -> Summary:
    """Compare the student with the network.

    Args:
        answers: one or more.

    Returns:
        The figures.
    """
    sure = np.array([[a.sure, a.question.scores[a.question.network]] for a in answers])
    right = np.array([[a.right, a.question.network == a.question.label] for a in answers])
    aided = np.array([a.question.aided for a in answers])
    same = np.array([a.choice == a.question.network for a in answers])
    misled = aided & ~right[:, 1]

    def shares(among: NDArray[np.bool_]) -> tuple[Share, Share]:
        mine, its = (Share(int((right & among)[:, who].sum()), int(among[:, who].sum())) for who in (0, 1))
        return mine, its

    def of_questions(among: NDArray[np.bool_]) -> tuple[Share, Share]:
        return shares(np.column_stack([among, among]))

    def means(values: NDArray[np.float64]) -> tuple[float, float]:
        mine, its = values.mean(axis=0)
        return float(mine), float(its)

    return Summary(
        of_questions(aided | ~aided),
        of_questions(~aided),
        of_questions(aided),
        Share(int((misled & same).sum()), int(misled.sum())),
        means(sure),
        means((sure - right) ** 2),
        tuple((low, high, shares((sure > low) & (sure <= high))) for low, high in pairwise((0.0, 0.6, 0.8, 1.0))),
    )


def table(answers: list[Answer]) -> bytes:
    """The answers as CSV, to take home."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for a in answers:
        q = a.question
        row = [q.name, q.label, a.choice, a.sure, a.place, q.network, q.decision, round(q.scores[q.network], 4)]
        writer.writerow([no_formula(cell) for cell in [*row, q.place, q.aided]])
    return buffer.getvalue().encode("utf-8")

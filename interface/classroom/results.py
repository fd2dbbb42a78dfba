"""A class against the network: accuracy, calibration, and how many the network's answer pulled along."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from interface.classroom.rooms import Ballot, Phase
from interface.quiz.rounds import Question
from interface.quiz.score import Share
from model.cli.writers import no_formula

COLUMNS = ("picture", "name", "label", "student", "vote", "class", "sure", "network", "decision", "network_score")
ROUND_NAMES = {Phase.BEFORE: "before", Phase.AFTER: "after"}
BANDS = (0.0, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Voter:
    """How the votes of one kind, or the network, did.

    Attributes:
        right: votes that are the label.
        sure: mean of how sure, 0 to 1; None without votes.
        brier: mean squared distance of how sure from whether right (Brier 1950), 0 (best) to 1; None without votes.
        bands: (how sure above, up to, right votes among them).
    """

    right: Share
    sure: float | None
    brier: float | None
    bands: tuple[tuple[float, float, Share], ...]


@dataclass(frozen=True)
class Pull:
    """What the network's answer did to those who voted before and after it.

    Attributes:
        voted_twice: votes of one student on one picture, before and after.
        differed: of them, those that were not the network's class before.
        followed: of those that differed, how many took the network's class.
        misled: of those that followed, how many were right before and wrong after.
        helped: of those that followed, how many were wrong before and right after.
    """

    voted_twice: int
    differed: int
    followed: int
    misled: int
    helped: int


@dataclass(frozen=True)
class Summary:
    """The result of a lesson.

    Attributes:
        before, after: the class, before and after the network's answer was shown.
        network: on the pictures on which anybody voted.
        pull: what its answer did.
        pictures: for each of those pictures its index and the right votes before and after.
    """

    before: Voter
    after: Voter
    network: Voter
    pull: Pull
    pictures: tuple[tuple[int, Share, Share], ...]


def summarise(pictures: Sequence[Question], ballots: Sequence[Ballot]) -> Summary:
    """Compare the class with the network.

    Args:
        pictures: of the room.
        ballots: all votes.

    Returns:
        The figures.
    """
    shown = sorted({ballot.index for ballot in ballots})
    before, after = ([ballot for ballot in ballots if ballot.phase is phase] for phase in (Phase.BEFORE, Phase.AFTER))

    def right(ballot: Ballot) -> bool:
        return ballot.vote.name == pictures[ballot.index].label

    def voter(chosen: list[Ballot]) -> Voter:
        return _voter([(ballot.vote.sure, right(ballot)) for ballot in chosen])

    def share(chosen: list[Ballot], index: int) -> Share:
        votes = [right(ballot) for ballot in chosen if ballot.index == index]
        return Share(sum(votes), len(votes))

    return Summary(
        voter(before),
        voter(after),
        _voter([(_score(pictures[index]), pictures[index].network == pictures[index].label) for index in shown]),
        _pull(pictures, before, after),
        tuple((index, share(before, index), share(after, index)) for index in shown),
    )


def table(pictures: Sequence[Question], ballots: Sequence[Ballot]) -> bytes:
    """All votes as CSV; students are numbers in the order in which they came."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for ballot in ballots:
        picture = pictures[ballot.index]
        row = (
            ballot.index + 1,
            picture.name,
            picture.label,
            ballot.student,
            ROUND_NAMES[ballot.phase],
            ballot.vote.name,
            ballot.vote.sure,
            picture.network,
            picture.decision,
            round(_score(picture), 4),
        )
        writer.writerow([no_formula(cell) for cell in row])
    return buffer.getvalue().encode("utf-8")


def _score(picture: Question) -> float:
    return picture.scores[picture.network]


def _voter(answers: list[tuple[float, bool]]) -> Voter:
    sure = np.array([confidence for confidence, _ in answers], float)
    right = np.array([correct for _, correct in answers], float)
    bands = []
    for low, high in pairwise(BANDS):
        inside = (sure > low) & (sure <= high)
        bands.append((low, high, Share(int(right[inside].sum()), int(inside.sum()))))
    return Voter(
        Share(int(right.sum()), len(right)),
        float(sure.mean()) if answers else None,
        float(((sure - right) ** 2).mean()) if answers else None,
        tuple(bands),
    )


def _pull(pictures: Sequence[Question], before: list[Ballot], after: list[Ballot]) -> Pull:
    later = {(ballot.index, ballot.student): ballot.vote.name for ballot in after}
    twice = [
        (pictures[ballot.index], ballot.vote.name, later[ballot.index, ballot.student])
        for ballot in before
        if (ballot.index, ballot.student) in later
    ]
    differed = [(picture, first, second) for picture, first, second in twice if first != picture.network]
    followed = [(picture, first) for picture, first, second in differed if second == picture.network]
    return Pull(
        len(twice),
        len(differed),
        len(followed),
        sum(first == picture.label for picture, first in followed),
        sum(picture.network == picture.label for picture, _ in followed),
    )

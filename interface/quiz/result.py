"""The end of a quiz: how the student did, alone, with the network and beside it."""

from __future__ import annotations

import streamlit as st

from interface.core import labels
from interface.core.language import tr
from interface.quiz import score
from interface.quiz.rounds import Answer
from interface.quiz.score import Summary


def show(answers: list[Answer]) -> None:
    """What the answers say.

    Args:
        answers: one or more.
    """
    outcome = score.summarise(answers)
    first, second, third = st.columns(3)
    first.metric(tr("You"), str(outcome.all[0]), border=True)
    second.metric(tr("The network"), str(outcome.all[1]), border=True)
    third.metric(tr("You followed its errors"), str(outcome.followed), border=True)
    st.markdown(labels.table([tr("Right answers"), tr("You"), tr("The network")], _rows(outcome)))
    st.markdown(
        tr(
            "**Did the network pull you along?** Its reading came first and was wrong in {wrong} of the questions; you "
            "gave the same wrong answer in {followed} of them.",
            wrong=outcome.followed.of,
            followed=outcome.followed.right,
        )
        if outcome.followed.of
        else tr(
            "**Did the network pull you along?** Where its reading came first it was never wrong, so this quiz cannot "
            "tell."
        )
    )
    st.markdown(
        tr(
            "**How well did you know what you know?** On average you were {sure} sure and right in {right} of the "
            "questions; the network {its_sure} and {its_right}. The Brier score, the mean squared distance between how "
            "sure and whether right, is {yours} for you and {network} for the network (0 is best; always saying "
            "50% gives 0.25). With few questions these figures depend largely on chance.",
            sure=labels.percent(outcome.sure[0]),
            right=labels.percent(outcome.all[0].right / outcome.all[0].of),
            its_sure=labels.percent(outcome.sure[1]),
            its_right=labels.percent(outcome.all[1].right / outcome.all[1].of),
            yours=labels.decimal(outcome.brier[0]),
            network=labels.decimal(outcome.brier[1]),
        )
    )


def _rows(outcome: Summary) -> list[list[str]]:
    lines = [
        (tr("Its reading shown afterwards"), outcome.alone),
        (tr("Its reading shown first"), outcome.aided),
    ]
    for low, high, shares in outcome.bands:
        between = {"low": labels.percent(low), "high": labels.percent(high)}
        row = tr("Over {low} to {high} sure", **between) if low else tr("Up to {high} sure", **between)
        lines.append((row, shares))
    return [[row, str(yours), str(its)] for row, (yours, its) in lines if yours.of or its.of]

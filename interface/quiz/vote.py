"""What a person answers to a picture, in a quiz and in a classroom: a class, and how sure."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from interface.core import labels
from interface.core.language import tr


def steps_of_confidence(classes: Sequence[str]) -> list[float]:
    """How sure a person can say to be, from a guess among the classes up."""
    guess = round(1 / len(classes), 2)
    return [guess, *(step for step in (0.5, 0.7, 0.85, 0.95) if step > guess)]


def widgets(classes: Sequence[str], key: str) -> tuple[str | None, float | None]:
    """Ask for both, with nothing chosen before; for use in a form.

    Args:
        classes: of the network.
        key: tells the widgets of several pictures apart.

    Returns:
        The class and how sure, 0 to 1; None for what was not chosen.
    """
    names = {name: labels.class_name(name) for name in classes}
    name = st.radio(tr("What do you see?"), classes, None, format_func=names.__getitem__, key=f"{key}_class")
    steps = steps_of_confidence(classes)
    sure = st.segmented_control(
        tr("How sure are you?"),
        steps,
        wrap=True,
        format_func=lambda step: f"{labels.percent(step)} {tr('(a guess)') if step == steps[0] else ''}".strip(),
        key=f"{key}_sure",
    )
    return name, sure

"""What classes, decisions and operating points are called: one table for training, evaluation, pages and reports."""

from __future__ import annotations

import re

from model.messages import Code, Message

UNCERTAIN, REFUSED, NORMAL = "uncertain", "refused", "normal"
CLASSES = {
    "covid19": Code.COVID19,
    "covid": Code.COVID19,
    "other": Code.OTHER,
    NORMAL: Code.NORMAL,
    "positive": Code.POSITIVE,
    "negative": Code.NEGATIVE,
}
DECISIONS = {UNCERTAIN: Code.UNCERTAIN, REFUSED: Code.REFUSED}
_POINT = re.compile(r"(sensitivity|specificity)_(\d+)")
_POINT_NAMES = {"sensitivity": Code.POINT_SENSITIVITY, "specificity": Code.POINT_SPECIFICITY}
_POINT_CHOICES = {"sensitivity": Code.CHOSEN_SENSITIVITY, "specificity": Code.CHOSEN_SPECIFICITY}
_BALANCED = "balanced"


def class_name(name: str) -> Message | str:
    """A class as people read it; an unknown one with spaces and a capital.

    Args:
        name: as the card has it, such as "covid19".
    """
    code = CLASSES.get(name.lower())
    return Message(code) if code else _spaced(name)


def decision_name(decision: str) -> Message | str:
    """A reading's decision: a class, uncertain or refused."""
    code = DECISIONS.get(decision)
    return Message(code) if code else class_name(decision)


def point_name(name: str) -> Message | str:
    """An operating point as people read it: "sensitivity_95" is "Sensitivity 95%"."""
    if name == _BALANCED:
        return Message(Code.POINT_BALANCED)
    if match := _POINT.fullmatch(name):
        return Message(_POINT_NAMES[match[1]], share=int(match[2]))
    return _spaced(name)


def point_choice(name: str, stated: str = "") -> Message | str:
    """How an operating point was chosen.

    Args:
        name: as the card has it.
        stated: what the card says of it, which holds where the name is not one that training gives.
    """
    if name == _BALANCED:
        return Message(Code.CHOSEN_BALANCED)
    if match := _POINT.fullmatch(name):
        return Message(_POINT_CHOICES[match[1]], share=int(match[2]))
    return stated


def _spaced(name: str) -> str:
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]

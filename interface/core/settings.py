"""Numbers that whoever runs the server sets in its environment."""

from __future__ import annotations

import logging
import os

_LOG = logging.getLogger(__name__)


def number(name: str, default: float, least: float) -> float:
    """A setting from the environment.

    Args:
        name: of the variable.
        default: where it is not set, or is no number of at least `least`; the log says so then.
        least: the smallest that makes sense.

    Returns:
        The number.
    """
    given = os.environ.get(name)
    if given is None:
        return default
    try:
        value = float(given)
        if least <= value < float("inf"):
            return value
    except ValueError:
        pass
    _LOG.warning("%s must be a number of at least %g: taking %g", name, least, default)
    return default

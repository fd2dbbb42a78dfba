"""The language of a session: the address's (?lang=es), the one chosen here, the browser's, or English.

English is the source: pages write `tr("A sentence")`, and the catalogues in `interface/locale` hold the others. What
runs outside a session, such as the making of a report, speaks English.
"""

from __future__ import annotations

from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from interface.core import streamlit_internals
from model.messages import Message


class Signs(NamedTuple):
    """What a language writes in and after numbers."""

    decimal: str = "."
    thousands: str = ","
    before_percent: str = ""


ENGLISH = "en"
# Each by its own name, as those who look for it don't read the others.
LANGUAGES = {ENGLISH: "English", "es": "Español", "fr": "Français", "hi": "हिन्दी"}
FOLDER = Path(__file__).parents[1] / "locale"
DOMAIN = "reader"
QUERY = "lang"
# Decimal sign, between thousands, and before a percent sign (Unicode CLDR); English and Hindi are alike.
SIGNS = {"es": Signs(",", "\u00a0", "\u00a0"), "fr": Signs(",", "\u202f", "\u202f")}
# `_SPOKEN` is what this page is drawn in: some pages are there in English alone.
_KEPT, _SPOKEN = "language_kept", "language_spoken"


def mark(text: str) -> str:
    """Name a text for the catalogues where it is written down; `tr` translates it where it is shown."""
    return text


def tr(text: str | Message, **values: object) -> str:
    """A text in the language of the session.

    Args:
        text: in English, a constant or one that `mark` named; or what the reader says.
        values: for its {placeholders}; without any, braces stay.

    Returns:
        The translation, or the English where there is none.
    """
    if isinstance(text, Message):
        name = spoken()
        return text.text(lambda template: _translated(name, template), lambda number: localized(str(number)))
    translation = _translated(spoken(), text)
    return translation.format(**values) if values else translation


def ntr(singular: str, plural: str, count: int, **values: object) -> str:
    """The same for a text that depends on a number, which is its {count}.

    Args:
        singular: English for 1.
        plural: English for all other numbers.
        count: the number.
        values: for the other placeholders.

    Returns:
        The form that the language has for the number.
    """
    name = spoken()
    form = (
        (singular if count == 1 else plural) if name == ENGLISH else catalogue(name).ngettext(singular, plural, count)
    )
    return form.format(count=count, **values)


def signs() -> Signs:
    """What the language of the session writes in numbers."""
    return SIGNS.get(spoken(), Signs())


def localized(number: str) -> str:
    """A number with the signs of the language of the session.

    Args:
        number: as English has it, such as "1,234.5".
    """
    return "".join({".": signs().decimal, ",": signs().thousands}.get(sign, sign) for sign in number)


def spoken() -> str:
    """The language that the page at hand is drawn in; English where no page is.

    Like whatever draws, it raises StopException or RerunException where the visitor went away or clicked meanwhile.
    """
    if not streamlit_internals.in_script():
        return ENGLISH
    return str(st.session_state.get(_SPOKEN, ENGLISH))


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(name: str) -> GNUTranslations:
    """The translations of a language, read once a server; sessions share them, but never which one is spoken.

    Args:
        name: a key of `LANGUAGES`, not English.
    """
    with (FOLDER / name / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        return GNUTranslations(file)


def matching(tag: str | None) -> str | None:
    """Which of `LANGUAGES` a tag such as "es-MX" means (its first part: RFC 5646, section 2.2.1); None for others."""
    name = (tag or "").replace("_", "-").split("-")[0].lower()
    return name if name in LANGUAGES else None


def begin() -> str:
    """Settle the language of this run; app.py calls it before it draws.

    Returns:
        A key of `LANGUAGES`.
    """
    linked = st.query_params.get(QUERY)
    kept = matching(linked) or st.session_state.get(_KEPT)
    if kept:
        st.session_state[_KEPT] = kept
        # So that a link to the page carries it, also after a look at another page.
        if linked != kept:
            st.query_params[QUERY] = kept
    name = str(kept or matching(st.context.locale) or ENGLISH)
    st.session_state[_SPOKEN] = name
    return name


def in_english() -> None:
    """Draw what follows in English, and say so to those who read another language.

    For what has too much text about one network, or figures that change with each network.
    """
    if spoken() != ENGLISH:
        st.info(tr("The rest of this page is in English."), icon=":material/translate:")
        st.session_state[_SPOKEN] = ENGLISH


def keep(name: str) -> None:
    """Hold to a language for the rest of the session.

    Args:
        name: a key of `LANGUAGES`.
    """
    st.session_state[_KEPT] = name


def _translated(name: str, text: str) -> str:
    return text if name == ENGLISH else catalogue(name).gettext(text)

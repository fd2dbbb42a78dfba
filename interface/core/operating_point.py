"""The session's operating point: the one in the address (?op=NAME), the one chosen here, or the card's own."""

from __future__ import annotations

import streamlit as st

from interface.core import labels
from interface.core.language import tr
from model.reading import names
from model.reading.card import Card, OperatingPoint

QUERY = "op"
# Outlives the widget, which a look at another page takes away.
_KEPT = "operating_point"


def chosen(card: Card) -> str:
    """The operating point to decide at; it is kept in the address, so that a link to the page carries it.

    Args:
        card: of the loaded bundle.

    Returns:
        The name of one of the card's points.
    """
    linked = st.query_params.get(QUERY)
    if linked in card.points:
        st.session_state[_KEPT] = linked
    name = str(st.session_state.get(_KEPT))
    if name not in card.points:
        name = card.default_point
    if linked is not None and linked not in card.points:
        st.warning(
            tr(
                "The address asks for the operating point {linked}, which this network does not have; *{name}* is "
                "used.",
                linked=labels.plain(linked),
                name=labels.plain(label(name)),
            ),
            icon=":material/info:",
        )
    elif linked is None and name != card.default_point:
        st.query_params[QUERY] = name
    return name


def switch(card: Card, name: str) -> None:
    """Let the person choose another one, and say what it means.

    Args:
        card: with the points.
        name: the one in use.
    """
    if len(card.points) > 1:
        shown_names = {known: label(known) for known in card.points}
        st.session_state[QUERY] = name
        st.segmented_control(
            tr("Operating point"),
            list(shown_names),
            required=True,
            format_func=shown_names.__getitem__,
            key=QUERY,
            wrap=True,
            on_change=_keep,
            help=tr(
                "The score from which the headline says *present*. A lower one misses fewer and raises more false "
                "alarms. Switching it decides anew from the same scores: the network does not run again."
            ),
        )
    st.caption(meaning(card.point(name)))


def label(name: str) -> str:
    """A point's name as a person reads it: "sensitivity_95" is "Sensitivity 95%"."""
    return tr(names.point_name(name))


def meaning(point: OperatingPoint) -> str:
    """How a point was chosen and what was measured at it, as Markdown."""
    shares = []
    for name, figure in ((tr("sensitivity"), point.sensitivity), (tr("specificity"), point.specificity)):
        if figure is not None:
            shares.append(f"{name} {labels.number(figure.value, 2)}")
    measured = tr("; on the validation pictures: {figures}", figures=", ".join(shares)) if shares else ""
    how = tr(names.point_choice(point.name, point.how))
    return f"{labels.label(labels.stated(how, tr('No reason is stated')))}{measured}."


def _keep() -> None:
    st.session_state[_KEPT] = st.query_params[QUERY] = st.session_state[QUERY]

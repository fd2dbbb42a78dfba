"""Where the pictures of a quiz or a classroom come from: the cases, or a teacher's files with their labels."""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import partial

import streamlit as st

from interface.core import labels, page, streamlit_internals
from interface.core.language import mark, tr
from interface.gallery import cards, cases, store
from interface.gallery.download import Unfetched
from interface.gallery.store import Picture
from interface.quiz import rounds
from interface.quiz.rounds import Quiz
from model.reading.card import Card

OWN_FILES = mark(
    "Files or a ZIP, with a CSV file of the columns *name* and *label*, or sorted into folders with the class' name. "
    "Show only pictures that you may show: without names in them, and with their makers' consent."
)


def from_cases(place: str, card: Card, most: int, label: str, *, mixed: bool) -> Quiz | None:
    """Choose some of the cases, by default the ten of the built-in round, and fetch and read them at a click.

    Args:
        place: of the page, for the keys of its widgets.
        card: of the loaded bundle.
        most: pictures.
        label: of the button.
        mixed: as for `read`.

    Returns:
        What came of it after the click; None before.
    """
    known = {key: case for key, case in cases.by_key().items() if cards.CLASSES[case.label] in card.classes}
    default = [cases.key_of(case) for case in cases.chosen(cases.ROUND)]
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    with right.popover(tr("Which cases"), icon=":material/checklist:", width="stretch"):
        keys = st.multiselect(
            tr("Cases, in their order"),
            list(known),
            [key for key in default if key in known][:most],
            format_func=lambda key: known[key].title,
            max_selections=most,
            key=f"{place}_cases",
            on_change=_keep_in_address,
            args=(f"{place}_cases",),
            help=tr("The address of this page changes with your choice: it is the link to this set."),
        )
    if left.button(
        label,
        key=f"{place}_begin_cases",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=not keys,
        help=tr(cards.INTRODUCTION),
    ):
        files, problems = _fetched([known[key] for key in keys])
        return read(files, problems, most=most, mixed=mixed) if files else Quiz(problems=problems)
    return None


def from_files(place: str, card: Card, most: int, label: str, *, mixed: bool) -> Quiz | None:
    """Take a teacher's files and read them at a click.

    Args:
        place: of the page, for the keys of its widgets.
        card: of the loaded bundle.
        most: pictures.
        label: of the button.
        mixed: as for `read`.

    Returns:
        What came of it after the click; None before.
    """
    names = ", ".join(f"{labels.plain(name)} ({labels.plain(labels.class_name(name))})" for name in card.classes)
    count = f"{place}_uploads"
    files = streamlit_internals.received(
        st.file_uploader(
            tr("Radiographs with their labels: pictures and a CSV, or a ZIP"),
            accept_multiple_files=True,
            key=f"{place}_files_{st.session_state.setdefault(count, 0)}",
            help=tr(OWN_FILES),
        )
    )
    st.caption(tr(OWN_FILES) + " " + tr("Labels that this network knows: {labels}.", labels=names))
    if not files or not st.button(label, key=f"{place}_begin_files", icon=":material/play_arrow:"):
        return None
    try:
        return read(page.expand(files, folders=True), [], most=most, mixed=mixed)
    finally:
        streamlit_internals.forget_uploads(files)
        st.session_state[count] += 1


def read(files: Iterable[tuple[str, rounds.Load]], problems: list[str], *, most: int, mixed: bool) -> Quiz:
    """Read the pictures, and say on the page which one is read.

    Args:
        files: as `rounds.build` takes them.
        problems: sentences about files that could not be had.
        most: pictures.
        mixed: in an order by chance, with the network's reading first in every second question; else as they come.

    Returns:
        The quiz; without any question where no picture can be used.
    """
    with st.status(tr("Reading the pictures")) as status:
        quiz = rounds.build(
            files,
            page.reader_or_stop(),
            random.randrange(1_000_000) if mixed else None,
            lambda name: status.update(label=tr("Reading {file}", file=labels.plain(name))),
            most,
        )
    quiz.problems = list(dict.fromkeys([*problems, *quiz.problems]))
    return quiz


def show_problems(problems: Iterable[str]) -> None:
    """The sentences about files that are not among the pictures."""
    if lines := [labels.plain(problem) for problem in problems]:
        st.warning("\n\n".join(lines), icon=":material/info:")


def _fetched(pictures: list[Picture]) -> tuple[list[tuple[str, rounds.Load]], list[str]]:
    """The cases in folders with the class' name, and a sentence for what can't be had."""
    files: list[tuple[str, rounds.Load]] = []
    failures: dict[str, list[str]] = {}
    # All at once: a server without a network says so after one wait, not after ten.
    running = [store.SHARED.begin(picture) for picture in pictures]
    for fetching in running:
        picture = fetching.picture
        try:
            data = cards.wait(fetching)
        except Unfetched as error:
            failures.setdefault(tr(error.sentence, **error.values), []).append(picture.title)
        else:
            files.append((f"{cards.CLASSES[picture.label]}/{picture.name}", partial(bytes, data)))
    # Without a network one sentence, not one for each case.
    return files, [
        sentence if len(titles) == len(pictures) else f"{', '.join(titles)}: {sentence}"
        for sentence, titles in failures.items()
    ]


def _keep_in_address(key: str) -> None:
    st.query_params[cases.QUERY] = cases.SEPARATOR.join(st.session_state[key])

"""Quiz: read first, then see what the network made of it, and what the label is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import streamlit as st

from interface.core import labels, page
from interface.core.language import mark, tr
from interface.gallery import cards, store
from interface.gallery.download import Unfetched
from interface.gallery.store import Picture
from interface.quiz import result, rounds, score
from interface.quiz.rounds import Answer, Question, Quiz
from model.reading.card import Card

WIDTH = 960
HOW = mark(
    "Bring radiographs whose diagnosis you know: files or a ZIP, with a CSV file of the columns *name* and *label*, or "
    "sorted into folders with the class' name. You say what you see, how sure you are and where; then the network's "
    "reading and the label are shown. In half of the questions, drawn by chance, you see the network's reading "
    "**first**: at the end you see what that did to your answers. Nothing is stored on the server; take your answers "
    "home as a table."
)


def current() -> Quiz:
    """This session's quiz."""
    if "quiz" not in st.session_state:
        st.session_state.quiz = Quiz()
    found: Quiz = st.session_state.quiz
    return found


def bring(card: Card) -> None:
    """Take the teacher's pictures and labels."""
    st.markdown(tr(HOW))
    known = ", ".join(f"{labels.plain(name)} ({labels.plain(labels.class_name(name))})" for name in card.classes)
    st.caption(tr("Labels that this network knows: {labels}.", labels=known))
    files = page.still_there(
        st.file_uploader(
            tr("Radiographs with their labels: pictures and a CSV, or a ZIP"),
            accept_multiple_files=True,
            key=f"quiz_files_{st.session_state.setdefault('quiz_uploads', 0)}",
        )
    )
    if files and st.button(tr("Begin"), icon=":material/play_arrow:", key="quiz_begin"):
        begin(page.expand(files, folders=True), [], lambda: page.forget_uploads(files))
    public = cards.labelled(store.listed(), card.classes)
    if public and st.button(
        tr("Begin with public radiographs ({count})", count=len(public)),
        icon=":material/cloud_download:",
        key="quiz_public",
        help=tr(cards.INTRODUCTION),
    ):
        begin(*fetched(public))
    problems_of(st.session_state.get("quiz_problems", []))


def begin(
    files: Iterable[tuple[str, rounds.Load]], problems: list[str], done: Callable[[], None] = lambda: None
) -> None:
    """Read the pictures and ask the first question.

    Args:
        files: as `quiz.build` takes them.
        problems: that were met before.
        done: is called when all are read.
    """
    with st.status(tr("Reading the pictures")) as status:
        made, more = rounds.build(
            files,
            page.reader_or_stop(),
            random.randrange(1_000_000),
            lambda name: status.update(label=tr("Reading {file}", file=labels.plain(name))),
        )
    done()
    st.session_state.quiz_uploads += 1
    st.session_state.quiz, st.session_state.quiz_problems = made, [*problems, *more]
    st.rerun()


def fetched(public: list[tuple[str, Picture]]) -> tuple[list[tuple[str, rounds.Load]], list[str]]:
    """The gallery's pictures in folders with the class' name, and a sentence for each that can't be had."""
    files: list[tuple[str, rounds.Load]] = []
    problems = []
    for label, one in public:
        try:
            data = cards.wait(store.SHARED.begin(one))
        except Unfetched as error:
            problems.append(f"{one.title}: {tr(error.sentence, **error.values)}")
        else:
            files.append((f"{label}/{one.name}", partial(bytes, data)))
    return files, problems


def problems_of(problems: Sequence[str]) -> None:
    if problems:
        st.warning("\n\n".join(labels.plain(problem) for problem in problems), icon=":material/info:")


def ask(question: Question, number: int, of: int, classes: Sequence[str]) -> None:
    """One question; the network's reading first where it is aided."""
    progress(number, of)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        picture(question, f"asked_{number}", with_heatmap=question.aided)
    with right, st.form(f"quiz_{number}", border=True):
        if question.aided:
            st.info(tr("The network says: {reading}", reading=network_says(question)), icon=":material/smart_toy:")
        names = {name: labels.class_name(name) for name in classes}
        places = {place: tr(place) for place in rounds.PLACES}
        said = st.radio(tr("What do you see?"), classes, None, format_func=names.__getitem__)
        sure = st.slider(tr("How sure are you?"), 50, 100, 70, 5, format="%d %%")
        place = st.segmented_control(
            tr("Where, as you look at it?"),
            rounds.PLACES,
            default="nowhere",
            required=True,
            wrap=True,
            format_func=places.__getitem__,
        )
        if st.form_submit_button(tr("Answer"), width="stretch"):
            if said is None:
                st.error(tr("Choose what you see first."), icon=":material/error:")
            else:
                current().answers.append(Answer(question, said, sure / 100, place))
                st.session_state.quiz_shown = number
                st.rerun()


def progress(number: int, of: int) -> None:
    st.progress(number / of, tr("Question {number} of {count}", number=number + 1, count=of))


def network_says(question: Question) -> str:
    return f"{labels.decision_name(question.decision)} ({labels.scores_line(question.scores)})"


def picture(question: Question, place: str, *, with_heatmap: bool) -> None:
    """The picture; one with a heatmap can be seen without it, as the colours lie over what is to be read."""
    # Below the picture, so that no question is higher on the page than another.
    below = st.empty(), st.container()
    if with_heatmap:
        with_heatmap = below[1].toggle(tr("Heatmap"), True, key=f"quiz_heatmap_{place}")
    with below[0]:
        drawn(question, with_heatmap=with_heatmap)


def drawn(question: Question, *, with_heatmap: bool) -> None:
    if with_heatmap:
        st.image(
            question.overlay,
            tr("What speaks for {name}", name=labels.class_name(question.network)),
            "stretch",
            alt=tr("The radiograph with the network's heatmap for {name}", name=labels.class_name(question.network)),
        )
    else:
        st.image(question.picture, tr("The picture"), "stretch", alt=tr("The radiograph to read"))


def reveal(answer: Answer, number: int, of: int) -> None:
    """The label and the network's reading, after the answer."""
    question = answer.question
    progress(number, of)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        picture(question, f"shown_{number}", with_heatmap=True)
    with right:
        said = tr(
            "You said **{name}**, {sure} sure.", name=labels.class_name(answer.said), sure=labels.percent(answer.sure)
        )
        if answer.right:
            st.success(f"{said} {tr('That is the label.')}", icon=":material/check_circle:")
        else:
            label = tr("The label is **{name}**.", name=labels.class_name(question.label))
            st.error(f"{said} {label}", icon=":material/cancel:")
        st.markdown(tr("**The network:** {reading}", reading=network_says(question)))
        st.markdown(
            tr(
                "**Where:** you said *{yours}*; the heatmap is strongest *{its}*.",
                yours=tr(answer.place),
                its=tr(question.place),
            )
        )
        more = current().current is not None
        st.button(
            tr("Next") if more else tr("See the result"),
            key="quiz_next",
            on_click=go_on,
            width="stretch",
        )


def go_on() -> None:
    st.session_state.pop("quiz_shown", None)


def summary(answers: list[Answer]) -> None:
    """What the answers say, and a way to take them home."""
    result.show(answers)
    with st.container(horizontal=True):
        st.download_button(
            tr("Answers (CSV)"),
            lambda: score.table(answers),
            "answers.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button(tr("New quiz"), key="quiz_new", icon=":material/refresh:", on_click=forget)


def finish() -> None:
    """End with the questions that were answered."""
    quiz_here = current()
    quiz_here.questions = quiz_here.questions[: len(quiz_here.answers)]


def forget() -> None:
    """Begin anew."""
    for key in ("quiz", "quiz_shown", "quiz_problems"):
        st.session_state.pop(key, None)


page.through_app()
card = page.card_or_stop()
with st.container(width=WIDTH):
    st.title(tr("Quiz"))
    here = current()
    shown = st.session_state.get("quiz_shown")
    if not here.questions:
        bring(card)
    elif shown is not None:
        problems_of(st.session_state.get("quiz_problems", []) if shown == 0 else [])
        reveal(here.answers[shown], shown, len(here.questions))
    elif here.current is not None:
        problems_of(st.session_state.get("quiz_problems", []) if not here.answers else [])
        ask(here.current, len(here.answers), len(here.questions), card.classes)
        if here.answers:
            st.button(tr("End here and see the result"), key="quiz_finish", on_click=finish)
        else:
            st.button(tr("Give up this quiz"), key="quiz_stop", on_click=forget)
    else:
        summary(here.answers)

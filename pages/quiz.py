"""Quiz: read first, then see what the network made of it, and what the label is."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from interface.core import labels, page
from interface.core.expiring import Full
from interface.core.language import mark, tr
from interface.gallery import cases
from interface.quiz import gather, picture, result, rounds, score, vote
from interface.quiz.rounds import Answer, Question, Quiz
from model.reading.card import Card

QUERY = "quiz"
HOW = mark(
    "You say what you see, how sure you are and where; then the network's reading and the label are shown. In half of "
    "the questions, drawn by chance, you see the network's reading **first**: at the end you see what that did to your "
    "answers. The round is kept in the server's memory for an hour after your last answer, so a reload loses nothing; "
    "take your answers home as a table."
)


def current() -> Quiz:
    """The quiz of the address, or else the one that this session had before it looked at another page."""
    token = st.query_params.get(QUERY) or st.session_state.get("quiz_token")
    quiz = rounds.SHARED.get(token)
    if quiz is None:
        if QUERY in st.query_params:
            del st.query_params[QUERY]
            st.session_state.pop("quiz_token", None)
            st.warning(tr("That round is over: it was not used for an hour. Begin a new one."), icon=":material/info:")
        return Quiz()
    st.session_state.quiz_token = token
    if st.query_params.get(QUERY) != token:
        st.query_params[QUERY] = str(token)
    return quiz


def begin(quiz: Quiz | None) -> None:
    """Ask the first question of a quiz that was gathered."""
    if quiz is None:
        return
    if not quiz.questions:
        gather.show_problems(quiz.problems)
        return
    try:
        token = rounds.SHARED.put(quiz, sum(question.size for question in quiz.questions))
    except Full:
        st.error(tr("These pictures are too large together: choose fewer of them."), icon=":material/error:")
        return
    st.session_state.quiz_token = st.query_params[QUERY] = token
    st.query_params.pop(cases.QUERY, None)
    st.rerun()


def choose(card: Card) -> None:
    """The built-in round, or the teacher's pictures and labels."""
    st.markdown(tr(HOW))
    begin(gather.from_cases("quiz", card, rounds.MOST_QUESTIONS, tr("Begin with the cases"), mixed=True))
    st.subheader(tr("With your pictures"), anchor=False)
    begin(gather.from_files("quiz", card, rounds.MOST_QUESTIONS, tr("Begin"), mixed=True))
    st.page_link("pages/classroom.py", label=tr("With a whole class: the classroom"), icon=":material/co_present:")


def ask(quiz: Quiz, question: Question, number: int, classes: Sequence[str]) -> None:
    """One question; the network's reading first where it is aided."""
    progress(number, quiz)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        shown(question, f"asked_{number}", heatmap=question.aided)
    with right, st.form(f"quiz_{number}", border=True):
        if question.aided:
            st.info(tr("The network says: {reading}", reading=network_says(question)), icon=":material/smart_toy:")
        name, sure = vote.widgets(classes, f"quiz_{number}")
        places = {place: tr(place) for place in rounds.PLACES}
        place = st.segmented_control(
            tr("Where, as you look at it? (if you want)"),
            rounds.PLACES,
            wrap=True,
            format_func=places.__getitem__,
            key=f"quiz_place_{number}",
        )
        if st.form_submit_button(tr("Answer"), width="stretch"):
            if name is None or sure is None:
                st.error(tr("Choose what you see, and how sure you are, first."), icon=":material/error:")
            else:
                quiz.answer(Answer(question, name, sure, place or ""))
                st.session_state.quiz_shown = number
                st.rerun()


def progress(number: int, quiz: Quiz) -> None:
    of = len(quiz.questions)
    st.progress(number / of, tr("Question {number} of {count}", number=number + 1, count=of))


def network_says(question: Question) -> str:
    return f"{labels.decision_name(question.decision)} ({labels.scores_line(question.scores)})"


def shown(question: Question, place: str, *, heatmap: bool) -> None:
    """The picture in the viewer; the heatmap over it only where the person asks, as its colours hide what is read."""
    viewer, below = st.container(), st.container()
    with_heatmap = heatmap and below.toggle(tr("Heatmap of the network"), key=f"quiz_heatmap_{place}")
    with viewer:
        picture.show(question, f"quiz_{place}", with_heatmap=with_heatmap)


def reveal(quiz: Quiz, number: int) -> None:
    """The label and the network's reading, after the answer."""
    progress(number, quiz)
    beside = explained(quiz.answers[number], f"shown_{number}")
    text = tr("See the result") if quiz.current is None else tr("Next")
    beside.button(text, key="quiz_next", on_click=go_on, width="stretch")


def explained(answer: Answer, place: str) -> DeltaGenerator:
    """A picture beside what was answered, the label and the network's reading.

    Returns:
        The place below these words.
    """
    question = answer.question
    left, right = st.columns([3, 2], gap="medium")
    with left:
        shown(question, place, heatmap=True)
    with right:
        yours = tr(
            "You said **{name}**, {sure} sure.", name=labels.class_name(answer.choice), sure=labels.percent(answer.sure)
        )
        if answer.right:
            st.success(f"{yours} {tr('That is the label.')}", icon=":material/check_circle:")
        else:
            label = tr("The label is **{name}**.", name=labels.class_name(question.label))
            st.error(f"{yours} {label}", icon=":material/cancel:")
        st.markdown(tr("**The network:** {reading}", reading=network_says(question)))
        if answer.place:
            st.markdown(
                tr(
                    "**Where:** you said *{yours}*; the heatmap is strongest *{its}*.",
                    yours=tr(answer.place),
                    its=tr(question.place),
                )
            )
        cases.note(question.sha256)
    return right


def go_on() -> None:
    st.session_state.pop("quiz_shown", None)


def summary(quiz: Quiz) -> None:
    """What the answers say, a way to take them home, and the missed pictures once more."""
    result.show(quiz.answers)
    with st.container(horizontal=True):
        st.download_button(
            tr("Answers (CSV)"),
            lambda: score.table(quiz.answers),
            "answers.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button(tr("New quiz"), key="quiz_new", icon=":material/refresh:", on_click=forget)
    if quiz.missed:
        st.header(tr("Look again at those you missed"), anchor=False)
        numbers = {answer.question.sha256: number for number, answer in enumerate(quiz.answers, 1)}
        missed = {answer.question.sha256: answer for answer in quiz.missed}
        key = st.segmented_control(
            tr("Question"),
            list(missed),
            default=next(iter(missed)),
            required=True,
            wrap=True,
            format_func=lambda sha256: str(numbers[sha256]),
            key="quiz_missed",
        )
        explained(missed[key], f"missed_{key[:16]}")


def finish(quiz: Quiz) -> None:
    """End with the questions that were answered."""
    quiz.questions = quiz.questions[: len(quiz.answers)]


def forget() -> None:
    """Begin anew."""
    if token := st.session_state.get("quiz_token"):
        rounds.SHARED.drop(token)
    st.query_params.pop(QUERY, None)
    for key in ("quiz_token", "quiz_shown"):
        st.session_state.pop(key, None)


page.through_app()
card = page.card_or_stop()
st.title(tr("Quiz"))
quiz = current()
number = st.session_state.get("quiz_shown")
if not quiz.questions:
    choose(card)
elif number is not None and number < len(quiz.answers):
    gather.show_problems(quiz.problems if number == 0 else [])
    reveal(quiz, number)
elif quiz.current is not None:
    gather.show_problems([] if quiz.answers else quiz.problems)
    ask(quiz, quiz.current, len(quiz.answers), card.classes)
    if quiz.answers:
        st.button(tr("End here and see the result"), key="quiz_finish", on_click=finish, args=(quiz,))
    else:
        st.button(tr("Give up this quiz"), key="quiz_stop", on_click=forget)
else:
    summary(quiz)

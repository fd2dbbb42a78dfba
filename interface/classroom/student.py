"""A student's page: the picture, the vote, what the network said, and at the end the own result."""

from __future__ import annotations

import streamlit as st

from interface.classroom import link, page_parts
from interface.classroom.results import summarise
from interface.classroom.rooms import MOST_STUDENTS, ROOMS, Phase, Room, State, Vote
from interface.core import labels
from interface.core.expiring import Full
from interface.core.language import tr
from interface.quiz import vote


def show(code: str, room: Room) -> None:
    """Come into a room and take part.

    Args:
        code: of the room.
        room: with this code.
    """
    given = st.query_params.get(link.STUDENT)
    try:
        token = room.join(given)
    except Full:
        st.error(tr("This room is full: it has {most} students.", most=MOST_STUDENTS), icon=":material/error:")
        return
    if token != given:
        # In the address, so that a reload or a lost connection comes back as the same student.
        st.query_params[link.STUDENT] = token
        ROOMS.get(code)
    state = room.state
    if state.phase is Phase.LOBBY:
        st.header(tr("You are in"), anchor=False)
        st.markdown(tr("Wait until the lecturer shows the first picture: this page goes on by itself."))
    elif state.phase is Phase.END:
        result(room, token)
    else:
        one_picture(code, room, state, token)
    with page_parts.place(state.version):
        page_parts.follow(code, state.version, token)


def one_picture(code: str, room: Room, state: State, token: str) -> None:
    """The picture that the class looks at, and what to do now."""
    question = room.pictures[state.index]
    st.subheader(page_parts.number(room, state), anchor=False)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        page_parts.shown(room, state, "classroom_picture", with_heatmap=state.phase is not Phase.BEFORE)
    with right:
        if state.phase is not Phase.BEFORE:
            page_parts.html(page_parts.network_answer(question))
        if state.phase is Phase.LABEL:
            page_parts.html(page_parts.label(question))
            own_votes(room, state, token)
        else:
            with page_parts.place(state.version):
                ballot(code, room, state, token)


def own_votes(room: Room, state: State, token: str) -> None:
    """What the student voted on a picture, and whether it is the label."""
    for phase, text in ((Phase.BEFORE, tr("First vote")), (Phase.AFTER, tr("Second vote"))):
        given = room.voted(token, state.index, phase)
        if given is None:
            st.markdown(f"{text}: –")
        else:
            right = given.name == room.pictures[state.index].label
            (st.success if right else st.error)(
                f"{text}: {in_words(given)}", icon=":material/check_circle:" if right else ":material/cancel:"
            )


@st.fragment
def ballot(code: str, room: Room, state: State, token: str) -> None:
    """Vote; this part of the page runs by itself, so that sixty at once don't wait for each other's whole pages."""
    before = room.voted(token, state.index, Phase.BEFORE)
    counted = True
    if state.phase is Phase.AFTER:
        st.markdown(tr("Vote once more: do you keep your answer or change it?"))
        if before is not None and st.button(
            tr("Keep: {vote}", vote=in_words(before)), key=f"keep_{code}_{state.version}", width="stretch"
        ):
            counted = cast(code, room, state, token, before)
    with st.form(f"ballot_{code}_{state.version}", border=True):
        name, sure = vote.widgets(tuple(room.pictures[state.index].scores), f"vote_{code}_{state.version}")
        if st.form_submit_button(tr("Send"), width="stretch"):
            if name is None or sure is None:
                st.error(tr("Choose what you see, and how sure you are, first."), icon=":material/error:")
            else:
                counted = cast(code, room, state, token, Vote(name, sure))
    if not counted:
        st.rerun()
    given = room.voted(token, state.index, state.phase)
    if given is not None:
        text = tr("Your vote: **{vote}**. You can change it until the lecturer goes on.", vote=in_words(given))
        st.success(text, icon=":material/how_to_vote:")


def cast(code: str, room: Room, state: State, token: str, given: Vote) -> bool:
    """Vote; False where the room has gone on or ended meanwhile."""
    return ROOMS.get(code) is room and room.vote(token, state, given)


def in_words(given: Vote) -> str:
    """A vote as a person reads it."""
    return tr("{name}, {sure} sure", name=labels.class_name(given.name), sure=labels.percent(given.sure))


def result(room: Room, token: str) -> None:
    """How the student did, beside the class and the network."""
    st.header(tr("The result"), anchor=False)
    ballots, number = room.ballots(), room.number(token)
    all_votes = summarise(room.pictures, ballots)
    yours = summarise(room.pictures, [ballot for ballot in ballots if ballot.student == number])
    rows = [
        [tr("You, first vote"), str(yours.before.right)],
        [tr("You, second vote"), str(yours.after.right)],
        [tr("The class, first vote"), str(all_votes.before.right)],
        [tr("The class, second vote"), str(all_votes.after.right)],
        [tr("The network"), str(all_votes.network.right)],
    ]
    st.markdown(labels.table(["", tr("Right answers")], rows))
    st.caption(tr("You are number {number} in the lecturer's table, which holds no names.", number=number))

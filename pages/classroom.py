"""Classroom: a lecturer opens a room, students vote on their phones, the projector shows the votes as they come."""

from __future__ import annotations

import streamlit as st

from interface.classroom import lecturer, link, student
from interface.classroom.rooms import CODE_LENGTH, MOST_PICTURES, ROOMS, Room, typed
from interface.core import labels, page
from interface.core.expiring import Full
from interface.core.language import mark, tr
from interface.gallery import cases
from interface.quiz import gather
from interface.quiz.rounds import Quiz

KEPT = "classroom_address"
HOW = mark(
    "The class votes on radiographs: first by itself, then with the network's answer and heatmap in view, then the "
    "label is shown. At the end you see the class against the network, and how many its answer pulled along. Students "
    "join with their phones by a code: no account, no names. Pictures and votes are in this server's memory alone and "
    "are forgotten an hour after the last use."
)


def start() -> None:
    """Join a room, or open one."""
    st.title(tr("Classroom"))
    with st.form("classroom_join", border=True):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        code = left.text_input(tr("The code on the projector"), max_chars=2 * CODE_LENGTH, key="classroom_code")
        if right.form_submit_button(tr("Join"), width="stretch") and typed(code):
            st.query_params[link.ROOM] = typed(code)
            st.rerun()
    st.header(tr("Open a room"), anchor=False)
    st.markdown(tr(HOW))
    card = page.card_or_stop()
    opened(gather.from_cases("classroom", card, MOST_PICTURES, tr("Open a room with the cases"), mixed=False))
    st.subheader(tr("With your pictures"), anchor=False)
    opened(gather.from_files("classroom", card, MOST_PICTURES, tr("Open a room with these files"), mixed=False))


def opened(quiz: Quiz | None) -> None:
    """Open a room with pictures that were gathered."""
    if quiz is None:
        return
    if not quiz.questions:
        gather.show_problems(quiz.problems)
        return
    room = Room(quiz.questions)
    try:
        code = ROOMS.put(room, sum(picture.size for picture in quiz.questions))
    except Full:
        st.error(
            tr("The server has as many rooms as it can hold: choose fewer pictures, or try again later."),
            icon=":material/error:",
        )
        return
    st.session_state.classroom_problems = (code, quiz.problems)
    st.query_params.pop(cases.QUERY, None)
    st.query_params[link.ROOM], st.query_params[link.LECTURER] = code, room.lecturer
    st.rerun()


def no_room(code: str) -> None:
    """A code that leads nowhere: typed wrongly, or of a room that has ended."""
    st.title(tr("Classroom"))
    st.warning(
        tr("There is no room {code}: it has ended, or the code is another one.", code=labels.plain(typed(code)[:8])),
        icon=":material/meeting_room:",
    )
    with st.container(horizontal=True):
        st.button(tr("Type another code"), key="classroom_again", on_click=leave)
        if other := link.elsewhere(typed(code), st.context.cookies):
            st.link_button(tr("Look on the other server"), other)


def address() -> str | None:
    """The code in the address; who looked at another page of the app comes back to the room of before."""
    code = st.query_params.get(link.ROOM)
    kept = st.session_state.get(KEPT)
    if code is None and kept and ROOMS.get(kept[link.ROOM], use=False) is not None:
        st.query_params.update(kept)
        return str(kept[link.ROOM])
    return code


def leave() -> None:
    """Back to where a code can be typed."""
    st.query_params.clear()
    st.session_state.pop(KEPT, None)


page.through_app()
code = address()
room = ROOMS.get(typed(code), use=False) if code else None
if code is None:
    with st.container(horizontal_alignment="center").container(width=960):
        start()
elif room is None:
    no_room(code)
elif room.is_lecturer(st.query_params.get(link.LECTURER)):
    of, problems = st.session_state.get("classroom_problems", ("", []))
    gather.show_problems(problems if of == typed(code) else [])
    lecturer.show(typed(code), room, controls=True)
elif link.PROJECTOR in st.query_params:
    lecturer.show(typed(code), room, controls=False)
else:
    student.show(typed(code), room)
if code is not None and room is not None:
    names = (link.ROOM, link.LECTURER, link.STUDENT, link.PROJECTOR)
    st.session_state[KEPT] = {name: st.query_params[name] for name in names if name in st.query_params}

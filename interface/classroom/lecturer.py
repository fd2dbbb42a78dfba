"""The lecturer's page of a room, which the projector shows: the way in, the votes as they come, the result."""

from __future__ import annotations

from html import escape

import streamlit as st

from interface.classroom import link, page_parts, results
from interface.classroom.results import Summary, Voter
from interface.classroom.rooms import ROOMS, VOTING, Phase, Room, State
from interface.core import labels
from interface.core.language import mark, ntr, tr
from interface.gallery import cases
from interface.quiz.score import Share

STEPS = {
    Phase.LOBBY: mark("Show the first picture"),
    Phase.BEFORE: mark("Show the network's answer"),
    Phase.AFTER: mark("Show the label"),
}
NEXT, LAST = mark("Next picture"), mark("Show the result")


def show(code: str, room: Room, *, controls: bool) -> None:
    """Draw the room.

    Args:
        code: of the room.
        room: with this code.
        controls: whether its steps can be taken here; a window for the projector alone has none.
    """
    state = room.state
    if state.phase is Phase.END:
        result(code, room, controls=controls)
        with page_parts.place(state.version):
            page_parts.follow(code, state.version)
    elif state.phase is Phase.LOBBY:
        lobby(code, room, state, controls=controls)
    else:
        one_picture(code, room, state, controls=controls)


def address(code: str) -> str:
    """The link for students."""
    return link.to_room(st.context.url or "", code, st.context.cookies)


def lobby(code: str, room: Room, state: State, *, controls: bool) -> None:
    """How to come in, and how many did."""
    url = address(code)
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    left.image(link.qr_code(url), width="stretch", alt=tr("QR code that leads a phone to this room"))
    with right:
        page_parts.html(
            f"<div>{escape(tr('Scan the code, or open {address} and type', address=short(url)))}</div>"
            f'<div class="code">{escape(code)}</div>'
        )
        counted = page_parts.place(state.version)
        if controls:
            step(code, state, room)
            if link.is_local(url):
                st.warning(
                    tr(
                        "This address works on this computer alone. For phones start the app with "
                        "`--server.address 0.0.0.0` and open it under the name or number of this computer in the "
                        "network."
                    ),
                    icon=":material/wifi_off:",
                )
            more(code, room, url)
    with counted:
        count(code, state.version)


@st.fragment(run_every=page_parts.PROJECTOR_BEAT)
def count(code: str, version: int) -> None:
    """How many students are here; runs by itself."""
    room = current(code, version)
    here = room.present()
    text = ntr("{count} student is here", "{count} students are here", here)
    page_parts.html(f'<div class="count">{escape(text)}</div>')


def one_picture(code: str, room: Room, state: State, *, controls: bool) -> None:
    """The picture and the votes on it."""
    question = room.pictures[state.index]
    left, right = st.columns([3, 2], gap="medium")
    with left:
        page_parts.shown(room, state, "classroom_picture", with_heatmap=state.phase is not Phase.BEFORE)
    with right:
        page_parts.html(f"{escape(page_parts.number(room, state))} · <b>{escape(code)}</b>")
        if controls:
            step(code, state, room)
        counted = page_parts.place(state.version)
        if state.phase not in VOTING:
            page_parts.html(page_parts.votes(room, state))
        if state.phase is not Phase.BEFORE:
            page_parts.html(page_parts.network_answer(question))
        if state.phase is Phase.LABEL:
            page_parts.html(page_parts.label(question))
            cases.note(question.sha256)
        if controls:
            more(code, room, address(code))
    with counted:
        if state.phase in VOTING:
            votes(code, state)
        else:
            page_parts.follow(code, state.version)


@st.fragment(run_every=page_parts.PROJECTOR_BEAT)
def votes(code: str, state: State) -> None:
    """The votes as they come; runs by itself."""
    room = current(code, state.version)
    cast = sum(room.counts(state.index, state.phase).values())
    text = tr("{votes} of {students} have voted", votes=cast, students=room.expected())
    page_parts.html(f'<div class="count">{escape(text)}</div>{page_parts.votes(room, state)}')


def current(code: str, version: int) -> Room:
    """The room, for a part of the page that runs by itself; the whole page runs where the room has gone on or ended."""
    room = ROOMS.get(code, use=False)
    if room is None or room.state.version != version:
        st.rerun()
    return room


def step(code: str, state: State, room: Room) -> None:
    """The button that goes on."""
    text = STEPS.get(state.phase) or (LAST if state.index == len(room.pictures) - 1 else NEXT)
    st.button(
        tr(text),
        key=f"classroom_step_{state.version}",
        icon=":material/skip_next:",
        width="stretch",
        on_click=go_on,
        args=(code, state.version),
    )


def go_on(code: str, version: int) -> None:
    """Take the next step, once, also where the button was pressed twice or in two windows."""
    if room := ROOMS.get(code):
        room.go_on(version)


def more(code: str, room: Room, url: str) -> None:
    """What is not needed at every step: the way in for those who are late, a window for the projector, the end."""
    with st.popover(tr("Room"), icon=":material/meeting_room:", width="stretch"):
        st.image(link.qr_code(url), width=260, alt=tr("QR code that leads a phone to this room"))
        st.code(url, language=None, wrap_lines=True)
        st.link_button(
            tr("A window for the projector, without buttons"),
            f"?{link.ROOM}={code}&{link.PROJECTOR}=1",
            icon=":material/present_to_all:",
            width="stretch",
        )
        st.caption(
            tr(
                "The address of this page can lead the room: keep it to yourself. The room ends after an hour without "
                "use, and its pictures and votes are forgotten."
            )
        )
        if room.state.phase not in (Phase.LOBBY, Phase.END):
            st.button(tr("Go to the result now"), key="classroom_end", on_click=room.end, width="stretch")
        st.button(tr("Close the room"), key="classroom_close", on_click=close, args=(code,), width="stretch")


def close(code: str) -> None:
    """Forget the room; the pages of its students say so."""
    ROOMS.drop(code)
    st.query_params.clear()


def short(url: str) -> str:
    """The page's address as a person types it."""
    return url.split("?")[0].split("://")[-1]


def result(code: str, room: Room, *, controls: bool) -> None:
    """The class against the network, and all votes to take home."""
    st.header(tr("The class and the network"), anchor=False)
    ballots = room.ballots()
    if not ballots:
        st.info(tr("Nobody has voted."), icon=":material/info:")
    else:
        figures(room, results.summarise(room.pictures, ballots))
    if controls:
        with st.container(horizontal=True):
            st.download_button(
                tr("Votes (CSV)"),
                results.table(room.pictures, ballots),
                f"classroom-{code}.csv",
                "text/csv",
                icon=":material/download:",
                on_click="ignore",
                disabled=not ballots,
            )
            st.button(tr("Close the room"), key="classroom_close", on_click=close, args=(code,))


def figures(room: Room, summary: Summary) -> None:
    """Accuracy, calibration, and how many were pulled along."""
    voters = {
        tr("The class, first vote"): summary.before,
        tr("The class, second vote"): summary.after,
        tr("The network"): summary.network,
    }
    pull = summary.pull
    shares = {name: voter.right for name, voter in voters.items()}
    shares[tr("Pulled along by the network")] = Share(pull.followed, pull.differed)
    for column, (name, share) in zip(st.columns(len(shares)), shares.items(), strict=True):
        column.metric(name, str(share), border=True)
    st.markdown(
        tr(
            "**Pulled along?** {voted} votes were given before and after the network's answer. {differed} of them "
            "differed from it at first; {followed} of these then took it: {misled} became wrong by that and {helped} "
            "became right.",
            voted=pull.voted_twice,
            differed=pull.differed,
            followed=pull.followed,
            misled=pull.misled,
            helped=pull.helped,
        )
    )
    st.subheader(tr("Calibration: how sure, and how often right"), anchor=False)
    st.markdown(labels.table(["", *voters], [*_calibration(list(voters.values()))], (1, 2, 3)))
    st.caption(
        tr(
            "The Brier score is the mean squared distance between how sure and whether right: 0 is best, and always "
            "saying 50% gives 0.25. With few images these figures depend largely on chance."
        )
    )
    st.subheader(tr("Picture by picture"), anchor=False)
    rows = []
    for index, before, after in summary.pictures:
        picture = room.pictures[index]
        names = (labels.class_name(picture.label), labels.class_name(picture.network))
        rows.append([str(index + 1), *names, str(before), str(after)])
    heads = [tr("Picture"), tr("Label"), tr("The network"), tr("First vote"), tr("Second vote")]
    st.markdown(labels.table(heads, rows))


def _calibration(voters: list[Voter]) -> list[list[str]]:
    rows = []
    for number, (low, high, _) in enumerate(voters[0].bands):
        between = {"low": labels.percent(low), "high": labels.percent(high)}
        text = tr("Over {low} to {high} sure", **between) if low else tr("Up to {high} sure", **between)
        rows.append([text, *(str(voter.bands[number][2]) for voter in voters)])
    rows.append(
        [tr("Sure on average"), *("–" if voter.sure is None else labels.percent(voter.sure) for voter in voters)]
    )
    rows.append([tr("Brier score"), *("–" if voter.brier is None else labels.decimal(voter.brier) for voter in voters)])
    return rows

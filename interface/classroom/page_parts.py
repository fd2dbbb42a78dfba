"""Parts that the lecturer's, the projector's and the students' pages of a room share."""

from __future__ import annotations

import random
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from interface.classroom.rooms import ROOMS, Phase, Room, State
from interface.components import viewer
from interface.core import labels
from interface.core.language import spoken, tr
from interface.quiz import picture
from interface.quiz.rounds import Question

# Seconds between two looks of a page at its room. Sixty phones that got a page at once would also look at once, and
# the server would send nothing meanwhile: so each has a beat of its own, up to `SPREAD` of it shorter or longer.
STUDENT_BEAT, SPREAD, PROJECTOR_BEAT = 3.0, 0.3, 0.4
# Sizes for the last row of a lecture hall, in the page's colours.
STYLE = """<style>
.cxr-room {font-size: clamp(1.15rem, 1.7vw, 2.2rem); line-height: 1.3}
.cxr-room .code {font: 700 clamp(3rem, 9vw, 9rem)/1.1 ui-monospace, monospace; letter-spacing: 0.12em}
.cxr-room .count {font-size: 1.3em; font-weight: 700; font-variant-numeric: tabular-nums}
.cxr-room .small {font-size: 0.75em; opacity: 0.85}
.cxr-votes {display: grid; grid-template-columns: 1fr max-content; gap: 0.1em 0.75em; margin-top: 0.5em}
.cxr-votes .name {grid-column: 1 / -1; margin-top: 0.5em}
.cxr-votes .name.label {font-weight: 700}
.cxr-votes b {font-variant-numeric: tabular-nums; text-align: right; min-width: 2ch}
.cxr-votes .track {border-radius: 3px; overflow: hidden; background: color-mix(in srgb, currentColor 10%, transparent)}
.cxr-votes i {display: block; height: 100%; min-height: 1.1em}
.cxr-votes .legend i {display: inline-block; width: 1em; height: 0.8em; min-height: 0; margin-left: 0.5em}
.cxr-votes .before {background: color-mix(in srgb, currentColor 40%, transparent)}
.cxr-votes .after {background: currentColor}
.cxr-votes .legend {grid-column: 1 / -1; font-size: 0.75em; opacity: 0.85; margin-top: 0.6em}
</style>"""


def html(content: str) -> None:
    """Show HTML in the sizes of a room.

    Args:
        content: HTML with every text in it escaped.
    """
    st.html(f'{STYLE}<div class="cxr-room">{content}</div>')


def place(version: int) -> DeltaGenerator:
    """A container for a fragment of the page, other than the one at the step before.

    Streamlit knows a fragment by its container. A browser that has not got the new page yet still asks for the
    fragments of the old one; in the same container they would pass for those of the new page, and Streamlit drops
    what it has not sent yet of a page when another run begins. So they are also drawn last.

    Args:
        version: of the state that the page shows.
    """
    outer = st.container()
    return outer.container() if version % 2 else outer


def follow(code: str, version: int, student: str | None = None) -> None:
    """Draw the page anew when the room has gone on or ended; draws nothing itself.

    Args:
        code: of the room.
        version: of the state that the page shows.
        student: token of the student whose page it is; None for the projector's.
    """
    beat = PROJECTOR_BEAT if student is None else STUDENT_BEAT * random.uniform(1 - SPREAD, 1 + SPREAD)
    st.fragment(_follow, run_every=beat)(code, version, student)


def _follow(code: str, version: int, student: str | None) -> None:
    room = ROOMS.get(code, use=False)
    if room is None or room.state.version != version:
        st.rerun()
    if student is not None:
        room.join(student)


def shown(room: Room, state: State, key: str, *, with_heatmap: bool) -> None:
    """The picture of a room in the viewer."""
    question = room.pictures[state.index]
    packed = room.packed(
        state.index,
        spoken(),
        with_heatmap=with_heatmap,
        make=lambda: picture.pack(question, with_heatmap=with_heatmap),
    )
    viewer.show_packed(packed, key)


def votes(room: Room, state: State) -> str:
    """The votes on a picture as bars, HTML for `html`: before and, where there are any, after the network's answer."""
    question = room.pictures[state.index]
    before = room.counts(state.index, Phase.BEFORE)
    after = room.counts(state.index, Phase.AFTER) if state.phase is not Phase.BEFORE else {}
    most = max([*before.values(), *after.values(), 1])
    rows = []
    for name in question.scores:
        is_label = state.phase is Phase.LABEL and name == question.label
        text = escape(labels.class_name(name)) + (f" ✓ {escape(tr('the label'))}" if is_label else "")
        rows.append(f'<span class="name{" label" if is_label else ""}">{text}</span>')
        rows.append(_bar("before", before.get(name, 0), most))
        if after:
            rows.append(_bar("after", after.get(name, 0), most))
    if after:
        first, second = (escape(text) for text in (tr("First vote"), tr("with the network's answer in view")))
        rows.append(f'<span class="legend"><i class="before"></i> {first} <i class="after"></i> {second}</span>')
    return f'<div class="cxr-votes">{"".join(rows)}</div>'


def _bar(kind: str, count: int, most: int) -> str:
    return (
        f'<span class="track" aria-hidden="true"><i class="{kind}" style="width:{count / most:.1%}"></i></span>'
        f"<b>{count}</b>"
    )


def network_answer(question: Question) -> str:
    """What the network says of a picture, HTML for `html`."""
    decision, scores = labels.decision_name(question.decision), labels.scores_line(question.scores)
    return f'{escape(tr("The network"))}: <b>{escape(decision)}</b><div class="small">{escape(scores)}</div>'


def label(question: Question) -> str:
    """The label of a picture, HTML for `html`."""
    return f"{escape(tr('Label'))}: <b>{escape(labels.class_name(question.label))}</b>"


def number(room: Room, state: State) -> str:
    """Which picture it is."""
    return tr("Picture {number} of {count}", number=state.index + 1, count=len(room.pictures))

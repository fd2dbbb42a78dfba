"""What a visitor leaves behind is taken out of the server's memory a minute after the page was closed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state import SafeSessionState

# Before Streamlit's own time is over: it can't be asked for the session any more then.
EARLIER = 0.5
_leaving: dict[str, asyncio.TimerHandle] = {}


@dataclass(frozen=True)
class Visit:
    """A session as long as it is connected.

    Attributes:
        session_id: of Streamlit.
        state: everything that it keeps.
    """

    session_id: str
    state: SafeSessionState


def clean_up_after_this_visitor() -> None:
    """Have this session's pictures and downloads forgotten when its page is closed; call it in every run.

    Streamlit keeps a closed page's session for `server.disconnectedSessionTTL` seconds, so that a connection that
    broke for a moment can come back. After that it takes the session off its list when the next visitor leaves, and
    the memory, with the files that were offered for download, is freed by a later sweep of Python's garbage
    collector: after hours where nobody comes.
    """
    if get_script_run_ctx(suppress_warning=True) is not None and runtime.exists():
        _visit()


def _left(visit: Visit) -> None:
    """Streamlit calls this when a session's connection ends; on its event loop, where sessions may be closed."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return  # the cache was cleared by hand
    seconds = max(0.0, st.get_option("server.disconnectedSessionTTL") - EARLIER)
    if earlier := _leaving.pop(visit.session_id, None):
        earlier.cancel()
    _leaving[visit.session_id] = loop.call_later(seconds, _forget, visit)


@st.cache_resource(scope="session", on_release=_left, show_spinner=False)
def _visit() -> Visit:
    context = get_script_run_ctx()
    assert context is not None
    return Visit(context.session_id, context.session_state)


def _forget(visit: Visit) -> None:
    """Close the session if it did not come back, and empty it, because others may still point to it."""
    _leaving.pop(visit.session_id, None)
    server = runtime.get_instance()
    if server.is_active_session(visit.session_id):
        return
    server.close_session(visit.session_id)
    for key in visit.state.filtered_state:
        del visit.state[key]

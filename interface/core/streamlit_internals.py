"""What rests on the insides of Streamlit and Starlette, in one place.

`tests/interface/test_streamlit_internals.py` holds each assumption, for the versions that requirements.txt allows.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from starlette.formparsers import MultiPartParser
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunException, StopException, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState
from streamlit.runtime.state import SafeSessionState
from streamlit.runtime.uploaded_file_manager import UploadedFile

__all__ = ["StopException", "UploadedFile"]

# Seconds before Streamlit forgets a session, as it can't be asked for the session any more then.
_EARLIER = 0.5
_leaving: dict[str, asyncio.TimerHandle] = {}

# Screen readers choose their voice by the document's language, and browsers the shapes of letters. On a phone the menu
# lies over the page, and Streamlit leaves it there when a link in it was touched; and where the menu has a section, its
# list has something else than items in it, so that it is better none to a screen reader (WCAG 2.2, 1.3.1).
_document = st.components.v2.component(
    "chest_xray_document",
    html="<span hidden></span>",
    js="""
const LIST = "ul[data-testid=stSidebarNavItems]";
let listening = false;
function mend() {
  for (const part of document.querySelectorAll(`${LIST}:not([role]), ${LIST} li:not([role])`)) part.role = "none";
}
export default function ({ data }) {
  document.documentElement.lang = data.language;
  if (listening) return;
  listening = true;
  mend();
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  document.addEventListener("click", ({ target }) => {
    if (innerWidth >= 768 || !target.closest?.("[data-testid=stSidebarNavLink]")) return;
    setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click());
  });
}""",
)


def keep_in_memory() -> None:
    """Let no upload touch a disk; call it once in a server, before a visitor can choose a file.

    Starlette, which receives files for Streamlit, puts those of over 1 MB into a temporary file until they have
    arrived. It has no name and is gone a moment later, but a radiograph would have been on the disk. Streamlit's own
    limit, which is met while the bytes arrive, bounds the memory.
    """
    MultiPartParser.spool_max_size = sys.maxsize


def spare_loaded_objects() -> None:
    """Take what a server has loaded so far out of the work of Python's garbage collector; call it after the imports.

    Streamlit collects after each run of a page or fragment, and the collector then visits every object: with the
    packages of this app 20 ms or more, ten times what a student's look at a classroom needs otherwise.
    """
    if runtime.exists():
        gc.unfreeze()  # a network that was replaced since the last call can go
        gc.collect()
        gc.freeze()


def in_script() -> bool:
    """Whether this thread runs a page for a visitor."""
    return get_script_run_ctx(suppress_warning=True) is not None


def can_draw() -> bool:
    """Whether what is drawn now goes to its place: the callback of a fragment would write over the page's title."""
    return in_script() and not ThreadState.get().in_fragment_callback


def leave_pages_folder() -> bool:
    """Have Streamlit run app.py and not a page by itself; returns whether it did the latter so far.

    It does so for the first visitor of a server who follows a link to a page, because a folder `pages` beside app.py
    once was the way to say what the pages are, and it learns of `st.navigation` only from running app.py.
    """
    before = bool(PagesManager.uses_pages_directory)
    PagesManager.uses_pages_directory = False
    return before


def received(files: Iterable[object] | None) -> list[UploadedFile]:
    """The files of an uploader without those that are only names.

    The content is gone after a lost connection, and when a click during a reading has Streamlit call `on_change` again.
    """
    return [file for file in files or () if isinstance(file, UploadedFile)]


def forget_uploads(files: Sequence[UploadedFile]) -> None:
    """Take uploaded files out of the server's memory; who still holds one can go on reading it.

    Streamlit keeps uploaded files until the session ends, even when their uploader is gone; it takes out recorded
    sound in this way itself.
    """
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file in files:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def put_off_clicks(draw: Callable[[], Any]) -> None:
    """Draw; what the visitor clicked meanwhile is put off, because files left in the middle would never be read.

    Streamlit calls `on_change` once for a change: a run that gives up there for the sake of the next click does not
    come back to it. So the request goes back to the end, and is met at the first call that draws after the reading.

    Args:
        draw: calls of `streamlit` that draw.
    """
    try:
        draw()
    except RerunException as later:
        context = get_script_run_ctx()
        if context is None or context.script_requests is None:
            raise
        context.script_requests.request_rerun(later.rerun_data)


@dataclass(frozen=True)
class Visit:
    """A session as long as it is connected.

    Attributes:
        session_id: of Streamlit.
        state: everything that it keeps.
    """

    session_id: str
    state: SafeSessionState


def forget_visitor_after_leaving() -> None:
    """Have this session's pictures and downloads forgotten when its page is closed; call it in every run.

    Streamlit keeps a closed page's session for `server.disconnectedSessionTTL` seconds, so that a connection that
    broke for a moment can come back. After that it takes the session off its list when the next visitor leaves, and
    the memory, with the files that were offered for download, is freed by a later sweep of Python's garbage
    collector: after hours where nobody comes.
    """
    if in_script() and runtime.exists():
        _visit()


def _left(visit: Visit) -> None:
    """Streamlit calls this when a session's connection ends; on its event loop, where sessions may be closed."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return  # the cache was cleared by hand
    seconds = max(0.0, st.get_option("server.disconnectedSessionTTL") - _EARLIER)
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


def tell_browser(language: str) -> None:
    """Tell the browser which language the page is in, and mend what Streamlit's menu on a phone lacks.

    Args:
        language: as in the attribute `lang` of HTML, such as "es".
    """
    _document(key="document", data={"language": language})

"""Parts of pages that several of them show: the session's shelf, the loaded reader, the picture at hand.

What reads a picture is imported where it is used: NumPy and OpenCV come with it, and the first page must stand before
they are imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from interface.core import loading, streamlit_internals
from interface.core.language import tr
from interface.core.session import Read, Refused, Shelf
from model.errors import BundleError
from model.reading.card import Card, chosen, read_card

if TYPE_CHECKING:  # imported by the thread that loads the network, after the page stands
    from model.reading.reader import Reader

SAMPLE_KEY = "sample"
streamlit_internals.keep_in_memory()  # every page imports this module before it shows an uploader


def through_app() -> None:
    """Start over with app.py where Streamlit ran a page by itself (`streamlit_internals.leave_pages_folder`)."""
    streamlit_internals.forget_visitor_after_leaving()
    first = not st.session_state.get("through_app")
    st.session_state.through_app = True
    # At the start of a session only: a rerun later would lose the click on a button.
    if first and streamlit_internals.leave_pages_folder():
        st.rerun()


def shelf() -> Shelf:
    """This session's readings."""
    if "shelf" not in st.session_state:
        st.session_state.shelf = Shelf()
    kept: Shelf = st.session_state.shelf
    return kept


def bundle_or_stop() -> None:
    """Begin to load the network; where there is none, a sentence, and the page ends there."""
    try:
        loading.begin()
    except BundleError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()


def card_or_stop() -> Card:
    """The card of the bundle, which needs no network; where there is none, a sentence, and the page ends there."""
    bundle_or_stop()
    return read_card(chosen())


def reader_or_stop() -> Reader:
    """The shared reader; where there is none, a sentence, and the page ends there."""
    try:
        return loading.reader()
    except BundleError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()


def read_uploads(key: str) -> None:
    """Read what the uploader with this key holds, then free the files: only what the page shows is kept.

    Ten raw DICOM files can have 300 MB.
    """
    from interface.read import uploads

    files = streamlit_internals.received(st.session_state[key])
    try:
        new = uploads.take(shelf(), files, loading.reader())
        if new:
            st.session_state.chosen = new[0]
    except BundleError:
        pass  # the page says so when it comes to `bundle_or_stop`
    finally:
        # Also where the visitor went away while the files waited for their turn.
        streamlit_internals.forget_uploads(files)


def expand(
    files: Sequence[streamlit_internals.UploadedFile], *, folders: bool = False
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Uploaded files, and those in uploaded ZIP archives, as names (see `session.files`) and what gives the content."""
    from interface.read import uploads

    for _, name, load in uploads.files(files, folders=folders):
        yield name, load


def read_mended(key: str) -> None:
    """Read the mended picture of a refused file in its place."""
    from interface.read import uploads

    item = shelf().items.get(key)
    if isinstance(item, Refused) and item.mended is not None:
        shelf().put(key, uploads.read_radiograph(item.name, item.mended, loading.reader()))
        st.session_state.chosen = key


def read_sample() -> bool:
    """Put the sample radiograph on the shelf and choose it; a sentence where it can't be found."""
    from interface.read import uploads

    data = loading.sample()
    if data is None:
        st.warning(tr(loading.NO_SAMPLE), icon=":material/info:")
        return False
    shelf().put(SAMPLE_KEY, uploads.read(loading.SAMPLE, lambda: data, reader_or_stop()))
    st.session_state.chosen = SAMPLE_KEY
    return True


def current() -> Read | None:
    """The picture chosen on the first page, else the last one that was read."""
    readings = shelf().readings()
    chosen = readings.get(st.session_state.get("chosen", ""))
    return chosen or next(reversed(readings.values()), None)


def current_or_sample(place: str) -> Read | None:
    """The picture at hand, or a button that reads the sample.

    Args:
        place: tells the buttons of several places apart.
    """
    item = current()
    if item is None and st.button(tr("Use the sample radiograph"), key=f"{place}_sample", icon=":material/radiology:"):
        read_sample()
        item = current()
        if item is None:
            return None
        # Once more, so that the button goes.
        st.rerun()
    if item is None:
        st.caption(tr("Or read a picture of your own on the first page; its numbers appear here."))
    return item

"""The network, loaded once a server beside the page, and the sample radiograph, found without a network connection."""

from __future__ import annotations

import importlib
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from interface.core import streamlit_internals
from interface.core.language import mark
from model.reading.card import Card, chosen, read_card, read_model
from model.reading.malloc import give_freed_memory_back

if TYPE_CHECKING:
    from model.reading.reader import Reader

SAMPLE = "RG1_UNCR.dcm"
NO_SAMPLE = mark(
    "The sample radiograph is not here: install the package pydicom-data, or choose a picture of your own."
)
# What the first reading needs besides the network, in this order; pydicom alone takes 0.5 s.
NEEDED = ("interface.read.uploads", "interface.read.result")
DICOM = "model.files.dicom.decode"
PATIENCE = 1.0  # seconds
_FIRST_LOAD = threading.Lock()


def begin() -> None:
    """Check the bundle that CXR_BUNDLE names, or else the one that ships, and begin to load it; returns at once.

    Raises:
        model.reading.card.BundleError: there is none, or it can't be used; the message is a sentence for the page.
    """
    started = _started()
    if started.done():
        started.result()


def reader() -> Reader:
    """The reader of that bundle, shared by all sessions; waits until it is loaded.

    Raises:
        model.reading.card.BundleError: as `begin` does.
    """
    return _started().result()


def _started() -> Future[Reader]:
    folder = chosen()
    # Two sessions that open at once would each build an interpreter; the second one waits here for the first.
    with _FIRST_LOAD:
        return _load(str(folder), _changed(folder))


@st.cache_resource(max_entries=1, show_spinner=False)
def _load(folder: str, changed: int) -> Future[Reader]:
    """`changed` is in the key so that a bundle that was trained anew is loaded anew."""
    give_freed_memory_back()
    card = read_card(Path(folder))
    # Before the page stands, as it says so of a file that was damaged or replaced; the rest can wait.
    model = read_model(Path(folder), card)
    loaded: Future[Reader] = Future()
    threading.Thread(target=_build, args=(Path(folder), card, model, loaded), daemon=True).start()
    return loaded


def _build(folder: Path, card: Card, model: bytes, loaded: Future[Reader]) -> None:
    """What a first reading needs, while the visitor looks for a file."""
    try:
        from model.reading import bundle
        from model.reading.reader import Reader

        loaded.set_result(Reader(bundle.build(folder, card, model)))
    except BaseException as error:
        loaded.set_exception(error)
        return
    for name in NEEDED:
        importlib.import_module(name)
    # Not at once: the browser still fetches parts of the page, and an import keeps the server from sending them.
    timer = threading.Timer(PATIENCE, _settle)
    timer.daemon = True
    timer.start()


def _settle() -> None:
    importlib.import_module(DICOM)
    streamlit_internals.spare_loaded_objects()


def _changed(folder: Path) -> int:
    try:
        return (folder / "card.json").stat().st_mtime_ns
    except OSError:
        return 0


def sample() -> bytes | None:
    """The chest radiograph of pydicom's test data, if its package is installed; never downloads."""
    # Here and not above: the page can be shown before pydicom is imported.
    from pydicom.data import get_testdata_file

    try:
        path = get_testdata_file(SAMPLE, download=False)
    except (OSError, ValueError):
        return None
    return Path(str(path)).read_bytes() if path else None

"""The network, loaded once a server, and the sample radiograph, found without a network connection."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import threading
from pathlib import Path

import streamlit as st

from model.inference import bundle as bundles
from model.inference.reader import Reader

SAMPLE = "RG1_UNCR.dcm"
NO_SAMPLE = "The sample radiograph is not here: install the package pydicom-data, or choose a picture of your own."
DICOM = "model.inference.dicom"
PATIENCE = 1.0  # seconds
_FIRST_LOAD = threading.Lock()


def reader() -> Reader:
    """The reader of the bundle that CXR_BUNDLE names, or else of the one that ships; shared by all sessions.

    Raises:
        bundles.BundleError: there is none, or it can't be used; the message is a sentence for the page.
    """
    folder = Path(os.environ.get("CXR_BUNDLE") or bundles.DEFAULT_BUNDLE)
    # Two sessions that open at once would each build an interpreter; the second one waits here for the first.
    with _FIRST_LOAD:
        return _load(str(folder), _changed(folder))


@st.cache_resource(max_entries=1, show_spinner=False)
def _load(folder: str, changed: int) -> Reader:
    """`changed` is in the key so that a bundle that was trained anew is loaded anew."""
    _give_freed_memory_back()
    bundle = bundles.load(Path(folder))
    return Reader(bundle)


def prepare_dicom() -> None:
    """Import pydicom, which takes 0.5 s, while the visitor looks for a file.

    Not at once: the browser is still fetching parts of the page, and an import keeps the server from sending them.
    """
    if DICOM not in sys.modules:
        timer = threading.Timer(PATIENCE, importlib.import_module, (DICOM,))
        timer.daemon = True
        timer.start()


def _give_freed_memory_back() -> None:
    """Let glibc return the memory of pictures as soon as they are freed.

    It raises the size from which it asks the system for a block of its own up to 32 MB as such blocks are freed, and
    keeps smaller ones: after ten radiographs of 15 MB as floats this server held 130 MB more than it used. A fixed
    size of 1 MB stops that. Other C libraries have no such call and need none.
    """
    mmap_threshold = -3
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
        ctypes.CDLL(None).mallopt(mmap_threshold, 1 << 20)


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

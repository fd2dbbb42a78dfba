"""How files come to the first page: the uploader, a folder, the clipboard, the sample; and files that are too large."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from interface.core import page
from interface.core.language import mark, tr
from interface.core.session import MOST_ITEMS
from interface.core.settings import number

# The raw DICOM of a detector of 3520 x 4280 pixels has 30; to decode it takes 134 MB of memory.
MOST_MEGABYTES = int(number("CXR_UPLOAD_MEGABYTES", 40, 1))
DRAG = mark("Drag chest X-rays here, or paste one: PNG, JPEG, TIFF, WebP, BMP or DICOM, or a ZIP of them")
HELP = mark("Frontal chest radiographs of adults, one or several. A copied picture can be pasted with Ctrl + V.")
TOO_LARGE = mark("{{file}} has {{size}} MB and was not sent: this page takes {most} MB a file.")
_listener = st.components.v2.component(
    "chest_xray_intake",
    html='<p role="alert"></p>',
    css="""p { position: fixed; z-index: 9; top: 4rem; left: 50%; transform: translateX(-50%); width: max-content;
  margin: 0; max-width: calc(100vw - 2rem); padding: 0.75rem 1rem; color: var(--st-text-color);
  font-family: var(--st-font);
  background: var(--st-background-color); border: 2px solid var(--st-primary-color);
  border-radius: var(--st-base-radius); box-shadow: 0 4px 16px #0006; }
p:empty { display: none; } a { color: var(--st-link-color); }
button { margin-left: 0.75rem; font: inherit; color: inherit; background: none; border: none; cursor: pointer; }""",
    js=(Path(__file__).parent / "intake.js").read_text(encoding="utf-8"),
)


def uploader(*, slim: bool) -> None:
    """Take files and read them at once; the uploader is empty again afterwards.

    Args:
        slim: in one line, for when there is a picture to look at.
    """
    shelf = page.shelf()
    with st.container(horizontal=True, vertical_alignment="center" if slim else "bottom", key="intake"):
        _files("files", True, slim=slim)
        with st.popover(tr("Folder"), icon=":material/folder:", wrap=False):
            _files("folder", "directory", slim=False)
        sample = tr("Sample") if slim else tr("Try a sample radiograph")
        # The script is past its head, which is another one where there is a reading.
        if st.button(sample, icon=":material/radiology:", key="try_sample", wrap=False) and page.read_sample():
            st.rerun()
        if shelf.items:
            st.button(tr("Forget all"), icon=":material/delete:", key="forget", on_click=forget, wrap=False)
    if shelf.left_out:
        st.warning(
            tr(
                "That was more than this page keeps: the first {most} files were read, {left} were not. "
                "For folders use the page Batch, or the command line, python -m model read.",
                most=MOST_ITEMS,
                left=shelf.left_out,
            ),
            icon=":material/info:",
        )


def listen() -> None:
    """Let pictures be pasted, and say of a file that it is too large before it is sent; nothing is to be seen of it."""
    _listener(
        key="intake_listener",
        data={
            "most": MOST_MEGABYTES,
            "sentence": tr(TOO_LARGE, most=MOST_MEGABYTES),
            "link": tr("The page Batch takes larger ones."),
            "close": tr("Close"),
            "address": "batch",
        },
    )


def _files(name: str, multiple: bool | str, *, slim: bool) -> None:
    # A new key makes a new, empty uploader.
    count = st.session_state.setdefault("uploads", 0)
    key = f"{name}_{count}"

    def on_change() -> None:
        # First, because the reading may end this run of the script, and the uploader would keep its files.
        st.session_state.uploads = count + 1
        page.read_uploads(key)

    st.file_uploader(
        tr(DRAG) if multiple is True else tr("A folder of chest X-rays"),
        accept_multiple_files=multiple,  # type: ignore[call-overload]
        key=key,
        on_change=on_change,
        max_upload_size=MOST_MEGABYTES,
        help=None if slim else tr(HELP),
        label_visibility="collapsed" if slim else "visible",
    )


def forget() -> None:
    """Every picture of the session, and what was tried with one."""
    page.shelf().items.clear()
    st.session_state.pop("whatif", None)

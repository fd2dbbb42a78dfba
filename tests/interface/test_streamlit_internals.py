"""Each assumption about the insides of Streamlit and Starlette; a version that breaks one fails here."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit as st
from packaging.requirements import Requirement
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartParser
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from interface.core import streamlit_internals
from tests.app_fixtures import PATIENCE
from tests.conftest import ROOT

MEGABYTES = 3


def uploaded(number: int = 1) -> UploadedFile:
    return UploadedFile(UploadedFileRec(f"id-{number}", "a.png", "image/png", b"abc"), FileURLs(file_id=f"id-{number}"))


def test_the_installed_streamlit_is_one_that_requirements_allow() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (wanted,) = (Requirement(line.split("#")[0]) for line in lines if line.startswith("streamlit"))
    assert wanted.specifier.contains(st.__version__)
    assert any(part.operator in ("<", "<=") for part in wanted.specifier), "insides may change with any version"


def test_a_large_upload_never_touches_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    streamlit_internals.keep_in_memory()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    content = bytes(MEGABYTES * 1024 * 1024)
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\n' + content + b"\r\n--b--\r\n"

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    async def received() -> bytes:
        form = await MultiPartParser(Headers({"content-type": "multipart/form-data; boundary=b"}), stream()).parse()
        file = form["f"]
        assert isinstance(file, UploadFile)
        return await file.read()

    # In a thread of its own: Playwright's event loop may run in this one.
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(asyncio.run, received()).result() == content


def test_files_whose_content_is_gone_are_told_from_others() -> None:
    file = uploaded()
    assert streamlit_internals.received([file, DeletedFile("id-2"), None]) == [file]
    assert streamlit_internals.received(None) == []


def test_what_is_loaded_is_no_work_for_the_collector_that_a_server_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert st.get_option("runner.postScriptGC"), "Streamlit collects after each run"
    before = gc.get_freeze_count()
    streamlit_internals.spare_loaded_objects()
    assert gc.get_freeze_count() == before, "there is no server"
    monkeypatch.setattr("streamlit.runtime.exists", lambda: True)
    try:
        streamlit_internals.spare_loaded_objects()
        assert gc.get_freeze_count() > 10 * len(gc.get_objects())
    finally:
        gc.unfreeze()


def forgetting_script(seen: list[object]) -> None:
    from typing import Any

    from streamlit.runtime.scriptrunner import get_script_run_ctx
    from streamlit.runtime.uploaded_file_manager import UploadedFileRec

    from interface.core import streamlit_internals
    from tests.interface.test_streamlit_internals import uploaded

    context = get_script_run_ctx()
    assert context is not None
    manager: Any = context.uploaded_file_mgr
    manager.add_file(context.session_id, UploadedFileRec("id-1", "a.png", "image/png", b"abc"))
    before = len(manager.get_files(context.session_id, ["id-1"]))
    streamlit_internals.forget_uploads([uploaded()])
    seen.append((before, len(manager.get_files(context.session_id, ["id-1"])), streamlit_internals.can_draw()))


def test_an_upload_is_taken_out_of_memory_and_a_page_knows_that_it_runs() -> None:
    seen: list[object] = []
    app = AppTest.from_function(forgetting_script, default_timeout=PATIENCE, kwargs={"seen": seen}).run()
    assert not app.exception
    assert seen == [(1, 0, True)]
    assert not streamlit_internals.in_script() and not streamlit_internals.can_draw()


def test_streamlit_runs_a_page_of_the_folder_until_it_is_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    PagesManager(str(ROOT / "app.py"))
    assert streamlit_internals.leave_pages_folder()
    assert not streamlit_internals.leave_pages_folder()

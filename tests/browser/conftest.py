"""A real server and a real browser; where there is no browser the tests say how to get one (in CI they must run)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from interface.core import loading
from scripts import serving

# Milliseconds; a machine that trains or tests beside this is slow.
PATIENCE = 60_000


# Closed after the tests of this folder: Playwright keeps an event loop running, and other tests need one of their own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with serving.browser() as opened:
        if opened is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(serving.NO_BROWSER)
        yield opened


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    """The app with the bundle that ships."""
    with serving.serve(tmp_path_factory.mktemp("server") / "log.txt") as running:
        yield running


@pytest.fixture
def page(chromium: Browser, server: serving.Server) -> Iterator[Page]:
    """A new visitor on the first page."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(server.url)
    opened.get_by_role("heading", name="Chest X-ray reader").wait_for()
    yield opened
    context.close()


@pytest.fixture(scope="session")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real chest radiograph as DICOM, from the package pydicom-data."""
    data = loading.sample()
    assert data is not None, loading.NO_SAMPLE
    path = tmp_path_factory.mktemp("dicom") / loading.SAMPLE
    path.write_bytes(data)
    return path

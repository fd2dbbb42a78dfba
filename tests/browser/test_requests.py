"""Which hosts a visitor's browser talks to: the app's server and no other."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from scripts.screenshots import LAST_HEADINGS
from scripts.serving import Server
from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser


def test_no_page_asks_another_host(chromium: Browser, server: Server, dicom: Path) -> None:
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    urls: list[str] = []
    context.on("request", lambda request: urls.append(request.url))
    page.on("websocket", lambda socket: urls.append(socket.url))
    page.goto(server.url)
    page.set_input_files("input[type=file]", dicom)
    page.get_by_alt_text("The radiograph with the heatmap").wait_for()
    for path, heading in LAST_HEADINGS.items():
        page.goto(f"{server.url}/{path}")
        page.get_by_role("heading", name=heading).first.wait_for()
    # The icon in the browser's tab is set by a script after the page has loaded.
    assert page.locator("link[rel*=icon]").first.get_attribute("href", timeout=PATIENCE)
    context.close()
    assert {urlsplit(url).scheme for url in urls} >= {"http", "ws"}
    hosts = {urlsplit(url).netloc for url in urls if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(server.url).netloc}

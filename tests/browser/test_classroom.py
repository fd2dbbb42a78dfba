"""A lesson in a real browser: a lecturer, a window for the projector and two students with phones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks.images import crops
from scripts import serving
from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser
SENT = "Your vote:"


class Visitors:
    """Opens pages, each with cookies and a session of its own."""

    def __init__(self, chromium: Browser, url: str) -> None:
        self._chromium, self._url = chromium, url
        self._contexts: list[BrowserContext] = []

    def open(self, width: int, query: str = "") -> Page:
        context = self._chromium.new_context(viewport={"width": width, "height": 900}, has_touch=width < 500)
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        page = context.new_page()
        page.goto(f"{self._url}/classroom{query}", wait_until="commit")
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def visitors(chromium: Browser, server: serving.Server) -> Iterator[Visitors]:
    opened = Visitors(chromium, server.url)
    yield opened
    opened.close()


def pictures(folder: Path) -> list[Path]:
    """Two real radiographs and their labels."""
    (folder / "labels.csv").write_text("name,label\n0.png,covid19\n1.png,normal\n")
    for number, pixels in enumerate(crops(2, seed=3)):
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return sorted(folder.iterdir())


def vote(page: Page, name: str, sure: str) -> None:
    page.get_by_role("radiogroup", name="What do you see?").get_by_text(name, exact=True).click()
    page.get_by_role("radio", name=sure).click()
    page.get_by_role("button", name="Send").click()
    page.get_by_text(SENT).wait_for()


def test_a_lesson_with_two_phones_and_a_projector(visitors: Visitors, server: serving.Server, tmp_path: Path) -> None:
    lecturer = visitors.open(1280)
    lecturer.get_by_role("heading", name="With your pictures").wait_for()
    lecturer.set_input_files("input[type=file]", pictures(tmp_path))
    lecturer.get_by_role("button", name="Open a room with these files").click()
    lecturer.get_by_alt_text("QR code").first.wait_for()
    found = re.search(r"room=(\w+)", lecturer.url)
    assert found is not None
    code = found[1]

    first = visitors.open(390, f"?room={code}")
    first.get_by_role("heading", name="You are in").wait_for()
    second = visitors.open(390)
    second.get_by_label("The code on the projector").fill(code.lower())
    second.get_by_role("button", name="Join").click()
    second.get_by_role("heading", name="You are in").wait_for()
    projector = visitors.open(1920, f"?room={code}&projector=1")
    projector.get_by_text("2 students are here").wait_for()

    # Nobody touches the phones: they follow the lecturer.
    lecturer.get_by_role("button", name="Show the first picture").click()
    for phone in (first, second):
        phone.get_by_alt_text("The radiograph to read").wait_for()
        assert phone.get_by_test_id("stForm").get_by_role("radio", checked=True).count() == 0
        assert phone.get_by_text("The network:").count() == 0
        wider = phone.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, "the page is wider than the phone"
    vote(first, "Normal", "70")
    projector.get_by_text("1 of 2 have voted").wait_for()
    vote(second, "COVID-19 pattern", "95")
    projector.get_by_text("2 of 2 have voted").wait_for()

    lecturer.get_by_role("button", name="Show the network's answer").click()
    for phone in (first, second):
        phone.get_by_text("The network:").wait_for()
    first.reload()  # the same student, whose first vote is still known
    first.get_by_role("button", name="Keep: Normal, 70").click()
    first.get_by_text(SENT).wait_for()
    vote(second, "Normal", "50")
    lecturer.get_by_text("2 of 2 have voted").wait_for()

    lecturer.get_by_role("button", name="Show the label").click()
    for page in (first, projector):
        page.get_by_text("Label: COVID-19 pattern").first.wait_for()
    lecturer.get_by_role("button", name="Next picture").click()
    second.get_by_text("Picture 2 of 2").wait_for()
    lecturer.get_by_role("button", name="Room", exact=True).click()
    lecturer.get_by_role("button", name="Go to the result now").click()
    lecturer.get_by_role("heading", name="The class and the network").wait_for()
    with lecturer.expect_download() as download:
        lecturer.get_by_role("button", name="Votes (CSV)").click()
    rows = [line.split(",") for line in Path(download.value.path()).read_text().splitlines()]
    assert [row[3:7] for row in rows[1:]] == [
        ["1", "before", "normal", "0.7"],
        ["2", "before", "covid19", "0.95"],
        ["1", "after", "normal", "0.7"],
        ["2", "after", "normal", "0.5"],
    ]
    second.get_by_text("You are number 2").wait_for()
    lecturer.get_by_role("button", name="Close the room").click()
    first.get_by_text(f"There is no room {code}").wait_for()
    assert "Traceback" not in server.log.read_text(errors="replace")

"""Without a mouse from the first visit to a saved report, and a long batch that somebody stops."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Page, expect

from benchmarks.images import crops
from tests.browser.conftest import PATIENCE
from tests.browser.test_app import HEADLINE, OVERLAY, UPLOADER

pytestmark = pytest.mark.browser
# More keystrokes than there are things to reach on the page.
MOST_TABS = 80


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on the button of that name, and see that it shows."""
    wanted = page.get_by_role("button", name=name, exact=True)
    wanted.wait_for()
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("button => button === document.activeElement"):
            break
    expect(wanted).to_be_focused()
    ring = wanted.evaluate("button => { const s = getComputedStyle(button); return s.boxShadow + s.outlineStyle; }")
    assert ring != "nonenone", f"nothing shows that {name} has the focus"


def test_from_the_first_visit_to_a_saved_report_by_keyboard(page: Page) -> None:
    tab_to(page, "Try a sample radiograph")
    page.keyboard.press("Enter")
    page.get_by_alt_text(OVERLAY).wait_for()
    expect(page.get_by_role("heading", name=HEADLINE)).to_be_visible()
    tab_to(page, "Export")
    page.keyboard.press("Enter")
    tab_to(page, "Report (PDF)")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.path().read_bytes().startswith(b"%PDF-")


@pytest.mark.slow
def test_a_batch_that_is_stopped_keeps_what_was_read(page: Page, tmp_path: Path) -> None:
    count = 150
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, pixels in enumerate(crops(count, seed=5, side=256)):
            archive.writestr(f"{number:03}.png", cv2.imencode(".png", pixels)[1].tobytes())
    path = tmp_path / "many.zip"
    path.write_bytes(packed.getvalue())
    page.get_by_role("link", name="Batch").first.click()
    page.get_by_role("heading", name="Batch", exact=True).wait_for()
    page.set_input_files(UPLOADER, path)
    # The bar says how far it is and how long it takes.
    expect(page.get_by_text(re.compile(r"^\d+ of 150"))).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("heading", name="Heatmaps").wait_for()
    page.get_by_role("heading", name="Heatmaps").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Table (CSV)").click()
    rows = waiting.value.path().read_text(encoding="utf-8").splitlines()[1:]
    assert 0 < len(rows) < count and all(f"{number:03}.png" in row for number, row in enumerate(rows))

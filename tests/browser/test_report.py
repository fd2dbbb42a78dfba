"""A report as a visitor takes it home: downloaded, and opened again in the browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_app import HEADLINE, OVERLAY, UPLOADER

pytestmark = pytest.mark.browser


def test_the_html_report_is_downloaded_and_opened_again(page: Page, dicom: Path, tmp_path: Path) -> None:
    page.set_input_files(UPLOADER, dicom)
    page.get_by_alt_text(OVERLAY).wait_for()
    headline = page.get_by_role("heading", name=HEADLINE).inner_text()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (HTML)").click()
    assert download.value.suggested_filename.endswith("-report.html")
    path = tmp_path / "report.html"
    download.value.save_as(path)
    asked: list[str] = []
    opened = page.context.new_page()
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(path.as_uri())
    expect(opened.get_by_role("heading", name=HEADLINE)).to_have_text(headline)
    expect(opened.get_by_text(dicom.name)).to_be_visible()
    assert opened.locator("img").evaluate_all("all => all.every(one => one.complete && one.naturalWidth > 300)")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    opened.set_viewport_size({"width": 390, "height": 844})
    assert opened.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_pdf_report_is_one(page: Page, dicom: Path) -> None:
    page.set_input_files(UPLOADER, dicom)
    page.get_by_alt_text(OVERLAY).wait_for()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (PDF)").click()
    assert download.value.path().read_bytes().startswith(b"%PDF-")

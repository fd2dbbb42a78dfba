"""Languages in a real browser: by its locale, by the switch, two visitors at once, and what a screen reader is told."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from interface.components import viewer
from interface.core.language import LANGUAGES, catalogue
from scripts.serving import Server
from tests.browser.conftest import PATIENCE
from tests.browser.test_app import HEADLINE

SAID = {name: catalogue(name).gettext for name in LANGUAGES if name != "en"}


def visit(chromium: Browser, server: Server, locale: str, path: str = "") -> Page:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale=locale)
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(f"{server.url}/{path}")
    return opened


def test_two_visitors_at_once_each_in_the_language_of_the_browser(chromium: Browser, server: Server) -> None:
    pages = {name: visit(chromium, server, tag) for name, tag in (("hi", "hi-IN"), ("fr", "fr-CA"))}
    for name, page in pages.items():
        expect(page.get_by_role("heading", name=SAID[name]("Chest X-ray reader"))).to_be_visible(timeout=PATIENCE)
        expect(page.locator("html")).to_have_attribute("lang", name, timeout=PATIENCE)
    for name, page in pages.items():
        # One of the first: where letters are wide Streamlit folds the last links away.
        page.get_by_role("link", name=SAID[name]("Batch"), exact=True).first.click()
    for name, page in pages.items():
        expect(page.get_by_role("heading", name=SAID[name]("Batch"))).to_be_visible(timeout=PATIENCE)
        page.context.close()


def test_a_reading_in_another_language_down_to_the_labels_of_the_viewer(
    chromium: Browser, server: Server, dicom: Path
) -> None:
    page = visit(chromium, server, "en-US", "?lang=es")
    said = SAID["es"]
    page.get_by_text(said("For research and education, not a medical device.")).first.wait_for()
    page.locator("input[type=file]").set_input_files(str(dicom))
    group = page.locator(".viewer")
    expect(group.get_by_role("button", name=said("Full screen"))).to_be_visible(timeout=PATIENCE)
    expect(group).to_have_attribute("lang", "es")
    expect(group.get_by_text(said("Brightness"), exact=True)).to_have_count(1)
    assert said(viewer.LABELS[-1]) in (group.get_by_role("application").first.get_attribute("aria-label") or "")
    # Back to English: everything that the browser changed is changed back.
    page.get_by_role("button", name=said("Language")).click()
    page.get_by_role("menuitem", name="English").click()
    expect(page.get_by_role("heading", name=HEADLINE)).to_be_visible(timeout=PATIENCE)
    expect(group.get_by_role("button", name="Full screen")).to_be_visible(timeout=PATIENCE)
    expect(group.get_by_text("Brightness", exact=True)).to_have_count(1)
    expect(page.locator("html")).to_have_attribute("lang", "en", timeout=PATIENCE)
    assert "lang=en" in page.url
    page.context.close()

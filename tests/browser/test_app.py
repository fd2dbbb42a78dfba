"""The app as a visitor meets it: real server, real browser, real radiograph."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from model.reading.card import DEFAULT_BUNDLE, read_card
from model.reading.decision import finding
from scripts import serving
from scripts.screenshots import LAST_HEADINGS
from scripts.serving import Server

pytestmark = pytest.mark.browser
UPLOADER = "input[type=file]"
# Of a finding, whichever it is.
HEADLINE = re.compile("COVID-19 pattern|Other lung disease|Uncertain: ")
OVERLAY = "The radiograph with the heatmap"


def no_traceback(page: Page, server: Server) -> None:
    shown = page.locator("body").inner_text()
    assert "Traceback" not in shown
    assert "Traceback" not in server.log.read_text(errors="replace")


def test_a_real_dicom_gives_decision_and_heatmap(page: Page, server: Server, dicom: Path, tmp_path: Path) -> None:
    page.set_input_files(UPLOADER, dicom)
    headline = page.get_by_role("heading", name=HEADLINE)
    headline.wait_for()
    overlay = page.get_by_alt_text(OVERLAY)
    overlay.wait_for()
    page.wait_for_function("image => image.complete && image.naturalWidth > 300", arg=overlay.element_handle())
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Overlay (PNG)").click()
    download.value.save_as(tmp_path / "overlay.png")
    pixels = np.asarray(Image.open(tmp_path / "overlay.png").convert("RGB")).astype(int)
    coloured = (np.ptp(pixels, axis=2) > 20).mean()
    assert coloured > 0.01, "the overlay has no colour"
    with page.expect_download() as download:
        page.get_by_role("button", name="Reading (JSON)").click()
    download.value.save_as(tmp_path / "reading.json")
    reading = json.loads((tmp_path / "reading.json").read_text())
    card = read_card(DEFAULT_BUNDLE)
    expect(headline).to_have_text(str(finding(reading["decision"], reading["scores"], card).headline))
    expect(page.get_by_role("status").filter(has_text="Result: ")).to_contain_text(headline.inner_text())
    assert sum(reading["scores"].values()) == pytest.approx(1, abs=1e-3)
    no_traceback(page, server)


def test_the_server_keeps_no_file_that_was_read(page: Page, server: Server, dicom: Path) -> None:
    page.set_input_files(UPLOADER, dicom)
    page.get_by_alt_text(OVERLAY).wait_for()
    with urllib.request.urlopen(f"{server.url}/_stcore/metrics") as answer:
        kept = re.findall(r'type="UploadedFileManager",cache=""} (\d+)', answer.read().decode())
    assert [int(number) for number in kept if int(number)] == []


def test_the_sample_is_one_click_away(page: Page, server: Server) -> None:
    page.get_by_role("button", name="Try a sample radiograph").click()
    page.get_by_alt_text(OVERLAY).wait_for()
    no_traceback(page, server)


@pytest.mark.parametrize(("name", "data"), [("empty.png", b""), ("notes.dcm", b"this is no radiograph")])
def test_a_bad_file_gives_a_sentence(page: Page, server: Server, tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    page.set_input_files(UPLOADER, tmp_path / name)
    alert = page.get_by_role("alert").filter(has_text="was not read")
    alert.wait_for()
    assert alert.inner_text().rstrip().endswith(".")
    expect(page.get_by_role("heading", name=HEADLINE)).to_have_count(0)
    no_traceback(page, server)


def test_visitors_do_not_see_each_other(page: Page, chromium: Browser, server: Server, dicom: Path) -> None:
    page.set_input_files(UPLOADER, dicom)
    page.get_by_role("heading", name=HEADLINE).wait_for()
    other = chromium.new_context().new_page()
    other.goto(server.url)
    other.get_by_role("heading", name="What you get").wait_for()
    expect(other.get_by_role("heading", name=HEADLINE)).to_have_count(0)
    other.context.close()


@pytest.mark.parametrize(
    ("link", "title", "last"),
    [
        ("How it works", "How it works", "Grad-CAM by hand"),
        ("Prevalence", "Prevalence", "Before and after"),
        ("Model card", "Model card", "Licence"),
    ],
)
def test_the_other_pages_open_to_their_end(page: Page, server: Server, link: str, title: str, last: str) -> None:
    page.get_by_role("link", name=link).first.click()
    page.get_by_role("heading", name=title, exact=True).wait_for()
    page.get_by_role("heading", name=last).wait_for()
    no_traceback(page, server)


def test_a_batch_with_a_bad_file_in_it(page: Page, server: Server, dicom: Path, tmp_path: Path) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("no picture")
    page.get_by_role("link", name="Batch").first.click()
    page.get_by_role("heading", name="Batch", exact=True).wait_for()
    page.set_input_files(UPLOADER, [dicom, bad])
    page.get_by_role("heading", name="Heatmaps").wait_for()
    page.get_by_role("button", name="Refused", exact=True).wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Table (CSV)").click()
    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3 and "refused" in lines[2]
    no_traceback(page, server)


def test_a_link_to_a_page_works_for_the_first_visitor_of_a_server(chromium: Browser, tmp_path: Path) -> None:
    with serving.serve(tmp_path / "log.txt") as fresh:
        visitor = chromium.new_page()
        for path, heading in (("how_it_works", "Grad-CAM by hand"), ("card", "Licence")):
            visitor.goto(f"{fresh.url}/{path}")
            visitor.get_by_role("heading", name=heading).wait_for()
            expect(visitor.get_by_text("Page not found")).to_have_count(0)
            expect(visitor.get_by_role("link", name="Model card")).to_have_count(1)
        visitor.close()


@pytest.mark.parametrize("path", ["/", "/batch", "/how_it_works", "/prevalence", "/card", "/data", "/evidence"])
def test_a_phone_need_not_scroll_sideways(chromium: Browser, server: Server, path: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    phone = context.new_page()
    phone.goto(server.url + path)
    phone.get_by_role("heading").first.wait_for()
    if path == "/":
        phone.get_by_role("button", name="Try a sample radiograph").click()
        phone.get_by_alt_text(OVERLAY).wait_for()
    else:
        phone.get_by_role("heading", name=LAST_HEADINGS[path[1:]]).wait_for()
    main = phone.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth - main.clientWidth") <= 1
    context.close()


def test_every_picture_says_what_it_shows(page: Page, dicom: Path) -> None:
    page.set_input_files(UPLOADER, dicom)
    page.get_by_alt_text(OVERLAY).wait_for()
    pictures = page.get_by_test_id("stMain").locator("img")
    texts = pictures.evaluate_all("all => all.filter(image => image.checkVisibility()).map(image => image.alt)")
    told = [text for text in texts if text]
    assert len(told) == 2 and all(len(text.split()) > 3 for text in told)
    assert len(texts) == 3, "more than the layer of the heatmap, of which its picture tells, is without words"

"""Every page in both themes, on a laptop and a phone, under axe-core: what of WCAG 2.2 AA a program can see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from scripts.screenshots import LAST_HEADINGS
from scripts.serving import Server
from tests.browser.conftest import PATIENCE
from tests.browser.test_app import HEADLINE

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# Page -> its last heading: when it is there the page is.
PAGES: dict[str, str | re.Pattern[str]] = {"read": HEADLINE, **LAST_HEADINGS}
# What has to be opened on the first page, and what is seen then.
CLOSED = (("Details", "What a score is"), ("What would change the answer?", "Lungs covered"))
WIDTHS = (1280, 390)
# Of the Evidence page: the one with the widest tables and one with many figures; the page opens at a mere list.
SECTIONS = ("Confident errors", "Per source")
GRAVE = ("serious", "critical")
# A page that is still drawn anew is faded, which would be measured as too little contrast; and a chart whose code the
# browser is still fetching is a grey box without a role.
AT_REST = """() => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
  && !document.querySelector("[data-testid=stSkeleton]")"""

# A click keeps the session, and with it the reading; an address typed in would start a new one.
# None while the menu of a phone's width gives way to the other.
GO = "href => { const link = document.querySelector(`a[href$='${href}']`); link?.click(); return Boolean(link); }"
# Streamlit scrolls inside the page, and what is scrolled out of sight is not measured: the window is made as high.
HEIGHT = "() => Math.ceil(document.querySelector('[data-testid=stMainBlockContainer]').getBoundingClientRect().height)"
PALE = """() => {
  const pale = document.createElement("p");
  pale.id = "pale";
  pale.textContent = "hardly to be read";
  pale.style = "color: #999; background: #aaa";
  document.querySelector("[data-testid=stMainBlockContainer]").append(pale);
}"""


@pytest.fixture(scope="module", params=["light", "dark"])
def visitor(request: pytest.FixtureRequest, chromium: Browser, server: Server) -> Iterator[Page]:
    """Somebody in one of the themes who has read the sample radiograph."""
    theme: Literal["light", "dark"] = request.param
    context = chromium.new_context(
        viewport={"width": WIDTHS[0], "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(server.url)
    opened.get_by_role("button", name="Try a sample radiograph").click()
    opened.get_by_alt_text("The radiograph with the heatmap").wait_for()
    yield opened
    context.close()


def findings(page: Page) -> list[str]:
    """What axe-core calls serious or critical on the page as it is drawn now: the rule, the element, and why.

    On a laptop's width and a phone's, on which other parts scroll or wrap.
    """
    found = []
    for width in reversed(WIDTHS):
        # The page is left at the first width, as a menu is folded away at the second.
        for _ in range(2):
            # Twice, because another width changes the height.
            page.set_viewport_size({"width": width, "height": page.evaluate(HEIGHT) + 100})
            page.wait_for_function(AT_REST)
        violations: list[dict[str, Any]] = Axe().run(page).response["violations"]
        found += [
            f"{rule['id']} ({node['impact']}) at {width}: {node['target']}: {node['html'][:300]}: "
            f"{node['failureSummary']}"
            for rule in violations
            for node in rule["nodes"]
            if node["impact"] in GRAVE
        ]
    return found


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious(visitor: Page, path: str) -> None:
    visitor.wait_for_function(GO, arg="/" if path == "read" else f"/{path}")
    visitor.get_by_role("heading", name=PAGES[path]).first.wait_for()
    for closed, inside in CLOSED if path == "read" else ():
        visitor.locator("summary", has_text=closed).click()
        visitor.get_by_text(inside).first.wait_for()
    assert not findings(visitor)


# Tables that are wider than the page.
WIDE = "[...document.querySelectorAll('[role=region]')].filter(r => r.tabIndex == 0 && r.scrollWidth > r.clientWidth)"


def test_axe_finds_nothing_serious_in_wide_tables(visitor: Page) -> None:
    visitor.wait_for_function(GO, arg="/evidence")
    visitor.get_by_role("heading", name=PAGES["evidence"], exact=True).wait_for()
    region = visitor.get_by_role("region", name="Table: ").first
    found = []
    for title in SECTIONS:
        visitor.wait_for_function(AT_REST)
        visitor.get_by_role("combobox", name="Section").fill(title)
        visitor.keyboard.press("Enter")
        visitor.get_by_role("heading", name=title, exact=True).wait_for()
        region.wait_for()
        found += findings(visitor)
    visitor.set_viewport_size({"width": WIDTHS[1], "height": 900})
    visitor.wait_for_function(f"() => {WIDE}.length")
    wide = visitor.evaluate_handle(f"() => {WIDE}[0]").as_element()
    assert wide
    wide.focus()
    visitor.keyboard.press("ArrowRight")
    # The keys move it, and it does not make the page wider.
    visitor.wait_for_function("element => element.scrollLeft > 0", arg=wide)
    assert visitor.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
    visitor.set_viewport_size({"width": WIDTHS[0], "height": 900})
    assert not found


def test_axe_finds_nothing_serious_in_a_batch_and_a_quiz(visitor: Page, dicom: Path, tmp_path: Path) -> None:
    visitor.wait_for_function(GO, arg="/batch")
    visitor.get_by_role("heading", name="Batch", exact=True).wait_for()
    visitor.set_input_files("input[type=file]", dicom)
    visitor.get_by_role("heading", name="Heatmaps").wait_for()
    found = findings(visitor)
    labels = tmp_path / "labels.csv"
    labels.write_text(f"name,label\n{dicom.name},normal\n")
    visitor.wait_for_function(GO, arg="/quiz")
    visitor.get_by_role("heading", name="Quiz", exact=True).wait_for()
    visitor.set_input_files("input[type=file]", [dicom, labels])
    visitor.get_by_role("button", name="Begin", exact=True).click()
    visitor.get_by_text("What do you see?").wait_for()
    found += findings(visitor)
    visitor.get_by_role("radiogroup", name="What do you see?").get_by_text("Normal").click()
    visitor.get_by_role("radio", name="70").click()
    visitor.get_by_role("button", name="Answer").click()
    visitor.get_by_text("What do you see?").wait_for(state="detached")
    assert not found + findings(visitor)


def test_axe_finds_what_is_wrong(visitor: Page) -> None:
    visitor.evaluate(PALE)
    found = findings(visitor)
    visitor.evaluate("() => document.querySelector('#pale').remove()")
    assert any("color-contrast" in one and "#pale" in one for one in found)

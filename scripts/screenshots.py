"""Make the documentation's pictures of the app with the sample radiograph: `make screenshots`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `python scripts/screenshots.py` has scripts/ alone on its path

from scripts import serving  # noqa: E402

Theme = Literal["light", "dark"]
WIDTHS = {"wide": 1280, "phone": 390}
PATIENCE = 60_000
# Page -> its last heading, or the only one: when it is there the page is.
LAST_HEADINGS = {
    "batch": "Batch",
    "how_it_works": "50 layers or 152?",
    "prevalence": "Before and after",
    "quiz": "With your pictures",
    "classroom": "With your pictures",
    "evidence": "All tables and figures",
    "data": "A picture to try",
    "card": "Licence",
    "about": "Versions",
}
# What the README shows beside Read: in which theme, and below which heading; as much as a window holds.
README_PAGES: dict[str, tuple[Theme, str]] = {
    "how_it_works": ("light", "What each stage sees in an image"),
    "prevalence": ("dark", "Prevalence"),
}
# Longer than ECharts and Mermaid need to draw; nothing on the page says when they have.
SETTLE = 2_000


def main() -> int:
    """Make the pictures.

    Returns:
        Exit code: 0, or 1 where there is no browser.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, help="folder for the pictures (default: docs/screenshots; with --all artefacts/screenshots)"
    )
    parser.add_argument(
        "--all", action="store_true", help="every page in both themes and widths, not the README's alone"
    )
    arguments = parser.parse_args()
    out = arguments.out or ROOT / ("artefacts/screenshots" if arguments.all else "docs/screenshots")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, serving.browser() as chromium:
        if chromium is None:
            print(f"No pictures: {serving.NO_BROWSER}.", file=sys.stderr)
            return 1
        with serving.serve(Path(scratch) / "log.txt") as server:
            if not arguments.all:
                _visit(chromium, server.url, out, "light", WIDTHS["wide"], ())
                for path, (theme, _) in README_PAGES.items():
                    _visit(chromium, server.url, out, theme, WIDTHS["wide"], (path,))
                return 0
            themes: tuple[Theme, ...] = ("light", "dark")
            for theme in themes:
                for kind, width in WIDTHS.items():
                    _visit(chromium, server.url, out, theme, width, tuple(LAST_HEADINGS), f"-{theme}-{kind}")
    return 0


def _visit(
    chromium: Browser,
    url: str,
    out: Path,
    theme: Theme,
    width: int,
    paths: Sequence[str],
    name: str = "",
) -> None:
    """Read the sample, then open these pages.

    Args:
        chromium: the browser.
        url: of the app.
        out: folder for the pictures.
        theme: of the pages.
        width: of the window in pixels.
        paths: of the pages beside Read.
        name: end of the files' names of whole pages; without one the pictures show what a window holds.
    """
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name="Try a sample radiograph").wait_for()
    if name:
        _save(page, out / f"start{name}.png")
    page.get_by_role("button", name="Try a sample radiograph").click()
    page.get_by_alt_text("The radiograph with the heatmap").wait_for()
    if name:
        _save(page, out / f"read{name}.png")
    elif not paths:
        _window(page, out / "read.png")
    for path in paths:
        # A click keeps the session, and with it the reading; an address typed in would start a new one.
        page.evaluate("path => document.querySelector(`a[href$='/${path}']`).click()", path)
        page.get_by_role("heading", name=LAST_HEADINGS[path]).wait_for()
        if name:
            _save(page, out / f"{path}{name}.png")
        else:
            heading = page.get_by_role("heading", name=README_PAGES[path][1], exact=True)
            heading.evaluate("element => element.scrollIntoView()")
            _window(page, out / f"{path}.png")
    context.close()


def _window(page: Page, path: Path) -> None:
    page.wait_for_timeout(SETTLE)
    page.screenshot(path=path)
    print(path.name)


def _save(page: Page, path: Path) -> None:
    """The whole page, however long: Streamlit scrolls inside it, so the window is made as high as its content."""
    page.wait_for_timeout(SETTLE)
    width = page.viewport_size["width"] if page.viewport_size else 1280
    for _ in range(2):
        # Twice, because a higher window can change the layout.
        height = page.evaluate(
            "() => { const main = document.querySelector('[data-testid=stMain]');"
            " return main.querySelector('[data-testid=stMainBlockContainer]').getBoundingClientRect().height + 70; }"
        )
        page.set_viewport_size({"width": width, "height": int(min(max(height, 600), 12_000))})
        page.wait_for_timeout(SETTLE // 2)
    page.screenshot(path=path)
    print(path.name)


if __name__ == "__main__":
    sys.exit(main())

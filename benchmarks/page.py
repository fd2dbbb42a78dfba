"""How long a reading takes on the page, and how much of the page moves meanwhile.

The real server, driven by a real browser; the server is warm, and each reading is on a visit of its own that finds the
app's files in the browser's cache. Usage: python -m benchmarks.page
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks import images, machine
from model.reading.card import chosen, read_card
from model.reading.radiograph import decode
from scripts import serving

RUNS = 10
LIMIT = 300  # milliseconds
WIDTHS = {1280: 900, 390: 844}
PATIENCE_MS = 60_000
# Longer than the pictures, the fonts and what Streamlit draws after them need to come to rest.
SETTLE_MS = 2_000
UPLOADER = "input[type=file]"
# Session windows of the Cumulative Layout Shift (web.dev/cls): no gap of a second in one, and none above five.
GAP, LONGEST = 1_000, 5_000
# What the page itself can tell: when a file was chosen, when the first frame with the decision in it had been shown,
# and every layout shift since the page was opened.
WATCH = """
const found = window.measured = { chosen: null, decided: null, shown: null, shifts: [] };
new PerformanceObserver((list) => {
  for (const { startTime, value, hadRecentInput, sources } of list.getEntries()) {
    const moved = sources.map(({ node }) => {
      const element = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
      return element?.closest?.("[data-testid]")?.dataset.testid ?? element?.nodeName ?? "gone";
    });
    found.shifts.push({ at: startTime, value, hadRecentInput, moved });
  }
}).observe({ type: "layout-shift", buffered: true });
document.addEventListener("change", ({ target }) => {
  if (target.type === "file") found.chosen = performance.now();
}, true);
const visible = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
function look() {
  const decided = [...document.querySelectorAll("h2")].some(
    (one) => one.textContent.startsWith("COVID-19 pattern: ") && visible(one));
  const picture = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")].some(
    ({ shadowRoot }) => [...shadowRoot?.querySelectorAll("figure img[src]") ?? []].some(
      (one) => one.complete && visible(one)));
  // A frame later, because the one that is being made now has yet to be shown.
  if (decided && !found.decided) requestAnimationFrame(() => { found.decided ??= performance.now(); });
  if (picture && !found.shown) requestAnimationFrame(() => { found.shown ??= performance.now(); });
  requestAnimationFrame(look);
}
requestAnimationFrame(look);
"""
COLLECT = """() => {
  const uploads = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/_stcore/upload_file/"));
  return { ...window.measured, sent: uploads[0].requestStart, uploaded: uploads.at(-1).responseEnd };
}"""


def main() -> int:
    """Measure and write `results/page.json`; exit code 1 where there is no browser."""
    before = machine.describe()
    with tempfile.TemporaryDirectory() as scratch, serving.browser() as chromium:
        if chromium is None:
            print(f"Nothing measured: {serving.NO_BROWSER}.", file=sys.stderr)
            return 1
        files = _files(Path(scratch))
        with serving.serve(Path(scratch) / "log.txt") as server:
            visits = {
                width: {name: _visits(chromium, server.url, path, width) for name, path in files.items()}
                for width in WIDTHS
            }
    waits = {name: _waits(measured) for name, measured in visits[1280].items()}
    shifts = {
        str(width): {name: _shifts(measured) for name, measured in kinds.items()} for width, kinds in visits.items()
    }
    machine.write(
        "page",
        {
            "what": "one reading a visit on a warm server, in headless Chromium that has the app's files in its cache: "
            "milliseconds until the first frame with the decision in words had been shown, and layout shift; "
            "the browser takes the choice of a file for input, after which shifts of half a second are expected and "
            "do not count, so they are given apart",
            "machine": before,
            "bundle": read_card(chosen()).title,
            "milliseconds": waits,
            "cumulative_layout_shift_by_width": shifts,
            "targets": {
                f"milliseconds from the end of the upload to the decision, {name} (median)": {
                    "limit": f"under {LIMIT}",
                    "found": measured["upload_to_decision"]["median"],
                    "met": bool(measured["upload_to_decision"]["median"] < LIMIT),
                }
                for name, measured in waits.items()
            },
        },
    )
    return 0


def _files(folder: Path) -> dict[str, Path]:
    """The sample radiograph as people have it, on disk: handing Playwright the bytes takes it seconds of its own."""
    dicom = images.sample()
    whole = np.clip(np.rint(decode(dicom).pixels), 0, 255).astype(np.uint8)
    height, width = whole.shape
    files = {
        "PNG of 1,024 x 1,024 pixels": images.as_png(dicom),
        f"JPEG of {width:,} x {height:,} pixels": cv2.imencode(".jpg", whole)[1].tobytes(),
        f"raw DICOM of {width:,} x {height:,} pixels": dicom,
    }
    for number, data in enumerate(files.values()):
        (folder / f"measured-{number}").write_bytes(data)
    return {name: folder / f"measured-{number}" for number, name in enumerate(files)}


def _visits(chromium: Browser, url: str, path: Path, width: int) -> list[dict[str, Any]]:
    context = chromium.new_context(viewport={"width": width, "height": WIDTHS[width]})
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCH)
    # The first visit fills the browser's cache, and the first of all has the server load what it needs.
    visits = [_visit(context, url, path) for _ in range(RUNS + 1)][1:]
    context.close()
    return visits


def _visit(context: BrowserContext, url: str, path: Path) -> dict[str, Any]:
    """One new page with one reading: what WATCH and COLLECT found, times in milliseconds since it was opened."""
    page: Page = context.new_page()
    page.goto(url)
    page.locator(UPLOADER).wait_for(state="attached")
    page.wait_for_timeout(SETTLE_MS)
    page.set_input_files(UPLOADER, path)
    page.wait_for_function("measured.decided && measured.shown", polling=100)
    page.wait_for_timeout(SETTLE_MS)
    measured: dict[str, Any] = page.evaluate(COLLECT)
    page.close()
    return measured


def _waits(visits: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | int]]:
    parts = {
        "upload_to_decision": ("uploaded", "decided"),
        "upload_to_picture_with_heatmap": ("uploaded", "shown"),
        "choice_of_file_to_decision": ("chosen", "decided"),
        "upload_itself": ("sent", "uploaded"),
    }
    return {
        name: machine.spread([(visit[end] - visit[start]) / 1000 for visit in visits])
        for name, (start, end) in parts.items()
    }


def _shifts(visits: Sequence[dict[str, Any]]) -> dict[str, float | list[str]]:
    """The worst visit counts; what moved is told by the names that Streamlit gives its elements."""
    reading = [[shift for shift in visit["shifts"] if shift["at"] >= visit["chosen"]] for visit in visits]
    largest = max((shift for shifts in reading for shift in shifts), key=lambda shift: shift["value"], default=None)
    return {
        "during_the_reading": max(map(cumulative, reading)),
        "with_what_follows_the_choice_of_the_file": max(cumulative(shifts, expected=True) for shifts in reading),
        "before_it": max(
            cumulative(shift for shift in visit["shifts"] if shift["at"] < visit["chosen"]) for visit in visits
        ),
        "moved_most": sorted(set(largest["moved"])) if largest else [],
    }


def cumulative(shifts: Iterable[dict[str, Any]], *, expected: bool = False) -> float:
    """The Cumulative Layout Shift of a page, as web.dev/cls defines it.

    Args:
        shifts: in the order of time, each with "at" in milliseconds, "value" and "hadRecentInput".
        expected: count those in the half second after a person's input too, which the definition leaves out.

    Returns:
        The sum of the worst session window.
    """
    worst = total = 0.0
    begun = last = float("-inf")
    for shift in shifts:
        if shift["hadRecentInput"] and not expected:
            continue
        if shift["at"] - last >= GAP or shift["at"] - begun >= LONGEST:
            total, begun = 0.0, shift["at"]
        total, last = total + shift["value"], shift["at"]
        worst = max(worst, total)
    return round(worst, 4)


if __name__ == "__main__":
    sys.exit(main())

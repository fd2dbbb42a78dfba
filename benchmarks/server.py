"""What the running app costs: time to the first reading, memory after ten, and what its imports take.

The real server, driven by a real browser. Usage: python -m benchmarks.server
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

from benchmarks import images, machine
from model.reading.card import chosen, read_card
from scripts import serving

STARTS, READINGS, IMPORTS = 5, 10, 7
PATIENCE_MS = 60_000
UPLOADER = "input[type=file]"
# In a process of its own: everything in model.reading, and what came along with it.
IMPORT = """
import importlib, json, pkgutil, sys, time
start = time.perf_counter()
import model.reading
package = time.perf_counter() - start
import model.reading.reader, model.reading.heatmap
reader = time.perf_counter() - start
for module in pkgutil.iter_modules(model.reading.__path__, "model.reading."):
    importlib.import_module(module.name)
print(json.dumps({
    "package": package,
    "reader_and_rendering": reader,
    "all_modules": time.perf_counter() - start,
    "tensorflow": any(name.split(".")[0] in ("tensorflow", "keras") for name in sys.modules),
}))
"""


def main() -> int:
    """Measure and write `results/server.json`; exit code 1 where there is no browser."""
    before = machine.describe()
    imports = [_import() for _ in range(IMPORTS)]
    with tempfile.TemporaryDirectory() as scratch, serving.browser() as chromium:
        if chromium is None:
            print(f"Nothing measured: {serving.NO_BROWSER}.", file=sys.stderr)
            return 1
        log = Path(scratch) / "log.txt"
        png, dicom = images.as_png(images.sample()), images.sample()
        first = [_first_reading(chromium, log, png) for _ in range(STARTS)]
        first_dicom = [_first_reading(chromium, log, dicom) for _ in range(STARTS)]
        resident = _resident_by_readings(chromium, log)
    seconds = _median(first)
    importing = round(float(np.median([imported["reader_and_rendering"] for imported in imports])), 3)
    tensorflow = any(imported["tensorflow"] for imported in imports)
    megabytes = resident[str(READINGS)]
    machine.write(
        "server",
        {
            "what": "streamlit run app.py, opened in headless Chromium with nothing cached; the sample radiograph is "
            "uploaded as a PNG of 1,024 pixels a side and, after other starts, as raw DICOM of 7 MB",
            "machine": before,
            "bundle": read_card(chosen()).title,
            "starts": first,
            "starts_with_dicom": first_dicom,
            "seconds_to_first_reading_with_dicom": _median(first_dicom),
            "resident_mb_by_readings": resident,
            "imports_seconds": imports,
            "targets": {
                f"resident MB of the server after {READINGS} readings": {
                    "limit": "under 300",
                    "found": megabytes,
                    "met": megabytes < 300,
                },
                "seconds from process start to the first reading of a PNG on the page (median)": {
                    "limit": "at most 3",
                    "found": seconds,
                    "met": seconds <= 3,
                },
                "seconds to import what reads and draws; pydicom follows with the first DICOM file (median)": {
                    "limit": "under 0.5",
                    "found": importing,
                    "met": importing < 0.5,
                },
                "TensorFlow or Keras in sys.modules after that": {
                    "limit": False,
                    "found": tensorflow,
                    "met": not tensorflow,
                },
            },
        },
    )
    return 0


def _import() -> dict[str, Any]:
    out = subprocess.run([sys.executable, "-c", IMPORT], cwd=serving.ROOT, capture_output=True, text=True, check=True)
    values = json.loads(out.stdout)
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}


def _median(starts: list[dict[str, float]]) -> float:
    return round(float(np.median([start["to_first_reading"] for start in starts])), 2)


def _first_reading(chromium: Browser, log: Path, data: bytes) -> dict[str, float]:
    """Seconds from the start of a new server process."""
    page = chromium.new_page()
    page.set_default_timeout(PATIENCE_MS)
    with serving.serve(log) as server:
        answers = time.perf_counter()
        # What counts is the uploader, not the browser's own "load", which waits for fonts.
        page.goto(server.url, wait_until="commit")
        page.locator(UPLOADER).wait_for(state="attached")
        shown = time.perf_counter()
        _upload(page, 0, data)
        read = time.perf_counter()
    page.close()
    return {
        "to_first_answer": round(answers - server.started, 2),
        "to_the_page": round(shown - server.started, 2),
        "to_first_reading": round(read - server.started, 2),
    }


def _resident_by_readings(chromium: Browser, log: Path) -> dict[str, float]:
    """Resident MB of one server after each of ten readings of different radiographs."""
    page = chromium.new_page()
    page.set_default_timeout(PATIENCE_MS)
    with serving.serve(log) as server:
        resident = {"0": serving.resident_megabytes(server.pid)}
        page.goto(server.url)
        for number, data in enumerate(images.windowed(READINGS), 1):
            _upload(page, number, data)
            resident[str(number)] = serving.resident_megabytes(server.pid)
    page.close()
    return {number: round(value, 1) for number, value in resident.items()}


def _upload(page: Page, number: int, data: bytes) -> None:
    """Upload one radiograph and wait until its reading is on the page."""
    name = f"measured-{number}"
    # By path, as a person does: handing Playwright the bytes takes it seconds of its own.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        page.set_input_files(UPLOADER, path, timeout=PATIENCE_MS)
        page.get_by_text(f"{name} · read in").wait_for()


if __name__ == "__main__":
    sys.exit(main())

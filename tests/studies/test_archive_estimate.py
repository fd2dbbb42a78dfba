"""The figures of docs/archive.md are those of the measurement, and what follows from them is computed right."""

from __future__ import annotations

import pytest

from studies import archive_estimate
from tests.conftest import ROOT

RESULTS = {
    "bundle": "covid_resnet50 0.6.0",
    "machine": {"processor": "a processor", "cores": 2},
    "mean_file_mb": 0.5,
    "engines": {
        "local": {"pictures_a_second": 30.0, "start_seconds": 1.0},
        "ray_1": {"pictures_a_second": 11.0, "start_seconds": 9.0},
        "ray_2": {"pictures_a_second": 20.0, "start_seconds": 9.0},
    },
    "killed": {"pictures": 1000, "whole_lines_at_the_kill": 501, "lines": 1000, "read_twice": 1, "lost": 2},
    "growth": [{"pictures": 100, "seconds": 4.0, "peak_mb": 150.0, "listed_a_second": 50_000}],
}


def test_the_document_says_what_was_measured() -> None:
    text = archive_estimate.DOCUMENT.read_text(encoding="utf-8")
    assert archive_estimate.with_tables(text, archive_estimate.measured()) == text
    assert text.count(archive_estimate.MARK) == 1


def test_hours_and_prices_follow_from_the_rate() -> None:
    # 16 processors with 10 pictures a second each read 576,000 an hour.
    cost = archive_estimate.plan(1_152_000, 2, rate=10)
    assert cost["hours"] == pytest.approx(1.0)
    assert cost["machines"] == pytest.approx(32 * archive_estimate.PRICE_PER_PROCESSOR_HOUR)
    assert cost["requests"] == pytest.approx(0.92, abs=0.01)


def test_the_tables_hold_the_figures_and_the_first_limit_first() -> None:
    text = archive_estimate.tables(RESULTS)
    assert "| `--engine local`, all cores | 30.0 | 1.0 |" in text
    assert "A process read 10.0 pictures a second" in text
    assert "| 1,000,000 | 1 | 1.7 |" in text and "| 100,000,000 | 10 | 17.4 |" in text
    assert "when 501 of 1,000 pictures" in text and "1,000 lines, 1 pictures read twice, 2 lost." in text
    limits = [line for line in text.splitlines() if line.startswith("- ")]
    assert limits[0].startswith("- a storage") and limits[0].endswith(": 275")
    assert limits[1].endswith(": 5,000") and "0.64 gigabit" in limits[2]
    without = {**RESULTS, "engines": {"local": RESULTS["engines"]["local"]}}  # type: ignore[index]
    assert "Ray was not measured" in archive_estimate.tables(without)


def test_the_document_names_the_assumptions() -> None:
    text = (ROOT / "docs" / "archive.md").read_text(encoding="utf-8")
    assert f"{archive_estimate.PRICE_PER_PROCESSOR_HOUR} US$" in text
    assert f"{archive_estimate.PRICE_PER_REQUEST * 1000:.4f} US$ for a thousand requests" in text
    assert f"{archive_estimate.REQUESTS_A_SECOND:,} requests a second" in text

"""What `python -m benchmarks.page` makes of the browser's layout shifts."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.page import cumulative


def shift(at: float, value: float, *, after_input: bool = False) -> dict[str, Any]:
    return {"at": at, "value": value, "hadRecentInput": after_input}


@pytest.mark.parametrize(
    ("shifts", "found"),
    [
        ([], 0),
        ([shift(0, 0.1), shift(900, 0.05)], 0.15),
        # A second without a shift ends a window, and the worst window counts.
        ([shift(0, 0.1), shift(1000, 0.05), shift(1500, 0.02)], 0.1),
        ([shift(0, 0.05), shift(1000, 0.1), shift(1500, 0.02)], 0.12),
        # So do five seconds without such a pause.
        ([shift(900 * number, 0.01) for number in range(8)], 0.06),
    ],
)
def test_the_worst_session_window_counts(shifts: list[dict[str, Any]], found: float) -> None:
    assert cumulative(shifts) == pytest.approx(found)


def test_what_follows_input_counts_where_it_is_asked_for_alone() -> None:
    shifts = [shift(100, 0.2, after_input=True), shift(200, 0.01)]
    assert cumulative(shifts) == pytest.approx(0.01)
    assert cumulative(shifts, expected=True) == pytest.approx(0.21)

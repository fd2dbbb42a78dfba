"""What every measurement needs: the machine in words, statistics of repeated runs, a JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from model.machine import describe

RESULTS = Path(__file__).parent / "results"
__all__ = ["RESULTS", "describe", "ratio", "spread", "write"]


def spread(seconds: Sequence[float]) -> dict[str, float | int]:
    """Median and the middle four fifths of repeated runs, in milliseconds."""
    low, middle, high = np.percentile(np.asarray(seconds) * 1000, [10, 50, 90])
    return {"median": round(middle, 3), "p10": round(low, 3), "p90": round(high, 3), "runs": len(seconds)}


def ratio(above: Sequence[float], below: Sequence[float], draws: int = 2000) -> dict[str, float]:
    """Ratio of two medians with its 95 % interval, by bootstrap over the rounds in which both were measured.

    Args:
        above: seconds of each round.
        below: seconds of the same rounds, in the same order.
        draws: bootstrap samples (Efron 1979).

    Returns:
        "value", "low" and "high".
    """
    a, b = np.asarray(above), np.asarray(below)
    rounds = np.random.default_rng(0).integers(0, len(a), (draws, len(a)))
    low, high = np.percentile(np.median(a[rounds], axis=1) / np.median(b[rounds], axis=1), [2.5, 97.5])
    value = float(np.median(a) / np.median(b))
    return {"value": round(value, 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def write(name: str, content: dict[str, Any]) -> None:
    """Write one measurement to `benchmarks/results/NAME.json` and say what came out.

    Args:
        name: of the file.
        content: "targets" maps a target to {"limit", "found", "met"}, where there are targets.
    """
    RESULTS.mkdir(exist_ok=True)
    stamped = {"measured": datetime.now(UTC).isoformat(timespec="seconds"), **content}
    text = json.dumps(stamped, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    for target, row in content.get("targets", {}).items():
        print(f"{'met   ' if row['met'] else 'MISSED'}  {target}: {row['found']} (limit {row['limit']})")

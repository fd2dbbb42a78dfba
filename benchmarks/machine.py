"""What every measurement needs: the machine in words, statistics of repeated runs, a JSON file."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("ai-edge-litert", "numpy", "opencv-python-headless", "streamlit", "tensorflow", "keras", "tf-keras-vis")


def describe() -> dict[str, Any]:
    """The machine without its name: processor, cores, memory, system, and how busy it was before the measurement."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "load_before": round(os.getloadavg()[0], 2),
    }


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


def _processor() -> str:
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return f"{name}, {'AVX-512' if 'avx512f' in flags else 'AVX2' if 'avx2' in flags else 'no AVX2'}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

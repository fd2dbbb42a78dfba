"""From the measured figures to archives of a million and of a hundred million pictures, on paper.

Usage: python -m studies.archive_estimate

Writes the tables of docs/archive.md from `results/archive.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS
from model.evaluation.render.tables import with_block

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "archive.md"
MARK = "figures: written by studies/archive_estimate.py"
NOT_MEASURED = "Not measured yet: run `python -m benchmarks.archive`, then `python -m studies.archive_estimate`."
# Assumptions, told in the document. A node is a virtual machine with so many processors.
PROCESSORS = 16
PRICE_PER_PROCESSOR_HOUR = 0.0425
# A request for the length and one for the content, each at the price of a GET.
REQUESTS, PRICE_PER_REQUEST = 2, 0.0004 / 1000
# What a storage like S3 answers a second below one prefix.
REQUESTS_A_SECOND = 5500
PLANS = ((1_000_000, 1), (1_000_000, 4), (100_000_000, 10), (100_000_000, 40))


def tables(results: dict[str, Any]) -> str:
    """The measured figures and what follows from them, as Markdown.

    Args:
        results: as `benchmarks.archive` writes them.
    """
    engines = results["engines"]
    machine = results["machine"]
    lines = [f"Measured on {machine['processor']}, {machine['cores']} cores, with {results['bundle']}:", ""]
    lines += ["| How | Pictures a second | Start, s |", "| --- | --- | --- |"]
    for key, name in (
        ("local", "`--engine local`, all cores"),
        ("local_on_one_core", "`--engine local`, one core"),
        ("ray_1", "`--engine ray`, one process"),
        ("ray_2", "`--engine ray`, two processes"),
    ):
        if isinstance(row := engines.get(key), dict):
            lines.append(f"| {name} | {row['pictures_a_second']:.1f} | {row['start_seconds']:.1f} |")
    lines += ["", "| Pictures in the archive | Seconds | Peak memory, MB |", "| --- | --- | --- |"]
    lines += [f"| {row['pictures']:,} | {row['seconds']:.0f} | {row['peak_mb']:.0f} |" for row in results["growth"]]
    if killed := results.get("killed"):
        lines += [
            "",
            f"Killed (`kill -9`) when {killed['whole_lines_at_the_kill']:,} of {killed['pictures']:,} pictures had "
            f"their line, and run again with `--resume`: {killed['lines']:,} lines, {killed['read_twice']} pictures "
            f"read twice, {killed['lost']} lost.",
        ]
    if "ray_2" not in engines:
        return "\n".join([*lines, "", "Ray was not measured, so nothing is estimated from it."])
    rate = engines["ray_2"]["pictures_a_second"] / 2
    lines += ["", f"A process read {rate:.1f} pictures a second where two shared the machine. From that follows:", ""]
    lines += [f"| Pictures | Nodes of {PROCESSORS} processors | Hours | Machines, US$ | Requests, US$ |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for pictures, nodes in PLANS:
        cost = plan(pictures, nodes, rate)
        lines.append(
            f"| {pictures:,} | {nodes} | {cost['hours']:.1f} | {cost['machines']:,.0f} | {cost['requests']:,.0f} |"
        )
    return "\n".join(
        [*lines, "", "What saturates, in processors that read at the same time:", "", *_limits(results, rate)]
    )


def plan(pictures: int, nodes: int, rate: float) -> dict[str, float]:
    """What an archive takes.

    Args:
        pictures: in it.
        nodes: that read.
        rate: pictures a second of one process, of which a node has one a processor.

    Returns:
        "hours", and "machines" and "requests" in US$.
    """
    hours = pictures / (rate * PROCESSORS * nodes) / 3600
    return {
        "hours": hours,
        "machines": hours * nodes * PROCESSORS * PRICE_PER_PROCESSOR_HOUR,
        "requests": pictures * REQUESTS * PRICE_PER_REQUEST,
    }


def _limits(results: dict[str, Any], rate: float) -> list[str]:
    listed = results["growth"][-1]["listed_a_second"]
    per_node = rate * PROCESSORS * results["mean_file_mb"] * 8 / 1000
    limits = {
        f"a storage that answers {REQUESTS_A_SECOND:,} requests a second below one prefix": REQUESTS_A_SECOND
        / REQUESTS,
        f"the program that lists the files, at {listed:,} a second from a disc": listed,
    }
    rows = [f"- {what}: {most / rate:,.0f}" for what, most in sorted(limits.items(), key=lambda limit: limit[1])]
    return [*rows, f"- the network of a node: its {PROCESSORS} processors ask for {per_node:.2f} gigabit a second"]


def with_tables(text: str, results: dict[str, Any] | None) -> str:
    """The document with the tables of these results, or with the word that there are none."""
    return with_block(text, MARK, tables(results) if results else NOT_MEASURED)


def measured() -> dict[str, Any] | None:
    """The content of `results/archive.json`, if it was measured."""
    path = RESULTS / "archive.json"
    results: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return results


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8"), measured()), encoding="utf-8")

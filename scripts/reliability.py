"""Writes the figures of docs/reliability.md from what the benchmarks measured: `python -m scripts.reliability`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from model.evaluation.render.tables import table, with_block

ROOT = Path(__file__).resolve().parents[1]
RESULTS, DOCUMENT = ROOT / "benchmarks" / "results", ROOT / "docs" / "reliability.md"
MEASURED_BY = {
    "crowd": "python -m benchmarks.crowd --readings 5000",
    "fuzz": "make fuzz",
    "damage": "python -m scripts.fuzz.damage",
    "memory": "python -m benchmarks.memory",
    "server": "python -m benchmarks.server",
    "replicas": "python -m benchmarks.replicas",
    "page": "python -m benchmarks.page",
}
Result = dict[str, Any]


def document(text: str, results: dict[str, Result]) -> str:
    """The document with the figures of these results, each between the marks of its benchmark.

    Args:
        text: of the document.
        results: what the JSON files of `MEASURED_BY` hold, by their names.
    """
    writers = {"crowd": _crowd, "fuzz": _fuzz, "damage": _damage, "replicas": _replicas, "page": _page}
    for name, result in results.items():
        blocks = [targets(result), *(writers[name](result) if name in writers else [])]
        content = "\n\n".join([*blocks, f"Measure again: `{MEASURED_BY[name]}`."])
        text = with_block(text, f"{name}: written by scripts/reliability.py", content)
    return text


def targets(result: Result) -> str:
    """A table of limits and measurements."""
    rows = [
        (name, *(_or_none(row[key]) for key in ("limit", "found")), "yes" if row["met"] else "**no**")
        for name, row in result["targets"].items()
    ]
    return table(("Measurement", "Limit", "Measured", "Met"), rows)


def _or_none(value: Any) -> Any:
    return "none" if value is False else value


def _crowd(result: Result) -> list[str]:
    machine = result["machine"]
    memory = "resident_mb_before_and_after_each_picture"
    rows = [
        (number, _times(group), f"{group[memory][0]:.0f}, {max(group[memory]):.0f}")
        for number, group in enumerate(result["classes"], 1)
    ]
    blocks = [
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}, with {result['bundle']}. Of {result['readings']} readings "
        f"{result['readings_that_waited']} waited long enough for the page to say how many come first.",
        table(("Class", "Seconds from file to reading: median, 95 %, longest", "Server, MB: at first, highest"), rows),
    ]
    if steady := result["steady"]:
        medians = ", ".join(f"{value:.0f}" for value in steady["medians_of_each_tenth_after_the_second"])
        blocks.append(
            f"After that, visitors came and left, {steady['sessions_at_a_time']} at a time with "
            f"{steady['pictures_of_each']} images each: {steady['readings']} readings in "
            f"{steady['seconds'] / 60:.1f} minutes. The server's memory, as medians of equal parts of that time after "
            f"the first fifth: {medians} MB."
        )
    return blocks


def _damage(result: Result) -> list[str]:
    rows = [
        (row["format"], row["files"], row["refused"], row["other reading"], row["most in a form"])
        for row in result["one_wrong_bit"]
    ]
    return [table(("One wrong bit in", "Files", "Refused, %", "Another reading, %", "Limit of each form, %"), rows)]


def _replicas(result: Result) -> list[str]:
    rows = [
        (
            count,
            number,
            _times(group),
            f"{result['readings_a_second'][count]:g}",
            f"{max(group['resident_mb_before_and_after_each_picture']):.0f}",
        )
        for count, groups in result["classes"].items()
        for number, group in enumerate(groups, 1)
    ]
    head = (
        "Replicas",
        "Class",
        "Seconds from file to reading: median, 95 %, longest",
        "Readings a second, all classes",
    )
    return [
        f"Two replicas read {result['second_replica_adds']:g} times as many images a second as one.",
        table((*head, "Servers together, MB: highest"), rows),
    ]


def _fuzz(result: Result) -> list[str]:
    outcomes = result["outcomes"]
    return [
        f"{result['inputs']:,} files: {outcomes['radiograph']:,} could still be read, the others were refused with "
        f"one of {len(outcomes) - 1} messages."
    ]


def _page(result: Result) -> list[str]:
    names = {
        "upload_to_decision": "Upload to decision, ms: median (10 % to 90 %)",
        "upload_to_picture_with_heatmap": "Upload to heatmap, ms",
        "choice_of_file_to_decision": "Choice of file to decision, ms",
    }
    waits = [
        (file, *(f"{w[name]['median']:.0f} ({w[name]['p10']:.0f} to {w[name]['p90']:.0f})" for name in names))
        for file, w in result["milliseconds"].items()
    ]
    shifts = [
        (width, file, f"{s['during_the_reading']:.2f}", f"{s['with_what_follows_the_choice_of_the_file']:.2f}")
        for width, files in result["cumulative_layout_shift_by_width"].items()
        for file, s in files.items()
    ]
    head = ("Width, pixels", "File", "Layout shift during the reading", "with what follows the choice of the file")
    return [table(("File", *names.values()), waits), table(head, shifts)]


def _times(group: Result) -> str:
    return ", ".join(f"{group['reading_seconds'][name]:.2f}" for name in ("p50", "p95", "p100"))


def measured() -> dict[str, Result]:
    """What the benchmarks wrote; raises FileNotFoundError where one has not run yet."""
    return {name: json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in MEASURED_BY}


def main() -> int:
    """Bring the document up to date; exit code 1 and a sentence where a measurement is missing."""
    try:
        results = measured()
    except FileNotFoundError as error:
        name = Path(str(error.filename)).stem
        print(f"{name}.json is not in benchmarks/results: run `{MEASURED_BY[name]}` first.", file=sys.stderr)
        return 1
    DOCUMENT.write_text(document(DOCUMENT.read_text(encoding="utf-8"), results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

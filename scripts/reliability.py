"""Writes docs/reliability.md from what the benchmarks measured: `python -m scripts.reliability`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS, DOCUMENT = ROOT / "benchmarks" / "results", ROOT / "docs" / "reliability.md"
MEASURED_BY = {
    "crowd": "python -m benchmarks.crowd --readings 5000",
    "fuzz": "make fuzz",
    "memory": "python -m benchmarks.memory",
    "server": "python -m benchmarks.server",
    "replicas": "python -m benchmarks.replicas",
    "page": "python -m benchmarks.page",
}
# What breaks, what happens then, and the test that breaks it.
CASES = (
    (
        "The browser is closed during an upload or a reading",
        "The current reading finishes, waiting files leave the queue within half a second, and other visitors are not "
        "affected. A minute later the session's images, readings and downloads are deleted from memory.",
        "tests/interface/test_server.py",
    ),
    (
        "The connection is lost for a moment",
        "If the page reconnects within a minute, its images and readings are still there. Files that were waiting "
        "in the queue are lost: choose them again.",
        "tests/interface/test_server.py",
    ),
    (
        "A file takes too long to decode",
        "After 20 s (`CXR_SECONDS_PER_PICTURE`) it is refused, and the next file in the queue is read. The abandoned "
        "decoder ends later; while four of them run, further files are refused.",
        "tests/interface/test_queue.py",
    ),
    (
        "The server is killed and started again",
        "Open pages reconnect and are empty. The server writes no files, so none can be incomplete; finished downloads "
        "are not affected.",
        "tests/interface/test_server.py",
    ),
    (
        "The bundle is replaced while the server runs",
        "Readings come from the old bundle until its card is replaced, then from the new one. A network that does not "
        "match its card is never used: the page shows a message until both match.",
        "tests/interface/test_uploads.py",
    ),
    (
        "The disk is full",
        "The app is not affected. `python -m model read` ends with a message and exit code 1. JSON lines that were "
        "written before are kept; an existing table stays unchanged.",
        "tests/interface/test_server.py",
    ),
    (
        "There is no network",
        "The app needs none: the network and the sample are part of it, and the server connects to no other host.",
        "tests/interface/test_server.py",
    ),
)


def document(results: dict[str, dict[str, Any]]) -> str:
    """The whole document as Markdown.

    Args:
        results: what the JSON files of `MEASURED_BY` hold, by their names.

    Returns:
        The text, with a line break at its end.
    """
    crowd, fuzz, memory, server, replicas, page = (results[name] for name in MEASURED_BY)
    machine = crowd["machine"]
    lines = [
        "# Reliability",
        "",
        "The app with many visitors, with damaged files, and when something fails. Written by "
        "`python -m scripts.reliability` from `benchmarks/results/`; each section names the command that measures it "
        "again. For research and education, not a medical device.",
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}, with {crowd['bundle']}.",
        "",
        "## Many visitors",
        "",
        f"{crowd['what'][0].upper()}{crowd['what'][1:]}. {len(crowd['classes'])} groups of visitors, "
        f"{crowd['seconds_between_classes']:g} s apart. One image is read at a time (`CXR_READINGS_AT_ONCE`). A "
        "visitor with several images goes to the end of the queue after each one; after half a second of waiting the "
        "page says how many readings come first.",
        "",
        *targets(crowd),
        "",
        "| Class | Seconds from file to reading: median, 95 %, longest | Server, MB: at first, highest |",
        "| --- | --- | --- |",
        *(
            f"| {number} | {times(group)} | {group['resident_mb_before_and_after_each_picture'][0]:.0f}, "
            f"{max(group['resident_mb_before_and_after_each_picture']):.0f} |"
            for number, group in enumerate(crowd["classes"], 1)
        ),
        "",
        f"{crowd['readings_that_waited']} of {crowd['readings']} readings waited long enough for that message.",
    ]
    if steady := crowd["steady"]:
        lines += [
            "",
            f"After that, visitors came and left, {steady['sessions_at_a_time']} at a time with "
            f"{steady['pictures_of_each']} images each: {steady['readings']} readings in "
            f"{steady['seconds'] / 60:.1f} minutes. The server's memory, as medians of equal parts of that time "
            "after the first fifth: "
            + ", ".join(f"{value:.0f}" for value in steady["medians_of_each_tenth_after_the_second"])
            + " MB.",
        ]
    lines += [
        "",
        command("crowd"),
        "",
        "## One replica and two replicas",
        "",
        f"{replicas['what'][0].upper()}{replicas['what'][1:]}. Two replicas read "
        f"{replicas['second_replica_adds']:g} times as many images a second as one: they share the "
        "cores, and each has its own queue.",
        "",
        *targets(replicas),
        "",
        "| Replicas | Class | Seconds from file to reading: median, 95 %, longest | Readings a second, all classes | "
        "Servers together, MB: highest |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {count} | {number} | {times(group)} | {replicas['readings_a_second'][count]:g} | "
            f"{max(group['resident_mb_before_and_after_each_picture']):.0f} |"
            for count, classes in replicas["classes"].items()
            for number, group in enumerate(classes, 1)
        ),
        "",
        command("replicas"),
        "",
        "## Damaged files",
        "",
        f"{fuzz['inputs']:,} randomly damaged files of all formats: {fuzz['outcomes']['radiograph']:,} could still be "
        f"read, the others were refused with one of {len(fuzz['outcomes']) - 1} messages.",
        "",
        *targets(fuzz),
        "",
        command("fuzz"),
        "",
        "## Memory and start",
        "",
        f"{memory['different_pictures']} different radiographs in one process; the app with one visitor.",
        "",
        *targets(memory),
        *targets(server)[2:],
        "",
        f"{command('memory')} {command('server')}",
        "",
        "## From upload to decision",
        "",
        f"{page['what'][0].upper()}{page['what'][1:]}.",
        "",
        *targets(page),
        "",
        "| File | Upload to decision, ms: median (10 % to 90 %) | Upload to heatmap, ms "
        "| Choice of file to decision, ms |",
        "| --- | --- | --- | --- |",
        *(
            f"| {file} | {span(waits['upload_to_decision'])} | {span(waits['upload_to_picture_with_heatmap'])} "
            f"| {span(waits['choice_of_file_to_decision'])} |"
            for file, waits in page["milliseconds"].items()
        ),
        "",
        "| Width, pixels | File | Layout shift during the reading | with what follows the choice of the file |",
        "| --- | --- | --- | --- |",
        *(
            f"| {width} | {file} | {shift['during_the_reading']:.2f} "
            f"| {shift['with_what_follows_the_choice_of_the_file']:.2f} |"
            for width, files in page["cumulative_layout_shift_by_width"].items()
            for file, shift in files.items()
        ),
        "",
        command("page"),
        "",
        "## Failures",
        "",
        "| Failure | What happens | Test |",
        "| --- | --- | --- |",
        *(f"| {what} | {then} | `{test}` |" for what, then, test in CASES),
    ]
    return "\n".join(lines) + "\n"


def targets(result: dict[str, Any]) -> list[str]:
    """A table of limits and measurements."""
    rows = [
        f"| {name} | {'none' if row['limit'] is False else row['limit']} "
        f"| {'none' if row['found'] is False else row['found']} | {'yes' if row['met'] else '**no**'} |"
        for name, row in result["targets"].items()
    ]
    return ["| Measurement | Limit | Measured | Met |", "| --- | --- | --- | --- |", *rows]


def times(row: dict[str, Any]) -> str:
    """Median, 95th percentile and maximum of a class."""
    return ", ".join(f"{row['reading_seconds'][name]:.2f}" for name in ("p50", "p95", "p100"))


def span(milliseconds: dict[str, Any]) -> str:
    """Median and the middle four fifths."""
    return f"{milliseconds['median']:.0f} ({milliseconds['p10']:.0f} to {milliseconds['p90']:.0f})"


def command(name: str) -> str:
    """How to measure a part again."""
    return f"Measure again: `{MEASURED_BY[name]}`."


def measured() -> dict[str, dict[str, Any]]:
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
    DOCUMENT.write_text(document(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

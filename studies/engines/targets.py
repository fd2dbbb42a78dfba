"""What was promised, against what was found: in the rows' own numbers, the missed ones too."""

from __future__ import annotations

from typing import Any

from benchmarks import machine
from model.training import calibration
from model.training.calibration import AUC_LOST, RANK_KEPT
from studies.engines import ways

Row = dict[str, Any]


def keeps(row: Row, reference_auc: float) -> bool:
    """Whether a form may be shipped, by its AUC and heatmaps against those of Keras in float32."""
    return row.get("auc") is not None and calibration.keeps(reference_auc - row["auc"], row.get("rank_correlation", 0))


def quickest(rows: dict[str, Row], reference_auc: float, *, kept: bool) -> str:
    """The bare forward pass with the smallest median; of those that keep scores and heatmaps, if asked."""
    some = [
        way.name
        for way in ways.WAYS
        if way.quick and "ms" in rows.get(way.name, {}) and (not kept or keeps(rows[way.name], reference_auc))
    ]
    return min(some, key=lambda name: float(rows[name]["ms"]["median"]))


def judge(result: Row, seconds: dict[str, list[float]], archive: Row, first: list[float], dicom: Row) -> Row:
    """All targets.

    Args:
        result: has "rows" and "reference_auc".
        seconds: medians of each way's rounds, in the same order for all.
        archive: "reader", "bare" (the quickest) and "same" (the shipped file) with "pictures_a_second" and "engine".
        first: seconds of the first readings of `python -m model read`.
        dicom: by kind of file, as files.py prints it.

    Returns:
        What was promised -> {"limit", "found", "met"}.
    """
    rows, auc = result["rows"], result["reference_auc"]
    promised: Row = {}

    def add(name: str, limit: str, value: float, met: bool, note: str = "") -> None:
        promised[name] = {"limit": limit, "found": value, "met": bool(met), **({"note": note} if note else {})}

    ours = seconds[ways.READER]
    for kept, words in ((False, "any engine"), (True, "those that keep AUC and heatmaps")):
        name = quickest(rows, auc, kept=kept)
        to_bare = machine.ratio(ours, seconds[name])
        title = f"score and heatmap / fastest bare forward pass of {words}"
        add(title, "at most 1.05", to_bare["value"], to_bare["value"] <= 1.05, f"{name}, {_interval(to_bare)}")
    if ways.VIS in seconds:
        to_vis = machine.ratio(seconds[ways.VIS], ours)
        add(f"{ways.VIS} / this project", "at least 40", to_vis["value"], to_vis["value"] >= 40, _interval(to_vis))
    for which, words in (("bare", "fastest bare engine"), ("same", "LiteRT bare on the same file")):
        share = round(archive["reader"]["pictures_a_second"] / archive[which]["pictures_a_second"], 3)
        title = f"JPEG files a second / {words} with threads that decode"
        add(title, "at least 0.95", share, share >= 0.95, archive[which]["engine"])
    row = rows[ways.BARE]
    loss, rank = round(auc - row["auc"], 4), round(row["rank_correlation"], 4)
    add("AUC that the shipped file loses", f"at most {AUC_LOST}", loss, loss <= AUC_LOST)
    add("rank correlation of its heatmaps with float32", f"above {RANK_KEPT}", rank, rank > RANK_KEPT)
    median = round(sorted(first)[len(first) // 2], 3)
    add("first reading of the command line, seconds from process start", "under 1.0", median, median < 1.0)
    for kind, measured in dicom.items():
        if "problem" in measured:
            promised[f"DICOM to the windowed picture / pydicom, {kind}"] = {
                "limit": "at most 1.00",
                "found": "refused",
                "met": False,
                "note": measured["problem"].rstrip("."),
            }
            continue
        value = measured["ratio"]["value"]
        note = f"{measured['best']}, {_interval(measured['ratio'])}"
        add(f"DICOM to the windowed picture / pydicom, {kind}", "at most 1.00", value, value <= 1, note)
    return promised


def _interval(ratio: dict[str, float]) -> str:
    return f"95 % interval {ratio['low']} to {ratio['high']}"

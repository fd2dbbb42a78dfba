"""docs/engines.md and docs/engines.svg, written from studies/engines/results.json."""

from __future__ import annotations

from typing import Any

from model.training.calibration import AUC_LOST, RANK_KEPT
from scripts.reliability import targets as target_table
from studies.engines import chart, targets, ways
from studies.engines.worker import ROOT

DOCUMENT, CHART = ROOT / "docs" / "engines.md", ROOT / "docs" / "engines.svg"
COMMAND = "python -m studies.engines.run"


def write(result: dict[str, Any]) -> None:
    """Bring page and chart up to date.

    Args:
        result: as the JSON holds it.
    """
    DOCUMENT.write_text(document(result), encoding="utf-8")
    CHART.write_text(chart.draw(result), encoding="utf-8")


def document(result: dict[str, Any]) -> str:
    """The whole page as Markdown.

    Args:
        result: as the JSON holds it.

    Returns:
        The text, with a line break at its end.
    """
    machine, rows, pictures = result["machine"], result["rows"], result["pictures"]
    measured = {name: row for name, row in rows.items() if "ms" in row}
    left_out = {name: row["problem"] for name, row in rows.items() if "problem" in row}
    archive, limit = result["archive"], result["limits"]
    runs = next(iter(measured.values()))["ms"]["runs"]
    lines = [
        "# Reading speed, against other engines",
        "",
        f"The same weights, the same pictures, {result['threads']} threads, each engine in a process of its own. "
        f"Written by `{COMMAND}` from `studies/engines/results.json`. For research and education, not a medical "
        "device.",
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}, on {result['measured'][:10]}; the load before was "
        f"{machine['load_before']:g}{_others(result['others_took'])}. Another processor gives another order: this "
        f"one has {_special(limit['peaks_gops'])}.",
        "",
        "## What was promised",
        "",
        *target_table(result),
        "",
        *(f"- {name}: {row['note']}." for name, row in result["targets"].items() if "note" in row),
        "",
        "## One picture",
        "",
        f"![Milliseconds a picture: {_alt(measured)}](engines.svg)",
        "",
        f"Medians of {runs} rounds, in which all engines take their turns in random order, each after one run that "
        "warms the caches. All take the same picture, decoded and resized. The reader's time is that of a reading with "
        "input check, scores, decision and maps, without the search for lungs and the judgement of the picture's "
        "quality. Threads of OpenMP wait without spinning. First result: seconds from the start of the process, "
        "imports and loading included. In a batch: 16 decoded pictures at a time; the reader takes them one by one. "
        "Memory: the process's highest before batches.",
        "",
        "| Way | ms a picture: median (10 % to 90 %) | First result, s | Pictures a second in a batch | Memory, MB | "
        "Network's file, MB | Packages installed, MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_speed(name, row) for name, row in measured.items()),
        "",
        *(f"- {name}: {why}." for name, why in left_out.items()),
        *([""] if left_out else []),
        "## Scores and heatmaps",
        "",
        f"On {sum(pictures.values())} pictures of the SIIM source's validation part ({_counts(pictures)}), against "
        f"Keras in float32, whose AUC there is {result['reference_auc']:.4f}. Rank correlation: Spearman's, of the "
        "COVID-19 class' maps with Keras' class maps, mean over pictures (their number in brackets); ways by gradients "
        "give what is positive alone, and are compared with what is positive in Keras' maps. Calibrated with "
        f"{result['calibrated_on']} pictures of the training part where a form needs it. A form can be shipped where "
        f"the AUC falls by at most {AUC_LOST} and the rank correlation is above {RANK_KEPT}.",
        "",
        "| Way | Heatmap from | Largest (mean) score difference | AUC | Rank correlation | Can be shipped |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_accuracy(name, row, result["reference_auc"]) for name, row in measured.items()),
        "",
        *_choice(result["shipped"]),
        "Not tried: ONNX Runtime with threads that spin, which may be a little quicker on a quiet machine, and "
        "OpenVINO's own quantiser (nncf), which did not run with these versions; its int8 here is ONNX Runtime's.",
        "",
        "## A folder of JPEG files",
        "",
        f"{archive['pictures']} files, three times. Bare engines: OpenCV decodes in two threads, the network takes "
        "pictures one by one or 16 at a time, whichever is quicker. The reader's process is counted without its start; "
        "it reads a file on each core, four at most, each with a network of one thread, also looks for lungs, judges "
        "the picture's quality and writes a line for each file.",
        "",
        "| Way | Files a second |",
        "| --- | --- |",
        *(
            f"| {archive[which]['engine']} | {archive[which]['pictures_a_second']:g} |"
            for which in ("reader", "same", "bare")
        ),
        "",
        "## DICOM files",
        "",
        "From the file's bytes to the grey picture under its window, which pydicom does by `pixel_array`, "
        "`apply_rescale` and `apply_voi_lut` with the quickest of its installed decoders. This project's picture is "
        "also brought to 0 to 255, checked for contradictions and hashed. The last column compares with `pixel_array` "
        "alone, which is less work.",
        "",
        "| File | This project, ms | pydicom, ms | Ratio (95 % interval) | Ratio to the values alone |",
        "| --- | --- | --- | --- | --- |",
        *(_dicom(kind, one) for kind, one in result["dicom"].items()),
        "",
        "## How near to the machine's limit",
        "",
        f"One picture takes {limit['gflop_a_picture']:.2f} thousand million operations (multiply and add count two). "
        "The most that the two cores did in products of large matrices, by the best library: "
        + ", ".join(
            f"{max(one.values()):,.0f} thousand million a second in {kind} ({max(one, key=one.__getitem__)})"
            for kind, one in limit["peaks_gops"].items()
        )
        + ". LiteRT's dynamic form and the shipped file compute the stem and the head in float, so that their share is "
        "that of a mixture.",
        "",
        "| Way | Thousand million operations a second | Of the peak in | Share |",
        "| --- | --- | --- | --- |",
        *(
            f"| {name} | {one['gops']:,.0f} | {one['of']} | {one['share']:.0%} |"
            for name, one in limit["reached"].items()
        ),
        "",
        f"`pip install -r requirements/engines.txt`, then `{COMMAND} --weights RUN/final.weights.h5`, "
        "measures this again.",
    ]
    return "\n".join(lines) + "\n"


def _speed(name: str, row: dict[str, Any]) -> str:
    ms = row["ms"]
    batch = f"{row['batch_a_second']:g}" if "batch_a_second" in row else "none"
    cuda = f" (of these {row['installed_cuda_mb']:,.0f} CUDA)" if row["installed_cuda_mb"] else ""
    return (
        f"| {name} | {ms['median']:.1f} ({ms['p10']:.1f} to {ms['p90']:.1f}) | {row['first_result_s']:.2f} | {batch} "
        f"| {row['peak_mb']:.0f} | {row['file_mb']:g} | {row['installed_mb']:,.0f}{cuda} |"
    )


def _accuracy(name: str, row: dict[str, Any], reference: float) -> str:
    has_scores, has_maps = "auc" in row, "rank_correlation" in row
    scores = "no scores | no scores"
    if has_scores:
        scores = f"{row['score_difference']:.2g} ({row['mean_score_difference']:.2g}) | {row['auc']:.4f}"
    rank = f"{row['rank_correlation']:.4f} ({row['maps']})" if has_maps else "no heatmap"
    verdict = "yes" if targets.keeps(row, reference) else "no"
    if row["heatmap"] == ways.GRADIENT:
        verdict = "not a form"
    return f"| {name} | {row['heatmap']} | {scores} | {rank} | {verdict} |"


def _choice(shipped: dict[str, Any]) -> list[str]:
    """What ships, and what the card says of it on all validation pictures."""
    export = shipped["export"]
    return [
        f"What ships: {shipped['form']}. The export chose it by these conditions on all {export['pictures']} "
        f"validation pictures: one score there moves by {export['largest_score_difference']:.2g}, the mean score by "
        f"{export['mean_score_difference']:.2g}, and no source's AUC falls by more than {export['auc_lost']:.4f}. "
        "Pictures of nearly no contrast move most, as the ranges of the activations are those of nine in ten "
        "pictures. Operating points, calibration, input check and all figures of the card are those of that file. "
        "LiteRT full int8 is the quantiser's own: its own choice of ranges, the stem in 8 bits too.",
        "",
    ]


def _dicom(kind: str, measured: dict[str, Any]) -> str:
    if "problem" in measured:
        return f"| {kind} | refused: {measured['problem']} | | | |"
    ours, best, ratio = (
        measured["milliseconds"]["this project"],
        measured["milliseconds"][measured["best"]],
        measured["ratio"],
    )
    return (
        f"| {kind} | {ours['median']:.1f} | {best['median']:.1f} ({measured['best']}) | {ratio['value']:.2f} "
        f"({ratio['low']:.2f} to {ratio['high']:.2f}) | {measured['ratio_to_values_alone']['value']:.2f} |"
    )


def _others(share: float | None) -> str:
    return "" if share is None else f", and other processes took {share:.0%} of the cores meanwhile"


def _counts(pictures: dict[str, int]) -> str:
    return f"{pictures['covid19']} typical, {pictures['normal']} negative"


def _alt(measured: dict[str, Any]) -> str:
    ordered = sorted(measured, key=lambda name: float(measured[name]["ms"]["median"]))
    return ", ".join(f"{name} {measured[name]['ms']['median']:.1f}" for name in ordered)


def _special(peaks: dict[str, dict[str, float]]) -> str:
    """Whether the processor multiplies small numbers in units of their own, as the measured peaks tell."""
    times = {kind: max(by_library.values()) / max(peaks["float32"].values()) for kind, by_library in peaks.items()}
    words = [f"{value:.0f} times the float32 speed in {kind}" for kind, value in times.items() if kind != "float32"]
    return " and ".join(words) if words else "no measured speed but float32's"

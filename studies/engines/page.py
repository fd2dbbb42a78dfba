"""docs/engines.md and docs/engines.svg, written from studies/engines/results.json."""

from __future__ import annotations

import io
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

from model.training.export.calibration import AUC_LOST, RANK_KEPT
from scripts.reliability import targets as target_table
from studies.engines import ways
from studies.engines.run import ROOT, keeps

DOCUMENT, CHART = ROOT / "docs" / "engines.md", ROOT / "docs" / "engines.svg"
COMMAND = "python -m studies.engines.run"
# As in the evidence: told apart by the colour-blind too.
OWN, WITH_HEATMAP, SCORES_ALONE, BY_GRADIENT = "#D55E00", "#0072B2", "#999999", "#E69F00"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "engines",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}


def write(result: dict[str, Any]) -> None:
    """Bring page and chart up to date.

    Args:
        result: as the JSON holds it.
    """
    DOCUMENT.write_text(document(result), encoding="utf-8")
    CHART.write_text(draw(result), encoding="utf-8")


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
    runs = next(iter(measured.values()))["ms"]["runs"]
    lines = [
        "# Reading speed, against other engines",
        "",
        f"The same weights, the same pictures, {result['threads']} threads, each engine in a process of its own. The "
        f"bundle is {result['shipped']['bundle']}. Written by `{COMMAND}` from `studies/engines/results.json`. For "
        "research and education, not a medical device.",
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}, on {result['measured'][:10]}; the load before was "
        f"{machine['load_before']:g}. Another processor gives another order.",
        "",
        "## What was promised",
        "",
        target_table(result),
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
        "Network's file, MB |",
        "| --- | --- | --- | --- | --- | --- |",
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
        f"`pip install -r requirements/engines.txt`, then `{COMMAND} --weights RUN/final.weights.h5`, "
        "measures this again.",
    ]
    return "\n".join(lines) + "\n"


def _speed(name: str, row: dict[str, Any]) -> str:
    ms = row["ms"]
    batch = f"{row['batch_a_second']:g}" if "batch_a_second" in row else "none"
    return (
        f"| {name} | {ms['median']:.1f} ({ms['p10']:.1f} to {ms['p90']:.1f}) | {row['first_result_s']:.2f} | {batch} "
        f"| {row['peak_mb']:.0f} | {row['file_mb']:g} |"
    )


def _accuracy(name: str, row: dict[str, Any], reference: float) -> str:
    has_scores, has_maps = "auc" in row, "rank_correlation" in row
    scores = "no scores | no scores"
    if has_scores:
        scores = f"{row['score_difference']:.2g} ({row['mean_score_difference']:.2g}) | {row['auc']:.4f}"
    rank = f"{row['rank_correlation']:.4f} ({row['maps']})" if has_maps else "no heatmap"
    verdict = "yes" if keeps(row, reference) else "no"
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


def _counts(pictures: dict[str, int]) -> str:
    return f"{pictures['covid19']} typical, {pictures['normal']} negative"


def _alt(measured: dict[str, Any]) -> str:
    ordered = sorted(measured, key=lambda name: float(measured[name]["ms"]["median"]))
    return ", ".join(f"{name} {measured[name]['ms']['median']:.1f}" for name in ordered)


def draw(result: dict[str, Any]) -> str:
    """Draw what was measured.

    Args:
        result: as the JSON holds it.

    Returns:
        The SVG file's text; the same for the same values.
    """
    rows = sorted(
        ((name, row) for name, row in result["rows"].items() if "ms" in row),
        key=lambda pair: -pair[1]["ms"]["median"],
    )
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.5, 0.28 * len(rows) + 1.2))
        for place, (name, row) in enumerate(rows):
            ms = row["ms"]
            axes.barh(place, ms["median"], color=_colour(name, row), height=0.7)
            axes.plot([ms["p10"], ms["p90"]], [place, place], color="black", linewidth=1)
            axes.annotate(
                f"{ms['median']:.1f}", (ms["p90"], place), (4, 0), textcoords="offset points", va="center", fontsize=8
            )
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_xscale("log")
        axes.set_xlim(left=1)
        axes.set_xlabel("milliseconds a picture, one at a time (logarithmic; the line: middle four fifths)")
        for colour, words in (
            (OWN, "this project: scores, input check, heatmap"),
            (WITH_HEATMAP, "scores and heatmap from one forward pass"),
            (SCORES_ALONE, "scores alone"),
            (BY_GRADIENT, "heatmap by gradients"),
        ):
            axes.barh(0, 0, color=colour, label=words)
        axes.legend(fontsize=8, loc="upper right", frameon=False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    # Matplotlib leaves blanks at the ends of lines.
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _colour(name: str, row: dict[str, Any]) -> str:
    if name == ways.READER:
        return OWN
    return {ways.FORWARD: WITH_HEATMAP, ways.NONE: SCORES_ALONE, ways.GRADIENT: BY_GRADIENT}[row["heatmap"]]

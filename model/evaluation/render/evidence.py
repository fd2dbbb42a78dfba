"""docs/evidence.md from the JSON: the worst first, then every section with its figure."""

from __future__ import annotations

from typing import Any

from model.evaluation.render import curve_words, sections
from model.evaluation.render.literature import published
from model.evaluation.render.studies import STUDIES
from model.evaluation.render.tables import interval, named, percent, pick, table
from model.evaluation.shortcuts import REAL

Part = dict[str, Any]
QUICK = (
    "> **A quick run on small samples: it shows that the machinery works. Nothing here is a measurement; cite nothing "
    "of it.**"
)


def evidence_page(evidence: Part, extras: dict[str, Part]) -> str:
    """Write the page.

    Args:
        evidence: as the JSON holds it.
        extras: see `studies.read`.

    Returns:
        Markdown.
    """
    bundle, literature = evidence["bundle"], evidence["literature"]
    blocks = [
        "# Evidence",
        "<!-- Written by `python train.py evaluate` from docs/evidence/evidence.json; changes by hand are lost. -->",
        QUICK if evidence["quick"] else "",
        f"What {bundle['name']} {bundle['version']} does on pictures that it did not learn from, measured on the file "
        f"that ships (SHA-256 `{bundle['sha256'][:16]}…`). Each source stands on its own; nothing is pooled. Intervals "
        "are 95 %, from 1,000 resamples of patients, not of pictures. `make evidence` measures it all again. For "
        "research and education, not a medical device.",
        "## The worst first",
        worst(evidence),
        "## Per source",
        _picture("auc.svg", "AUC of each source with its interval"),
        *_curves(evidence),
        sections.headline(evidence),
        "## Controls: does it read lungs?",
        _picture("controls.svg", "AUC of each control beside the whole picture"),
        sections.control(evidence),
        *_extra("trap.json", extras, _picture("trap.svg", "AUC of the trapped network inside and outside")),
        *_extra("darkcovidnet.json", extras),
        "## The heatmap",
        _picture("deletion.svg", "Deletion and insertion curves"),
        sections.heatmap(evidence),
        *_extra("randomisation.json", extras),
        "## Robustness",
        _picture("robustness.svg", "AUC and changed decisions under each disturbance"),
        sections.robustness(evidence),
        "## Calibration",
        _picture("reliability.svg", "Reliability diagrams before and after the temperature"),
        sections.calibration(evidence),
        "## Uncertain",
        _picture("coverage.svg", "Error by the share of pictures decided on"),
        sections.selective(evidence),
        "## Predictive values",
        predictive(evidence),
        "## The errors it is most sure of",
        failures(evidence),
        *_extra("studied_errors.json", extras),
        *_extra("ablation.json", extras),
        *_extra("attempts.json", extras),
        *_extra("seeds.json", extras),
        "## People, other networks and public models",
        published(literature),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def worst(evidence: Part) -> str:
    """The least flattering figure of each kind, as a list."""
    figures = evidence["headline"]["figures"]
    external = pick(figures, role="external")
    lines = []

    def lowest(rows: list[Part], said: str, *, largest: bool = False) -> None:
        if rows:
            row = (max if largest else min)(rows, key=lambda one: one["value"])
            what = f"{row['metric']}, {named(row['what'])}: {interval(row)}, n = {row['n']}"
            lines.append(f"- {said}: **{row['set']}**, {what}.")

    default = [row for row in figures if row.get("point") in (None, "balanced")]
    lowest(pick(external, metric="AUC"), "Lowest AUC outside")
    lowest([row for row in default if row["metric"] == "sensitivity"], "Lowest sensitivity at the default")
    lowest([row for row in default if row["metric"] == "specificity"], "Lowest specificity at the default")
    lowest(pick(figures, metric="ECE"), "Worst calibrated", largest=True)
    lines += _best_control(evidence)
    flips = [row for row in evidence["robustness"]["figures"] if row["metric"] == "flips"]
    if flips:
        row = max(flips, key=lambda one: one["value"])
        lines.append(f"- Most decisions change under *{row['kind']}* ({row['setting']}), {row['set']}: {percent(row)}.")
    sources = [row for row in evidence["controls"]["figures"] if row["id"].startswith("source_from.features")]
    lowest(sources, "The source can be told from the features", largest=True)
    kinds = evidence["failures"]["kinds"]
    if kinds and kinds[0]["confident"]:
        kind = kinds[0]
        lines.append(
            f"- Most errors that it is sure of: {kind['confident']} of {kind['n']} {kind['source']} pictures "
            f"({kind['finding']}) that are {named(kind['truth'])} and are called {named(kind['decided'])}."
        )
    return "\n".join(lines)


def _best_control(evidence: Part) -> list[str]:
    """The control without lungs that comes nearest to the whole picture, or passes it."""
    areas = pick(evidence["controls"]["figures"], metric="AUC")
    real = {(row["set"], row["what"]): row for row in pick(areas, control=REAL)}
    blind = [
        row for row in areas if row["control"] in evidence["controls"]["blind"] and (row["set"], row["what"]) in real
    ]
    if not blind:
        return []
    row = max(blind, key=lambda one: one["value"] - real[one["set"], one["what"]]["value"])
    whole = real[row["set"], row["what"]]
    return [
        f"- The control without lungs that comes nearest to the whole picture: *{row['control']}*, {row['set']}, "
        f"{named(row['what'])}: AUC {interval(row)} against {interval(whole)}."
    ]


def predictive(evidence: Part) -> str:
    """PPV and NPV by prevalence, from each source."""
    rows = evidence["predictive"]["figures"]
    cells = []
    for name in dict.fromkeys(row["set"] for row in rows):
        for prevalence in dict.fromkeys(row["prevalence"] for row in rows):
            both = pick(rows, set=name, prevalence=prevalence)
            cells.append((name, f"{100 * prevalence:.0f} %", *(percent(row) for row in both), both[0]["n"]))
    text = (
        "At the default operating point, from each source's own sensitivity and specificity; n counts patients. "
        "Intervals: Mercaldo et al. 2007."
    )
    head = ("Measured on", "Of those tested are ill", "PPV (95 % interval)", "NPV (95 % interval)", "Patients")
    return f"{text}\n\n{table(head, cells)}"


def failures(evidence: Part) -> str:
    """Errors by kind, then the most confident ones."""
    part = evidence["failures"]
    kinds = [
        (k["source"], k["finding"], named(k["truth"]), named(k["decided"]), k["confident"], k["errors"], k["n"])
        for k in part["kinds"]
    ]
    top = [
        (e["role"], e["source"], e["finding"], named(e["truth"]), named(e["decided"]), f"{e['score']:.2f}")
        for e in part["most_confident"]
    ]
    head = (
        "Source",
        "Finding in the manifest",
        "Is",
        "Called",
        "Confident errors",
        "Errors",
        "Pictures of this finding",
    )
    text = f"Confident: the odds are {part['odds']} times those at the decision boundary, or more. No picture is shown."
    shown = table(("Pictures", "Source", "Finding in the manifest", "Is", "Called", "Score"), top)
    return "\n\n".join([text, table(head, kinds), "The most confident ones, outside and inside:", shown])


def _curves(evidence: Part) -> list[str]:
    """The curves and the confusion matrices; a JSON of before they were measured has neither."""
    if "curves" not in evidence:
        return []
    alts = curve_words.alternatives(evidence)
    return [
        curve_words.explain(),
        *(_picture(f"{name}.svg", alts[name]) for name in ("roc", "pr", "confusion") if name in alts),
    ]


def _picture(name: str, alt: str) -> str:
    return f"![{alt}](evidence/{name})"


def _extra(name: str, extras: dict[str, Part], picture: str = "") -> list[str]:
    title, how = STUDIES[name]
    found = extras.get(name)
    if not found:
        return [f"### {title}", f"Not run: {how}."]
    return [f"### {title}", picture, *found["text"], table(found["columns"], found["rows"])]

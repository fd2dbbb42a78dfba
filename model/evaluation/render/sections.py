"""The sections of docs/evidence.md, each from its part of the JSON: figures, controls and what they say."""

from __future__ import annotations

from typing import Any

from model.evaluation import heatmaps, linear, shortcuts
from model.evaluation.render.tables import interval, named, percent, pick, sets_of, table

Part = dict[str, Any]
POINTS = {"balanced": "balanced", "specificity_90": "90 % specificity", "sensitivity_95": "95 % sensitivity"}
HERE = {"external": "Sources it never saw", "internal": "Test pictures of the sources it learned from"}


def headline(evidence: Part) -> str:
    """Every source at every operating point, external ones first, the lowest AUC first."""
    part = evidence["headline"]
    lines = []
    for role, title in HERE.items():
        rows = pick(part["figures"], role=role)
        if not rows:
            continue
        areas = sorted([row for row in rows if row["metric"] == "AUC"], key=lambda row: row["value"])
        order = list(dict.fromkeys([row["set"] for row in areas] + [row["set"] for row in rows]))
        lines += [f"### {title}", ""]
        ranking = [
            (row["set"], f"{row['metric']}: {named(row['what'])}", interval(row), row["n"])
            for name in order
            for row in pick(rows, set=name)
            if "point" not in row
        ]
        lines += [table(("Pictures", "What", "Figure (95 % interval)", "n"), ranking), ""]
        lines += ["At the operating points:", "", _points([row for row in rows if "point" in row], order), ""]
        lines += ["What it took for what at the default operating point:", "", _confusion(part, order), ""]
    card = part["card"]
    lines.append(
        f"{card['compared']} of these figures also stand in the bundle's card, measured when it was exported; the "
        f"largest difference from this run is {card['largest_difference']:.4f}."
    )
    return "\n".join(lines)


def _points(rows: list[Part], order: list[str]) -> str:
    names = list(dict.fromkeys(row["point"] for row in rows))
    cells = []
    for name in order:
        own = pick(rows, set=name)
        for metric, what in dict.fromkeys((row["metric"], row["what"]) for row in own):
            same = pick(own, metric=metric, what=what)
            cells.append((name, f"{metric}: {named(what)}", *(interval(row) for row in same), same[0]["n"]))
    return table(("Pictures", "What", *(POINTS.get(name, name) for name in names), "n"), cells)


def _confusion(part: Part, order: list[str]) -> str:
    rows = [
        (one["set"], named(one["classes"][number]), *counts, sum(counts))
        for name in order
        for one in pick(part["confusion"], set=name)
        for number, counts in enumerate(one["counts"])
        if sum(counts)
    ]
    classes = part["confusion"][0]["classes"]
    return table(("Pictures", "Is", *(f"called {named(name)}" for name in classes), "n"), rows)


def calibration(evidence: Part) -> str:
    """Calibration error before and after the temperature, per source."""
    part = evidence["calibration"]
    rows = []
    for name, _ in sets_of(part["figures"]):
        for kind in dict.fromkeys(row["kind"] for row in part["figures"]):
            for metric in ("ECE", "MCE"):
                both = pick(part["figures"], set=name, kind=kind, metric=metric)
                if len(both) == 2:
                    what = f"{metric}, {named(both[0]['what'])}"
                    rows.append((name, what, *map(interval, both), both[0]["n"]))
    text = (
        f"One temperature, {part['temperature']:.4f}, was chosen on the validation pictures of all training sources. "
        "It can't be right for each of them, and for another hospital it is right by chance at best. ECE is the mean "
        "and MCE the largest gap between score and observed share over ten bins (MCE: bins of five pictures or more)."
    )
    return "\n\n".join([text, table(("Pictures", "What", "Before", "After", "n"), rows)])


def selective(evidence: Part) -> str:
    """What "uncertain" costs and saves."""
    part = evidence["selective"]
    rows = []
    for name, _ in sets_of(part["figures"]):
        own = {row["metric"]: row for row in pick(part["figures"], set=name)}
        wanted = ("abstained", "error of all", "error of decided", "error lowered by")
        rows.append((name, *(percent(own[key]) if key in own else "no error" for key in wanted), own["abstained"]["n"]))
    head = ("Pictures", "Called uncertain", "Error of all", "Error of those decided on", "Error lowered by", "n")
    text = (
        f"A reading nearer than {part['margin']:.3f} log-odds to a decision boundary is called uncertain. Errors are "
        "of the decided class, at the default operating point."
    )
    return "\n\n".join([text, table(head, rows)])


def control(evidence: Part) -> str:
    """AUC of each control beside the real one, then what needs its own table."""
    part = evidence["controls"]
    areas = pick(part["figures"], metric="AUC")
    names = list(dict.fromkeys(row["control"] for row in areas))
    rows = []
    for name in names:
        for where, what in dict.fromkeys((row["set"], row["what"]) for row in areas):
            rows += [
                (where, named(what), name, interval(row), row["n"])
                for row in pick(areas, set=where, what=what, control=name)
            ]
    rows.sort(key=lambda row: (row[0], row[1]))
    share = part["average_lungs_share"]
    covered = "" if share is None else f" They cover {100 * share:.0f} % of the picture."
    by_network = any(row.get("control") == shortcuts.FOUND_ERASED for row in part["figures"])
    found = " and those that the bundle's lung network finds, which learned from these masks" if by_network else ""
    masked = ", ".join(f"{count} of {source}" for source, count in part["masked"].items()) or "none"
    lines = [
        "A control that scores as well as the whole picture says that the score can be had without the lungs. What is "
        "covered gets the mean grey of the rest. Masks exist for some of Cohen's pictures alone, so the lungs that are "
        "erased in every source are the average ones of all masks (a pixel that is lung in a quarter of them)"
        f"{found}.{covered} *Borders alone* leaves a frame of {100 * part['frame']:.0f} % of each side.",
        table(("Pictures", "AUC of", "Seen", "AUC (95 % interval)", "n"), rows),
        f"Pictures with a mask of their own: {masked}. In the shared data they are all COVID-19 pictures, so they "
        "tell how many are still called COVID-19, not an AUC. Covered lungs are evenly grey, as dense lungs are: an "
        "AUC, which compares pictures that are covered alike, says more than these shares.",
        _own_lungs(part),
        "**Source from features.** A linear model tells, among pictures of one class, which source they come from "
        "(five folds by patient). Far above chance means that the features still carry the source, as they do in most "
        "networks; it is a warning, not a proof that the decision uses it.",
        _sources(part),
        f"**Shuffled labels**: mean over {linear.SHUFFLES} draws and the middle 95 % of them; away from 0.5 it would "
        "mean that the measuring leaks.",
    ]
    return "\n\n".join(line for line in lines if line)


def _own_lungs(part: Part) -> str:
    rows = [
        (row["set"], named(row["what"]), row["control"], percent(row), row["n"])
        for row in part["figures"]
        if row["metric"].startswith("called ")
    ]
    return table(("Pictures", "Which", "Seen", "Called COVID-19 (95 % interval)", "n"), rows) if rows else ""


def _sources(part: Part) -> str:
    rows = [
        (row["set"], row["what"], interval(row), f"{row['chance']:.2f}", f"{row['auc']:.2f}", row["n"])
        for row in part["figures"]
        if row["id"].startswith("source_from.")
    ]
    return table(("Pictures", "What", "Balanced accuracy", "Chance", "AUC", "n"), rows) if rows else ""


def heatmap(evidence: Part) -> str:
    """Where the heatmap lies, and deletion and insertion."""
    rows = evidence["heatmaps"]["figures"]
    inside = [(row["set"], row["map"], percent(row), row["n"]) for row in rows if ".inside." in row["id"]]
    steps = [
        (row["set"], row["metric"], row["what"] if row["metric"].endswith("difference") else row["map"],
         interval(row, 3), row["n"])
        for row in rows
        if row["metric"].startswith(("deletion", "insertion"))
    ]  # fmt: skip
    skipped = sum(row["without_evidence"] for row in rows if row["metric"].startswith("share inside") and
                  row["map"] == heatmaps.MAP)  # fmt: skip
    lines = [
        "**Inside the lungs.** The share of the heatmap for COVID-19 that lies inside the lung mask, enlarged as the "
        "app shows it. A flat map has the share of the picture that is lung: that is the floor."
        + (f" Pictures in which nothing speaks for COVID-19 have no map ({skipped})." if inside else ""),
        table(("Pictures", "Map", "Inside the lungs (95 % interval)", "n"), inside) if inside else "No lung masks.",
        "**Deletion and insertion** (Petsiuk et al. 2018). Cells are blurred, or restored into a blurred picture, from "
        "the strongest down; the figure is the area under the COVID-19 score. A heatmap that shows what the score "
        "comes from has a small deletion area and a large insertion area, and beats a random order and a blob in the "
        "centre.",
        table(("Pictures", "What", "Order", "Figure (95 % interval)", "n"), steps),
    ]
    return "\n\n".join(lines)


def robustness(evidence: Part) -> str:
    """AUC, accuracy and flips under each disturbance."""
    part = evidence["robustness"]["figures"]
    lines = []
    for name, _ in sets_of(part):
        own = pick(part, set=name)
        rows = []
        for kind, setting in dict.fromkeys((row["kind"], row["setting"]) for row in own):
            by = {row["metric"]: row for row in pick(own, kind=kind, setting=setting)}
            moved = [percent(by[metric]) for metric in by if metric == "flips" or metric.startswith("to ")]
            rows.append((kind, setting, interval(by["AUC"]), percent(by["accuracy"]), *(moved or ["none", "none"])))
        head = ("Change", "How", "AUC, COVID-19 against all others", "Accuracy", "Decisions that change", "to COVID-19")
        lines += [f"**{name}**, a fixed sample, n = {own[0]['n']}:", table(head, rows)]
    return "\n\n".join(lines)

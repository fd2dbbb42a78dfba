"""docs/evidence/tables.md: every measured figure behind docs/evidence.md, a section for each part of the JSON."""

from __future__ import annotations

from typing import Any

from model.evaluation.parts import codec, linear
from model.evaluation.render.studies import STUDIES
from model.evaluation.render.tables import Row, interval, named, percent, pick, pivot, point, table

Part = dict[str, Any]
PICTURES = "Pictures"


def sections(evidence: Part, results: dict[str, Part]) -> dict[str, list[str]]:
    """The blocks of Markdown of each section.

    Args:
        evidence: as the JSON holds it; a part that was not measured has no section.
        results: of studies, see `studies.read`.

    Returns:
        Blocks by the title of their section.
    """
    made = {
        "File format": ("codec", _codec),
        "Healthy chests called ill": ("elsewhere", _healthy),
        "Per source": ("headline", _per_source),
        "Controls": ("controls", _controls),
        "Heatmap": ("heatmaps", _heatmap),
        "Robustness": ("robustness", _robustness),
        "Calibration": ("calibration", _calibration),
        "Uncertain": ("selective", _uncertain),
        "Predictive values": ("predictive", _predictive),
        "Confident errors": ("failures", _errors),
        "People and other networks": ("literature", _literature),
    }
    titled = {title: write(evidence[part]) for title, (part, write) in made.items() if part in evidence}
    studied = [_study(name, results.get(name)) for name in STUDIES]
    return titled | {"Studies": [block for blocks in studied for block in blocks]}


def _task(row: Row) -> tuple[Any, ...]:
    return row["set"], named(row["what"])


def _metric(row: Row) -> tuple[Any, ...]:
    return row["set"], f"{row['metric']}: {named(row['what'])}"


def _codec(part: Part) -> list[str]:
    def cell(row: Row) -> str:
        return interval(row) if row["metric"].endswith("shift") else percent(row)

    forms = ", ".join(part["forms"])
    return [
        f'The same radiographs, saved in other forms ({forms}) and read again. "Uncertain" and '
        '"refused" are decisions too; the checks of quality are left out. The shift is that of the log-odds of '
        f"COVID-19. At most {codec.SAMPLE} radiographs per source.",
        pivot(
            part["figures"],
            (PICTURES, "Form", "Network"),
            lambda row: (row["set"], row["form"], row["bundle"]),
            lambda row: row["metric"],
            cell,
        ),
    ]


def _healthy(part: Part) -> list[str]:
    return [
        "Radiographs of healthy people: what they are called at the default operating point, none called uncertain.",
        pivot(part["figures"], (PICTURES,), lambda row: (row["set"],), lambda row: named(row["metric"]), percent),
    ]


def _per_source(part: Part) -> list[str]:
    figures = sorted(part["figures"], key=lambda row: ("external", "choice", "internal").index(row["role"]))
    points = [row for row in figures if "point" in row]
    classes = part["confusion"][0]["classes"] if part["confusion"] else []
    matrix = [
        (matrix_of_set["set"], named(name), *counts, sum(counts))
        for matrix_of_set in part["confusion"]
        for name, counts in zip(matrix_of_set["classes"], matrix_of_set["counts"], strict=True)
        if sum(counts)
    ]
    compared = part["card"]
    return [
        pivot([row for row in figures if "point" not in row], (PICTURES, "What"), _metric),
        "At the operating points:",
        pivot(points, (PICTURES, "What"), _metric, lambda row: point(row["point"])),
        "Decided class at the default operating point, nothing called uncertain:",
        table((PICTURES, "Is", *(f"called {named(name)}" for name in classes), "n"), matrix),
        f"{compared['compared']} of these figures are in the bundle's card too, measured when it was exported; the "
        f"largest difference is {compared['largest_difference']:.4f}.",
    ]


def _controls(part: Part) -> list[str]:
    areas = sorted(pick(part["figures"], metric="AUC"), key=lambda row: row["set"])
    called = [row for row in part["figures"] if row["metric"].startswith("called ")]
    sources = [row for row in part["figures"] if row["id"].startswith("source_from.")]
    masked = ", ".join(f"{count} of {source}" for source, count in part["masked"].items()) or "none"
    share = part["average_lungs_share"]
    covered = "" if share is None else f" The average lungs cover {100 * share:.0f} % of the picture."
    return [
        "A control that scores as well as the whole picture shows that the score does not need the lungs. What is "
        "covered gets the mean grey of the rest. *Average lungs* are lung in a quarter of all masks, *found lungs* are "
        f"those of the bundle's lung network.{covered} *Borders alone* leaves a frame of {100 * part['frame']:.0f} % "
        f"of each side. *Shuffled labels*: mean and middle 95 % of {linear.SHUFFLES} draws; away from 0.5 it would "
        "mean that the measuring leaks. AUC with 95 % intervals:",
        pivot(areas, (PICTURES, "AUC of"), _task, lambda row: row["control"]),
        f"Pictures with a lung mask ({masked}) and the share of them that is called COVID-19. Covered lungs are evenly "
        "grey, as dense lungs are, so these shares say less than the AUCs.",
        pivot(called, (PICTURES, "Which"), _task, lambda row: row["control"], percent),
        "**Source from features.** A linear model tells, among pictures of one class, which source they come from "
        "(five folds by patient). Far above chance, the features still carry the source, as they do in most networks: "
        "a warning, not a proof that the decision uses it.",
        table(
            (PICTURES, "What", "Balanced accuracy", "Chance", "AUC", "n"),
            [(r["set"], r["what"], interval(r), f"{r['chance']:.2f}", f"{r['auc']:.2f}", r["n"]) for r in sources],
        ),
    ]


def _heatmap(part: Part) -> list[str]:
    inside = [row for row in part["figures"] if ".inside." in row["id"]]
    steps = [row for row in part["figures"] if row["metric"].startswith(("deletion", "insertion"))]
    return [
        "The share of the heatmap for COVID-19 inside the lung mask. A flat map has the share of the picture that is "
        "lung: the floor. A radiograph without evidence for COVID-19 has no heatmap and is left out.",
        pivot(inside, (PICTURES,), lambda row: (row["set"],), lambda row: row["map"], percent) or "No lung masks.",
        "Deletion and insertion (Petsiuk et al. 2018): cells are blurred, or restored into a blurred picture, from the "
        "strongest down; the figure is the area under the COVID-19 score. A heatmap that shows where the score comes "
        "from has a small deletion area and a large insertion area. Differences are against the order of the column.",
        pivot(
            steps,
            (PICTURES, "What"),
            lambda row: (row["set"], row["metric"]),
            lambda row: row["map"],
            lambda row: interval(row, 3),
        ),
    ]


def _robustness(part: Part) -> list[str]:
    def cell(row: Row) -> str:
        return interval(row) if row["metric"] == "AUC" else percent(row)

    return [
        "A fixed sample of one source inside and one outside. AUC is that of COVID-19 against all others; flips are "
        "decisions that change.",
        pivot(
            part["figures"],
            (PICTURES, "Change", "How"),
            lambda row: (row["set"], row["kind"], row["setting"]),
            lambda row: named(row["metric"]),
            cell,
        ),
    ]


def _calibration(part: Part) -> list[str]:
    return [
        f"The temperature, {part['temperature']:.4f}, was chosen on validation pictures of the training sources; for "
        "another hospital it is right by chance at best. ECE is the mean and MCE the largest gap between score and "
        "observed share over ten bins (MCE: bins of five pictures or more).",
        pivot(part["figures"], (PICTURES, "What"), _metric, lambda row: f"{row['when']} the temperature"),
    ]


def _uncertain(part: Part) -> list[str]:
    return [
        f"A reading nearer than {part['margin']:.3f} log-odds to a decision boundary is called uncertain. Errors are "
        "of the decided class, at the default operating point.",
        pivot(part["figures"], (PICTURES,), lambda row: (row["set"],), lambda row: row["metric"], percent),
    ]


def _predictive(part: Part) -> list[str]:
    return [
        "At the default operating point, from each source's sensitivity and specificity; n counts patients. Intervals: "
        "Mercaldo et al. 2007.",
        pivot(
            part["figures"],
            (PICTURES, "Prevalence"),
            lambda row: (row["set"], f"{100 * row['prevalence']:.0f} %"),
            lambda row: row["metric"],
            percent,
        ),
    ]


def _errors(part: Part) -> list[str]:
    kinds = [
        (k["source"], k["finding"], named(k["truth"]), named(k["decided"]), k["confident"], k["errors"], k["n"])
        for k in part["kinds"]
    ]
    worst = [
        (e["role"], e["source"], e["finding"], named(e["truth"]), named(e["decided"]), f"{e['score']:.2f}")
        for e in part["most_confident"]
    ]
    finding = ("Source", "Finding in the manifest", "Is", "Called")
    return [
        f"Confident: the odds are {part['odds']} times those at the decision boundary, or more.",
        table((*finding, "Confident errors", "Errors", "Pictures of this finding"), kinds),
        "The most confident errors, outside and inside:",
        table((PICTURES, *finding, "Score"), worst),
    ]


def _literature(part: Part) -> list[str]:
    def share(value: float | None) -> str:
        return "not given" if value is None else f"{value} %"

    def linked(row: Row) -> str:
        return f"[{row['source']}]({row['link']})"

    people, networks, models = part["people"], part["networks"], part["public_models"]
    return [
        people["note"],
        table(
            ("Picture", "Positive is", "Sensitivity", "Specificity", "On", "Source"),
            [
                (r["modality"], r["what"], share(r["sensitivity"]), share(r["specificity"]), r["n"], linked(r))
                for r in people["rows"]
            ],
        ),
        networks["note"],
        table(
            ("Network", "Reported", "On", "Source"),
            [(r["name"], r["figure"], r["on"], linked(r)) for r in networks["rows"]],
        ),
        models["note"],
        table(
            ("What", "Median", "Range"), [(r["what"], r["median"], r["range"] or "not kept") for r in models["rows"]]
        ),
    ]


def _study(name: str, result: Part | None) -> list[str]:
    title, how = STUDIES[name]
    if result is None:
        return [f"### {title}", f"Not run: {how}."]
    return [f"### {title}", *result["text"], table(result["columns"], result["rows"])]

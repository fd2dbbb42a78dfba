"""MODEL_CARD.md from card.json and the evidence: model card, facts label for clinicians, CLAIM checklist."""

from __future__ import annotations

from typing import Any

from model.evaluation.render.claim import checklist
from model.evaluation.render.evidence import QUICK, worst
from model.evaluation.render.tables import interval, named, percent, pick, table
from model.reading.card import Card

Part = dict[str, Any]


def model_card(card: Card, evidence: Part) -> str:
    """Write the document: sections after Mitchell et al. 2019, a label after Sendak et al. 2020, CLAIM 2024.

    Args:
        card: the bundle's.
        evidence: as the JSON holds it.

    Returns:
        Markdown.
    """
    blocks = [
        f"# Model card: {card.title}",
        "<!-- Written by `python train.py evaluate` from card.json and docs/evidence/evidence.json; changes by hand "
        "are lost. -->",
        QUICK if evidence["quick"] else "",
        card.intended_use,
        "## Facts label",
        "*For clinicians, on one page (after [Sendak et al. 2020](https://doi.org/10.1038/s41746-020-0253-3)).*",
        facts(card, evidence),
        "*The sections below follow [Mitchell et al. 2019](https://doi.org/10.1145/3287560.3287596).*",
        "## Model details",
        _details(card),
        "## Intended use",
        card.intended_use,
        "Out of scope: deciding about a patient, screening, children, lateral views, CT, photographs of screens, "
        "telling COVID-19 from other causes of the same pattern.",
        "## Factors",
        "Reported by source, because hospital, detector, export and population all change with it. The pictures carry "
        "no age, sex or ethnicity that could be reported by; how it does in any such group is unknown.",
        "## Metrics",
        "AUC and average precision without a threshold; sensitivity, specificity and balanced accuracy at three "
        "operating points chosen on validation pictures; Brier score and calibration error for the score; 95 % "
        "intervals from resampling patients. Nothing is pooled over sources.",
        "## Evaluation data",
        _pictures(evidence),
        "## Training data",
        _training(card),
        "## Quantitative analyses",
        worst(evidence),
        _headline(evidence),
        "All figures, controls, robustness and calibration: [docs/evidence.md](docs/evidence.md).",
        "## Ethical considerations",
        "The pictures are public and de-identified by their owners; none is shipped with the project. A wrong "
        '"normal" may delay care and a wrong "COVID-19 pattern" may isolate somebody, so the app gives no advice on '
        "either. Licence of the weights: " + card.licence.weights,
        "## Caveats and recommendations",
        "\n".join(f"- {limit}" for limit in card.limits),
        "Before any use elsewhere: measure it on that hospital's own pictures, and choose the threshold there.",
        "## CLAIM 2024",
        "Where each topic of the checklist ([Tejani et al. 2024](https://doi.org/10.1148/ryai.240300)) is answered, in "
        'our words; "no" where it is not.',
        table(("Item", "Topic", "Answer"), checklist(card, evidence)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def facts(card: Card, evidence: Part) -> str:
    """The label: what it is, how it did, how to use it, what to beware of."""
    figures = evidence["headline"]["figures"]
    default = card.default_point
    rows = [
        ("Name", f"{card.title}, {card.created[:10]}"),
        ("Summary", "Sorts a frontal chest radiograph into normal, other lung disease or COVID-19 pattern"),
        ("Output", 'A calibrated score for each class, a decision or "uncertain", a heatmap'),
        ("Target population", "Adults with a frontal chest radiograph; for teaching and research"),
        ("Time of prediction", "When a picture is opened; well under a second"),
        ("Input", "One picture (PNG, JPEG, TIFF, WebP, BMP or DICOM); no age, symptom or laboratory value"),
        ("Kind of model", f"{card.architecture.name}, {card.architecture.parameters:,} parameters"),
        ("Trained on", ", ".join(source.source for source in card.training.sources if not source.is_external)),
    ]
    for role, said in (("external", "Elsewhere"), ("internal", "Where it was trained")):
        for row in sorted(pick(figures, role=role, metric="AUC"), key=lambda one: one["value"]):
            value = f"{interval(row)}, n = {row['n']}"
            rows.append((f"{said}: AUC, {row['set']}, {named(row['what'])}", value))
        for metric in ("sensitivity", "specificity"):
            for row in pick(figures, role=role, metric=metric, point=default):
                value = f"{percent(row)}, n = {row['n']}"
                rows.append((f"{said}: {metric}, {row['set']}, {named(row['what'])}", value))
    for row in pick(evidence["predictive"]["figures"], prevalence=0.1):
        rows.append((f"If 1 in 10 is ill: {row['metric']}, as measured on {row['set']}", percent(row)))
    rows += [
        ("Use", "Look at the picture first; then read the score, the heatmap and the limits together"),
        ("Do not use", "To rule COVID-19 in or out, to triage, on children, on lateral views, on CT"),
        ("Warnings", " ".join(card.limits)),
        ("Tests in the clinic", "None: no prospective study, no approval"),
    ]
    return table(("", ""), rows)


def _details(card: Card) -> str:
    start = card.training.starting_weights
    settings = card.training.settings
    rows = [
        ("Developed by", "the authors of this repository"),
        ("Version, date", f"{card.version}, {card.created[:10]}, commit `{card.git_commit[:12]}`"),
        (
            "Architecture",
            f"{card.architecture.name}; weights stored as {card.architecture.weights_stored_as}",
        ),
        (
            "Input",
            f"{card.size} x {card.size} px grey, {card.input.resize}ed to a square",
        ),
        ("Classes", ", ".join(named(name) for name in card.classes)),
        ("Started from", f"{start['name']}: {start['origin']} ({start['licence']})"),
        (
            "Trained",
            f"{settings['epochs']} epochs, AdamW, harmonise `{settings['harmonise']}`, seed {settings['seed']}",
        ),
        ("Calibration", f"{card.calibration.method}, T = {card.temperature:.4f}"),
        ("Licence", f"code {card.licence.code}; weights: {card.licence.weights}"),
        ("SHA-256", f"`{card.sha256}`"),
    ]
    return table(("", ""), rows)


def _pictures(evidence: Part) -> str:
    rows = [
        (one["set"], *(one["labels"].get(name, 0) for name in evidence["bundle"]["classes"]), one["patients"], one["n"])
        for one in evidence["pictures"]
    ]
    head = ("Pictures", *(named(name) for name in evidence["bundle"]["classes"]), "patients", "n")
    return table(head, rows)


def _training(card: Card) -> str:
    rows = [
        (
            source.source,
            source.role,
            ", ".join(f"{count} {named(label)}" for label, count in source.pictures.items()),
            ", ".join(f"{count} {split}" for split, count in source.split.items()),
            source.licence,
        )
        for source in card.training.sources
    ]
    return table(("Source", "Role", "Pictures", "Split", "Licence"), rows)


def _headline(evidence: Part) -> str:
    rows = [
        (row["set"], f"{row['metric']}: {named(row['what'])}", interval(row), row["n"])
        for role in ("external", "internal")
        for row in pick(evidence["headline"]["figures"], role=role)
        if row["metric"] in ("AUC", "sensitivity", "specificity") and row.get("point") in (None, "balanced")
    ]
    return table(("Pictures", "What", "Figure (95 % interval)", "n"), rows)

"""MODEL_CARD.md from card.json and the evidence: model card, facts label for clinicians, CLAIM checklist."""

from __future__ import annotations

from typing import Any

from model.evaluation.render.documents import QUICK, claims
from model.evaluation.render.tables import interval, named, percent, pick, table
from model.reading.card import Card, Framing

Part = dict[str, Any]
PAGE = "[docs/evidence.md](docs/evidence.md)"
TABLES = "[docs/evidence/tables.md](docs/evidence/tables.md)"


def model_card(card: Card, evidence: Part) -> str:
    """The document: sections after Mitchell et al. 2019, a label after Sendak et al. 2020, CLAIM 2024.

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
        _facts(card, evidence),
        "*The sections below follow [Mitchell et al. 2019](https://doi.org/10.1145/3287560.3287596).*",
        "## Model details",
        _details(card),
        "## Intended use",
        card.intended_use,
        "Out of scope: deciding about a patient, screening, children, lateral views, CT, photographs of screens, "
        "telling COVID-19 from other causes of the same pattern.",
        "## Factors",
        "Reported by source, because hospital, detector, export and population all change with it. The radiographs "
        "carry no age, sex or ethnicity that could be reported by; how it does in any such group is unknown.",
        "## Metrics",
        "AUC and average precision without a threshold; sensitivity, specificity and balanced accuracy at three "
        "operating points chosen on validation pictures; the share of healthy chests called ill; Brier score and "
        "calibration error for the score; 95 % intervals from resampling patients. Each source is reported alone.",
        "## Evaluation data",
        _pictures(evidence),
        "## Training data",
        _training(card),
        "## Quantitative analyses",
        "\n".join(f"- {claim.sentence}" for claim in claims(evidence)),
        _headline(evidence, card.default_point),
        f"Claims with their figures: {PAGE}. All figures: {TABLES}.",
        "## Ethical considerations",
        "The radiographs are public and de-identified by their owners; none is shipped with the project. A wrong "
        '"normal" may delay care and a wrong "COVID-19 pattern" may isolate somebody, so the app gives no advice on '
        "either. Licence of the weights: " + card.licence.weights,
        "## Caveats and recommendations",
        "\n".join(f"- {limit}" for limit in card.limits),
        "Before any use elsewhere: measure it on that hospital's radiographs, and choose the threshold there.",
        "## CLAIM 2024",
        "Where each topic of the checklist ([Tejani et al. 2024](https://doi.org/10.1148/ryai.240300)) is answered, in "
        'our words; "no" where it is not.',
        table(("Item", "Topic", "Answer"), _checklist(card, evidence)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _facts(card: Card, evidence: Part) -> str:
    """The label: what it is, how it did elsewhere, how to use it, what to beware of."""
    rows = [
        ("Name", f"{card.title}, {card.created[:10]}"),
        ("Summary", "Sorts a frontal chest radiograph into normal, other lung disease or COVID-19 pattern"),
        ("Output", 'A calibrated score for each class, a decision or "uncertain", a heatmap'),
        ("Target population", "Adults with a frontal chest radiograph; for teaching and research"),
        ("Time of prediction", "When a radiograph is opened; well under a second"),
        ("Input", "One file (PNG, JPEG, TIFF, WebP, BMP or DICOM); no age, symptom or laboratory value"),
        ("Kind of model", f"{card.architecture.name}, {card.architecture.parameters:,} parameters"),
        ("Trained on", ", ".join(_learned(card))),
    ]
    for row in evidence.get("elsewhere", {}).get("rows", []):
        shares = [
            f"{words} {percent(row[name])}, n = {row[name]['n']}"
            for name, words in (("sensitivity", "COVID-19 found"), ("called_ill", "healthy chests called ill"))
            if name in row
        ]
        rows.append((f"Elsewhere: {row['set']}", "; ".join(shares)))
    for row in pick(_figures(evidence, "predictive"), prevalence=0.1):
        rows.append((f"If 1 in 10 is ill: {row['metric']}, as measured on {row['set']}", percent(row)))
    rows += [
        ("Use", "Look at the radiograph first; then read the score, the heatmap and the limits together"),
        ("Do not use", "To rule COVID-19 in or out, to triage, on children, on lateral views, on CT"),
        ("Warnings", " ".join(card.limits)),
        ("Tests in the clinic", "None: no prospective study, no approval"),
    ]
    return table(("", ""), rows)


def _figures(evidence: Part, part: str) -> list[Part]:
    """Of a part of the JSON; none where it was not measured."""
    figures: list[Part] = evidence.get(part, {}).get("figures", [])
    return figures


def _learned(card: Card) -> list[str]:
    return [source.source for source in card.training.sources if not source.is_external]


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
            f"{settings['epochs']} epochs, AdamW, seed {settings['seed']}",
        ),
        ("Calibration", f"{card.calibration.method}, T = {card.temperature:.4f}"),
        ("Licence", f"code {card.licence.code}; weights: {card.licence.weights}"),
        ("SHA-256", f"`{card.sha256}`"),
    ]
    return table(("", ""), rows)


def _pictures(evidence: Part) -> str:
    rows = [
        (row["set"], *(row["labels"].get(name, 0) for name in evidence["bundle"]["classes"]), row["patients"], row["n"])
        for row in evidence["pictures"]
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


def _headline(evidence: Part, point: str) -> str:
    rows = [
        (row["set"], f"{row['metric']}: {named(row['what'])}", interval(row), row["n"])
        for role in ("choice", "external", "internal")
        for row in pick(_figures(evidence, "headline"), role=role)
        if row["metric"] in ("AUC", "sensitivity", "specificity") and row.get("point") in (None, point)
    ]
    return table(("Pictures", "What", "Figure (95 % interval)", "n"), rows)


def _checklist(card: Card, evidence: dict[str, Any]) -> list[tuple[int, str, str]]:
    """The rows of the table.

    Args:
        card: the bundle's.
        evidence: as the JSON holds it.

    Returns:
        (number, topic, answer) of all 44 items.
    """
    outside = sorted({row["source"] for row in evidence["pictures"] if row["role"] in ("choice", "external")})
    settings, calibration = card.training.settings, card.calibration
    rows = [
        ("The title names the kind of AI", "yes: a convolutional network (deep learning)"),
        ("A summary of design, results and conclusions", f"the README and the head of {PAGE}"),
        ("Background and intended role", "Intended use, above"),
        ("Aims and hypotheses", "aim: to show what such a network can and can't do; no hypothesis was registered"),
        ("Prospective or retrospective", "retrospective"),
        ("Goal of the study", "building a model and testing it outside its hospitals"),
        ("Where the data come from", "Training data, above; public sets, several hospitals each"),
        ("Who was included and left out", "as the sets chose; unreadable files and non-frontal views are left out"),
        (
            "Preprocessing",
            _preprocessing(card.framing),
        ),
        ("Selection of parts of the data", "per source, listed under Training data"),
        ("De-identification", "by the owners of the sets; no tag of a DICOM file is kept"),
        ("Missing data", "pictures without a label are never tested on"),
        ("Acquisition protocol", "no: the sets do not say"),
        (
            "How the reference standard is defined",
            "SIIM: appearance; NIH: mined from reports; others: as the set states",
        ),
        ("Why that one", "it is what the public sets have; limits are stated"),
        ("Who made it", "the owners of the sets; not repeated here"),
        ("Annotation of the test set", "as above; none was added"),
        ("Variation between annotators", "no: the sets do not say"),
        ("How pictures were assigned to parts", f"stratified by source and class, seed {settings['seed']}"),
        ("What keeps the parts apart", "patient; copies found by perceptual hash count as one patient"),
        ("Size of the test sample", "not planned: all there is; the intervals tell what it can show"),
        ("The model in detail", "Model details, above; `model/training/network.py`"),
        ("Software", "TensorFlow/Keras and LiteRT; exact versions in `requirements/constraints.txt`"),
        ("Initial weights", f"{card.training.starting_weights['name']}: see Model details"),
        ("Training in detail", "`card.json` holds every setting and the history"),
        (
            "How the final model was chosen",
            "by a rule that was written down first (`docs/choosing.md`), on hospitals that training never saw and on "
            "validation pictures; never by a test picture",
        ),
        ("Ensembles", "none: one network ships"),
        ("Metrics", "Metrics, above"),
        ("Uncertainty and significance", "95 % intervals by patient; no test of significance"),
        ("Robustness", f"{TABLES}, Robustness"),
        ("Explanation", f"{TABLES}, Heatmap; class maps, compared with Grad-CAM by gradients in the card"),
        ("Test on internal data", f"yes: {', '.join(_learned(card))}"),
        ("Test on external data", f"yes: {', '.join(outside) or 'none'}"),
        ("Registration of a trial", "no: not a clinical trial"),
        ("Numbers included and left out", "Evaluation data and Training data, above"),
        ("Demography of each part", "no: the public sets carry too little of it"),
        ("Performance with uncertainty", f"{TABLES}, Per source"),
        ("Diagnostic accuracy and its precision", f"{TABLES}, Per source and Predictive values"),
        ("Analysis of errors", f"{TABLES}, Confident errors"),
        ("Limits", "Caveats and recommendations, above"),
        ("What it means for practice", "none yet: research and education"),
        ("Where the details are", "this repository"),
        ("Availability of code, model and data", "code and weights here; pictures from their owners"),
        ("Funding", "none stated"),
    ]
    calibrated = f"; calibrated by {calibration.method} on {named(calibration.chosen_on or 'validation')} pictures"
    return [
        (number, topic, answer + calibrated if topic == "How the final model was chosen" else answer)
        for number, (topic, answer) in enumerate(rows, 1)
    ]


def _preprocessing(framing: Framing) -> str:
    """What the network's input is made of, in words."""
    margin = framing.margin
    seen = "grey" if margin is None else f"grey, cut to the lungs' box with {margin:.0%} more on each side"
    sharpness = f"squashed to {framing.size} px"
    if framing.detail != framing.size:
        sharpness = f"brought to {framing.detail} px, the one sharpness of all, and enlarged to {framing.size} px"
    return f"{seen}, {sharpness}, standardised inside the network"

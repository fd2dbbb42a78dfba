"""The topics of CLAIM 2024 and where this project answers them; numbers are those of the checklist."""

from __future__ import annotations

from typing import Any

from model.evaluation.render.tables import named
from model.reading.card import Card

PAGE = "[docs/evidence.md](docs/evidence.md)"


def checklist(card: Card, evidence: dict[str, Any]) -> list[tuple[int, str, str]]:
    """The rows of the table.

    Args:
        card: the bundle's.
        evidence: as the JSON holds it.

    Returns:
        (number, topic, answer) of all 44 items.
    """
    learned = [source for source in card.training.sources if not source.is_external]
    outside = sorted({one["source"] for one in evidence["pictures"] if one["role"] == "external"})
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
            f"grey, squashed to {card.size} px, `{settings['harmonise']}` inside the network",
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
        ("Annotation of the test set", "as above; no own annotation"),
        ("Variation between annotators", "no: the sets do not say"),
        ("How pictures were assigned to parts", f"stratified by source and class, seed {settings['seed']}"),
        ("What keeps the parts apart", "patient; copies found by perceptual hash count as one patient"),
        ("Size of the test sample", "not planned: all there is; the intervals tell what it can show"),
        ("The model in detail", "Model details, above; `model/training/network.py`"),
        ("Software", "TensorFlow/Keras and LiteRT; exact versions in `requirements/constraints.txt`"),
        ("Initial weights", f"{card.training.starting_weights['name']}: see Model details"),
        ("Training in detail", "`card.json` holds every setting and the history"),
        ("How the final model was chosen", "validation pictures of the training sources; never by a test picture"),
        ("Ensembles", f"teacher: {settings.get('teacher') or 'none'}; one network ships"),
        ("Metrics", "Metrics, above"),
        ("Uncertainty and significance", "95 % intervals by patient; no test of significance"),
        ("Robustness", f"{PAGE}, Robustness"),
        ("Explanation", f"{PAGE}, The heatmap; class maps, compared with Grad-CAM by gradients in the card"),
        ("Test on internal data", f"yes: {', '.join(source.source for source in learned)}"),
        ("Test on external data", f"yes: {', '.join(outside) or 'none'}"),
        ("Registration of a trial", "no: not a clinical trial"),
        ("Numbers included and left out", "Evaluation data and Training data, above"),
        ("Demography of each part", "no: the public sets carry too little of it"),
        ("Performance with uncertainty", f"{PAGE}, Per source"),
        ("Diagnostic accuracy and its precision", f"{PAGE}, Per source and Predictive values"),
        ("Analysis of errors", f"{PAGE}, The errors it is most sure of"),
        ("Limits", "Caveats and recommendations, above"),
        ("What it means for practice", "none yet: research and education"),
        ("Where the details are", "this repository"),
        ("Availability of code, model and data", "code and weights here; pictures from their owners"),
        ("Funding", "none stated"),
    ]
    said = f"; calibrated by {calibration.method} on {named(calibration.chosen_on or 'validation')} pictures"
    return [
        (number, topic, answer + said if topic == "How the final model was chosen" else answer)
        for number, (topic, answer) in enumerate(rows, 1)
    ]

"""About: intended use, privacy, a glossary, licences, how to cite, and versions."""

from __future__ import annotations

import platform
from importlib import metadata

import streamlit as st

from interface.core import labels, page
from interface.core.language import mark, tr
from model import __version__

PRIVACY = (
    mark(
        "A picture is read in the memory of the server that shows this page; nothing of it is sent anywhere else. The "
        "server asks another place only for a picture of the gallery, when somebody presses its button."
    ),
    mark("It is never written to disk, to a log or to a cache, and neither are its file name and DICOM tags."),
    mark("Nobody but you sees it, except in a classroom, which shows its pictures to everyone with its code."),
    mark(
        "It is forgotten when you close the page or press *Forget all*; a batch likewise. The pictures of a quiz or a "
        "classroom are forgotten an hour after their last use."
    ),
    mark("Files that you download are yours to keep safe: an overlay shows any name that is burned into the picture."),
)
INTENDED = mark(
    "For **research and education**: to see what a network makes of a radiograph, how sure it is, and how often that "
    "is wrong. It is **not a medical device**: no diagnosis, no triage and no decision about a patient may rest on it. "
    "It knows frontal chest radiographs of adults, and three classes; everything else it can only get wrong or refuse."
)
# Ten terms, each with an anchor that other pages link to: /about#auc.
GLOSSARY = {
    "logit": (mark("Logit"), mark("What the network computes for a class before it becomes a score; any number.")),
    "score": (
        mark("Score"),
        mark("A number from 0 to 1 for each class, calibrated on images that the network had not learned from. It is "
             "not the probability that a person has the disease."),
    ),
    "operating-point": (
        mark("Operating point"),
        mark("The score from which the reading says that a COVID-19 pattern is present. A low one misses fewer people "
             "with the disease, a high one alarms fewer without it."),
    ),
    "sensitivity": (mark("Sensitivity"), mark("Of the people with the disease, the share that the test finds.")),
    "specificity": (mark("Specificity"), mark("Of the people without the disease, the share that the test clears.")),
    "auc": (
        "AUC",
        mark("Area under the ROC curve: the probability that an image with the disease scores higher than one without. "
             "1 is perfect, 0.5 is chance. It does not depend on the operating point."),
    ),
    "ece": (
        "ECE",
        mark("Expected calibration error: by how much scores and observed frequencies differ on average. 0 is best."),
    ),
    "interval": (
        mark("95% interval"),
        mark("The range in which the figure would lie in 95 of 100 repetitions with other patients of the same "
             "hospital. It says nothing about other hospitals."),
    ),
    "heatmap": (
        mark("Heatmap (Grad-CAM)"),
        mark("Shows which parts of the image raised the score of a class. It shows roughly where, not why, and "
             "outlines no lesion."),
    ),
    "external": (
        mark("External test"),
        mark("A test on images of hospitals that training never saw: the nearest thing to your hospital."),
    ),
}  # fmt: skip
PACKAGES = ("streamlit", "numpy", "opencv-python-headless", "pillow", "pydicom", "ai-edge-litert")


def versions(title: str) -> str:
    """The versions that decide what a reading is, as a Markdown table."""
    rows = [[tr("This app"), __version__], [tr("Network"), labels.plain(title)], ["Python", platform.python_version()]]
    for package in PACKAGES:
        try:
            rows.append([package, metadata.version(package)])
        except metadata.PackageNotFoundError:
            rows.append([package, tr("not installed")])
    return labels.table([tr("Part"), tr("Version")], rows)


page.through_app()
card = page.card_or_stop()
st.title(tr("About"))
st.header(tr("What it is for"), anchor=False)
st.markdown(tr(INTENDED))
st.header(tr("What happens to your picture"), anchor=False)
st.markdown("\n".join(f"1. {tr(line)}" for line in PRIVACY))
st.header(tr("Glossary"), anchor="glossary")
for anchor, (term, meaning) in GLOSSARY.items():
    st.subheader(tr(term), anchor=anchor)
    st.markdown(tr(meaning))
st.header(tr("Licence"), anchor=False)
st.markdown(
    tr("The code is under the Apache License 2.0. The network's weights have a licence of their own:")
    + " "
    + labels.stated(card.licence.weights)
)
st.header(tr("How to cite"), anchor=False)
st.markdown(tr("With the version, because figures belong to one network:"))
cited = f"Chest X-ray reader, version {__version__}, network {card.title} (SHA-256 {card.sha256[:16]})."
st.code(cited, None, wrap_lines=True)
st.header(tr("Versions"), anchor=False)
st.markdown(versions(card.title))

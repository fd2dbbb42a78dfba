"""The public collections that a card may name: what they are called, where they are, who is in them, what a label is.

How many pictures were used, for what and under which licence is in the card alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from interface.core.language import mark
from model.reading.card import Source


@dataclass(frozen=True)
class Collected:
    """A public collection.

    Attributes:
        name: its own, in no language.
        page: where its makers offer it.
        people: whose radiographs they are, and how they came into the collection.
        labels: what its labels rest on.
        way: how to get it.
    """

    name: str
    page: str
    people: str
    labels: str
    way: str


KAGGLE = mark("Download it from Kaggle, with a free account.")
REPOSITORY = mark("Download the repository; which licence a picture has stands in its table.")
NIH = mark("Download it from the page; the NIH asks to be named and linked, and to have Wang et al. 2017 cited.")
# Where a person may take an image to try: its licence asks for the credit alone.
HANNOVER = "https://github.com/ml-workgroup/covid-19-image-repository"
HANNOVER_CREDIT = "COVID-19 Image Repository, Hannover Medical School, doi:10.6084/m9.figshare.12275009, CC BY 3.0"
# By the name of the source in the manifest, and so in the card.
COLLECTIONS = {
    "siim": Collected(
        "SIIM-FISABIO-RSNA COVID-19 Detection",
        "https://www.kaggle.com/c/siim-covid19-detection",
        mark("Hospitals in Spain, and the RSNA's collection RICORD. Here each picture was squashed to a square."),
        mark(
            "How the picture looks: *typical* became COVID-19 pattern, *negative* became normal, the others have no "
            "label here. It is not RT-PCR: some people whose picture was called negative had a positive test."
        ),
        mark("Join the competition on Kaggle with a free account and accept its rules."),
    ),
    "nih": Collected(
        "NIH ChestX-ray14",
        "https://nihcc.app.box.com/v/ChestXray-NIHCC",
        mark("One hospital in the USA, the NIH Clinical Center; a part of it is used here."),
        mark(
            "A program took them from the written reports, so some are wrong: *No Finding* became normal, *Pneumonia* "
            "became other lung disease."
        ),
        NIH,
    ),
    "mendeley": Collected(
        "Dataset of Tuberculosis Chest X-rays Images",
        "https://data.mendeley.com/datasets/8j2g3csprk/2",
        mark("Adults in Pakistan, on film. The normal ones all carry the same marker, an L."),
        mark("Normal or tuberculosis, which became other lung disease."),
        mark("Download it from Mendeley Data."),
    ),
    "radiography": Collected(
        "COVID-19 Radiography Database",
        "https://www.kaggle.com/datasets/tawsifurrahman/covid19-radiography-database",
        mark(
            "Put together from other collections: those with COVID-19 come mostly from Spain, the normal ones from "
            "the USA."
        ),
        mark(
            "As in the collection that a picture came from. So the hospital gives the class away, and a network that "
            "learns from it can learn the hospital."
        ),
        KAGGLE,
    ),
    "cohen": Collected(
        "COVID-19 Image Data Collection (Cohen)",
        "https://github.com/ieee8023/covid-chestxray-dataset",
        mark("Pictures from publications of many hospitals, so rather the cases that were worth showing."),
        mark("The cause that the publication gives for the pneumonia."),
        REPOSITORY,
    ),
    "cxnet": Collected(
        "COVID-CXNet",
        "https://github.com/armiro/COVID-CXNet",
        mark("Adults with COVID-19 from about 20 countries, collected from the web; arrows and captions occur."),
        mark("COVID-19 as the publication of the image states it."),
        REPOSITORY,
    ),
    "nih14": Collected(
        "NIH ChestX-ray14",
        "https://nihcc.app.box.com/v/ChestXray-NIHCC",
        mark("The NIH Clinical Center in the USA: one image a patient, spread over all 14 findings."),
        mark("A program took the findings from the written reports, so some are wrong."),
        NIH,
    ),
    "nih128": Collected(
        "NIH ChestX-ray14",
        "https://nihcc.app.box.com/v/ChestXray-NIHCC",
        mark("The NIH Clinical Center in the USA, reduced to 128 pixels a side."),
        mark("A program took the findings from the written reports, so some are wrong."),
        NIH,
    ),
    "tbx11k": Collected(
        "TBX11K",
        "https://mmcheng.net/tb/",
        mark("Adults in China with tuberculosis."),
        mark("Tuberculosis, which became other lung disease."),
        mark("Download it from the page; it is for research that is not commercial."),
    ),
    "hannover": Collected(
        "COVID-19 Image Repository",
        HANNOVER,
        mark("Patients of the Hannover Medical School in Germany with COVID-19."),
        mark("The hospital lists every patient as a case of COVID-19."),
        REPOSITORY,
    ),
    "ricord": Collected(
        "MIDRC-RICORD-1c",
        "https://www.cancerimagingarchive.net/collection/midrc-ricord-1c/",
        mark("Patients in the USA, mostly with portable radiographs; many lungs look nearly normal."),
        mark("A positive RT-PCR test."),
        mark("Download it from The Cancer Imaging Archive."),
    ),
    "rsna": Collected(
        "RSNA Pneumonia Detection Challenge 2018",
        "https://www.kaggle.com/c/rsna-pneumonia-detection-challenge",
        mark("Patients in the USA, a part of the NIH's images, most of them AP."),
        mark("Radiologists marked opacities, which became other lung disease; normal stayed normal."),
        KAGGLE,
    ),
    "rsna_normal": Collected(
        "RSNA Pneumonia Detection Challenge 2018",
        "https://www.kaggle.com/c/rsna-pneumonia-detection-challenge",
        mark("Adults in the USA with a normal radiograph."),
        mark("Radiologists found nothing."),
        KAGGLE,
    ),
    "tb_nlm": Collected(
        "Montgomery, Shenzhen and other sets of tuberculosis",
        "https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/index.html",
        mark("Adults with tuberculosis from several countries."),
        mark("Tuberculosis, which became other lung disease."),
        mark("Download it from the page of the National Library of Medicine."),
    ),
    "darkcovid": Collected(
        "DarkCovidNet",
        "https://github.com/muhammedtalo/COVID-19",
        mark("Copies of pictures of Cohen's collection, here only to repeat the published table of DarkCovidNet."),
        mark("The cause that the publication gives for the pneumonia."),
        mark("Download the repository."),
    ),
}


def is_learned_from(source: Source) -> bool:
    """Whether the network was trained on one of its card's sources."""
    return bool(source.split.get("train"))


def learned_first(sources: Collection[Source]) -> list[Source]:
    """A card's sources, those before the others that the network was trained on."""
    return sorted(sources, key=lambda source: not is_learned_from(source))


def told_apart(evidence: dict[str, Any], sha256: str) -> list[dict[str, Any]]:
    """How well the source of a picture can be told from the network's features, as `make evidence` measured it.

    Args:
        evidence: what `interface.evidence.measured` gives.
        sha256: of the loaded network; what was measured on another one is not about it.

    Returns:
        Figures with "value", "low", "high", "chance", "n" and "id", whose last part is the class.
    """
    if evidence.get("bundle", {}).get("sha256") != sha256:
        return []
    figures = evidence.get("controls", {}).get("figures", [])
    return [figure for figure in figures if str(figure.get("id", "")).startswith("source_from.features.")]

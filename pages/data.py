"""Data: where each picture came from that the network learned from or was measured on, what is wrong, and a gallery."""

from __future__ import annotations

import streamlit as st

from interface.core import labels, page
from interface.core.language import mark, tr
from interface.evidence import datasets, document
from interface.gallery import cards, store
from model.reading.card import Card, Source

ROLES = {
    "training, validation and test": mark("Learned from, and measured on other patients of it"),
    "training and validation": mark("Learned from"),
    "to choose by": mark("Never learned from, but networks were chosen by them"),
    "external test": mark("Never learned from, measured on"),
}
BIASES = (
    mark(
        "**A label is what a picture looks like.** It is no RT-PCR result. Some people with COVID-19 have a normal "
        "radiograph, and other diseases look like COVID-19."
    ),
    mark(
        "**Signs that are no disease.** One marker, an L, is on all normal pictures of one collection. Codec, size, "
        "colour and markers differ between collections, and a network can read the collection from them."
    ),
    mark(
        "**Squashed to squares.** Some pictures came as squares already, the others are made square before they are "
        "read: hearts and lungs look wider or narrower than they are."
    ),
    mark(
        "**Adults of few countries.** The network is meant for adults alone. Age, sex and ethnicity are not known "
        "here: nobody can say how it does in any such group."
    ),
    mark(
        "**Copies.** Public collections copy from each other. Pictures of one patient, and copies of one picture, are "
        "kept on one side of the split between learning and measuring."
    ),
)
TOGETHER = mark(
    "**Source and class go together** where the table above shows a collection without one of the classes: a network "
    "can learn the collection in place of the disease."
)
TOLD_APART = mark("This network's features tell which collection a picture came from, among pictures of one class:")
TRY = mark(
    "Radiographs of people with COVID-19 stand on the page below, under a licence that asks for the credit alone. Open "
    "it, save one frontal radiograph as PNG, and drop it on the page *Read*; whoever shows it has to give the credit."
)
SAMPLE = mark("The sample radiograph on the page *Read* needs no download: it comes with the package pydicom-data.")
OWN = mark(
    "To train a network of your own, get the collections from their pages and list the pictures in a table; the file "
    "docs/training.md says how."
)


def overview(card: Card, used: list[Source]) -> None:
    """How many pictures of each class each source has."""
    st.header(tr("At a glance"), anchor=False)
    rows = [
        [
            # As the card and the evidence call it, which is short enough for a phone.
            labels.plain(source.source),
            *(labels.number(source.pictures.get(name, 0)) for name in card.classes),
        ]
        for source in used
    ]
    heads = [tr("Set of pictures"), *(labels.class_name(name) for name in card.classes)]
    # In a row that scrolls, because in some languages the heads are wider than a phone.
    with st.container(horizontal=True, wrap=False):
        st.markdown(labels.table(heads, rows, tuple(range(1, len(heads)))))
    learned = ", ".join(labels.plain(source.source) for source in used if datasets.is_learned_from(source))
    st.caption(tr("Pictures by class, as counted in the card. The network learned from: {names}.", names=learned))


def collection(source: Source) -> None:
    """One source: who is in it, what its labels are, under which licence, and where to get it."""
    known = datasets.COLLECTIONS.get(source.source)
    with st.container(border=True):
        st.subheader(labels.plain(title(source)), anchor=False)
        lines = [f"**{tr('Used for')}**: {role(source)}"]
        if known:
            lines += [f"**{tr('Origin')}**: {tr(known.people)}", f"**{tr('Labels')}**: {tr(known.labels)}"]
        lines.append(f"**{tr('Licence')}**: {labels.stated(source.licence)}")
        if known:
            lines.append(f"**{tr('How to get it')}**: {tr(known.way)} [{labels.plain(known.page)}]({known.page})")
        st.markdown("\n".join(f"- {line}" for line in lines))


def title(source: Source) -> str:
    """What the card calls a source, and what its makers do where this app knows them."""
    known = datasets.COLLECTIONS.get(source.source)
    return f"{source.source}: {known.name}" if known else source.source


def role(source: Source) -> str:
    """What a source was used for."""
    return tr(ROLES[source.role]) if source.role in ROLES else labels.stated(source.role)


def biases(card: Card) -> None:
    """What is known to be wrong with the data."""
    st.header(tr("Known biases"), anchor=False)
    figures = datasets.told_apart(document.measured(), card.sha256)
    lines = [f"- {tr(TOGETHER)}" + (f" {tr(TOLD_APART)}" if figures else "")]
    lines += [
        "    - "
        + tr(
            "{name}: balanced accuracy {value}, where guessing gives {chance} ({count} pictures)",
            name=labels.class_name(figure["id"].rsplit(".", 1)[-1]),
            value=labels.interval(figure, 2),
            chance=labels.number(figure.get("chance"), 2),
            count=labels.number(figure.get("n")),
        )
        for figure in figures
    ]
    st.markdown("\n".join([*lines, *(f"- {tr(line)}" for line in BIASES)]))
    with st.container(horizontal=True):
        st.page_link("pages/evidence.py", label=tr("Evidence"), icon=":material/query_stats:")
        st.page_link("pages/card.py", label=tr("Model card"), icon=":material/fact_check:")


def to_try() -> None:
    """How to get a picture by hand."""
    st.header(tr("A picture to try"), anchor=False)
    st.markdown(tr(TRY))
    st.markdown(f"[{labels.plain(datasets.HANNOVER)}]({datasets.HANNOVER})  \n{labels.plain(datasets.HANNOVER_CREDIT)}")
    st.markdown(tr(SAMPLE))
    st.markdown(tr(OWN))


page.through_app()
card = page.card_or_stop()
used = datasets.learned_first(card.training.sources)
st.title(tr("Data"))
st.markdown(
    tr(
        "Where the pictures came from that {network} learned from or was measured on. None of them is part of "
        "this app; their makers offer them at the places named here.",
        network=labels.plain(card.title),
    )
)
if used:
    overview(card, used)
    st.header(tr("The collections"), anchor=False)
    for source in used:
        collection(source)
    if lungs := card.lungs and card.lungs.trained_on:
        st.markdown(tr("The small network that finds the lungs learned from: {what}.", what=labels.plain(lungs)))
else:
    st.info(tr("The card of this network does not say what it learned from."), icon=":material/info:")
# What is known is known of these; whoever trains on pictures of their own knows theirs.
if any(source.source in datasets.COLLECTIONS for source in used):
    biases(card)
cards.show(store.listed())
to_try()

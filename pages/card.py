"""Model card: what the bundle says of itself, every figure with its n and interval, nothing left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import streamlit as st

from interface.components import charts, tables
from interface.core import labels, language, operating_point, page
from interface.core.language import tr
from model.reading import names
from model.reading.card import Card, Figure

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROLES = {
    "internal": ("Internal", "Pictures of the same sources as the training, but of other patients."),
    "choice": (
        "To choose by",
        "Pictures of hospitals that training never saw, but that this network was chosen by: a little too kind to it.",
    ),
    "external": ("External", "Pictures of sources that the network never saw in training: nearer to a new hospital."),
    "validation": ("Validation", "Pictures that chose the settings; too kind to the network to be cited."),
}
MEASURES = {"loss": "loss, training", "val_loss": "loss, validation"}


def summary(card: Card) -> None:
    """What the network is for and what it cannot do, in the language of the session."""
    st.title(tr("Model card"))
    st.markdown(
        tr(
            "{bundle}, made on {date}. A network that reads a frontal chest radiograph of an adult and scores three "
            "classes: COVID-19 pattern, other lung disease, normal. It is for teaching and research, and no decision "
            "about a patient may rest on it. It reads the radiographs of other hospitals worse than those that it "
            "learned from; the figures below say by how much.",
            bundle=f"**{labels.plain(card.title)}**",
            date=labels.stated(card.created[:10]),
        )
        + f" {tr(labels.NOT_A_DEVICE)}"
    )
    language.in_english()
    st.markdown(
        "Everything below is read from the file `card.json` that is shipped with the network; this page adds nothing "
        "and leaves nothing out."
    )
    st.info(labels.stated(card.intended_use), icon=":material/info:")
    st.header("Limits")
    st.markdown("\n".join(f"- {labels.plain(limit)}" for limit in card.limits) or labels.NOT_STATED)


def figures(card: Card) -> None:
    st.header("Measured figures")
    if not card.figures:
        st.markdown("None was measured for this bundle: treat its scores as a demonstration.")
        return
    st.markdown(
        "Value with 95% interval, and how many pictures it rests on. Internal and external figures stand one below "
        "the other: the gap between them is what a new hospital should expect."
    )
    areas = [figure for figure in card.figures if figure.metric == "AUC"]
    if areas:
        shown = [asdict(figure) | {"what": labels.named(figure.what, card.classes)} for figure in areas]
        st.echarts_chart(
            charts.intervals(shown, 0.5),
            height=90 + 56 * len(areas),
            renderer="svg",
            alt="Areas under the ROC curve with 95% intervals: "
            + "; ".join(f"{row['what']}, {row['set']}: {labels.interval(row)}" for row in shown),
        )
        st.caption("Area under the ROC curve (AUC): 1 is perfect, 0.5 is chance.")
    for role in dict.fromkeys([*ROLES, *(figure.role for figure in card.figures)]):
        of_role = [figure for figure in card.figures if figure.role == role]
        if of_role:
            title, what = ROLES.get(role, (labels.stated(role), ""))
            with st.expander(f"{title}: {len(of_role)} figures"):
                st.caption(what)
                st.markdown(figure_table(of_role, card))


def figure_table(figures: list[Figure], card: Card) -> str:
    """Three columns, so that a phone can show them."""
    cells = [
        [
            f"{labels.plain(labels.label(figure.metric))}: "
            f"{labels.plain(labels.named(figure.what, card.classes))}; {labels.stated(figure.set)}",
            labels.interval(figure),
            of_these(figure),
        ]
        for figure in figures
    ]
    return labels.table(["Figure", "Value (95%)", "Pictures"], cells, (1, 2))


def of_these(figure: Figure) -> str:
    """How many pictures, and how many of them are positive where both kinds are in it."""
    n, positives = figure.n, figure.positives
    return (
        labels.number(n) if positives in (None, 0, n) else f"{labels.number(n)} ({labels.number(positives)} positive)"
    )


def decisions(card: Card) -> None:
    st.header("From score to decision")
    st.markdown(
        f"The score of {labels.class_name(card.positive)} is compared with a threshold. There are several, because "
        "missing an illness and seeing one where there is none weigh differently for different people."
    )
    rows = [
        [
            f"{labels.plain(operating_point.label(point.name))}"
            f"{' (default)' if point.name == card.default_point else ''}: "
            f"**{labels.number(point.threshold)}**",
            labels.interval(point.sensitivity),
            labels.interval(point.specificity),
        ]
        for point in card.points.values()
    ]
    st.markdown(labels.table(["Threshold", "Sensitivity (95%)", "Specificity (95%)"], rows, (1, 2)))
    st.markdown(
        "\n".join(
            f"- {labels.plain(operating_point.label(point.name))}: "
            f"{labels.stated(tr(names.point_choice(point.name, point.how)))}"
            for point in card.points.values()
            if point.how
        )
    )
    st.markdown(
        f"**Uncertain** is a reading nearer than {labels.number(card.margin)} {labels.stated(card.uncertain.unit)} "
        "to a decision boundary."
    )
    st.markdown(listing(facts(card.uncertain, "margin", "unit")))
    st.markdown("**Calibration** turns logits into scores that should come true: 0.7 in 7 of 10 such pictures.")
    st.markdown(listing(facts(card.calibration)))


def checks(card: Card) -> None:
    """What the input check refuses, and how well the lungs are found; both measured on pictures held out for it."""
    if card.screening:
        st.header("What is refused")
        st.markdown(
            "Before a reading the features of the same network tell what the picture is. Of pictures that the check "
            "had not learned from, it refused:"
        )
        rows = [
            [
                f"{labels.plain(labels.label(test.group))}"
                + ("" if test.kind in ("frontal", test.group) else f", {labels.plain(labels.label(test.kind))}"),
                labels.percent(test.refused / test.pictures, 1),
                labels.number(test.pictures),
            ]
            for test in sorted(card.screening.tested, key=lambda test: test.kind != "frontal")
        ]
        frontal = [test for test in card.screening.tested if test.kind == "frontal"]
        with st.expander(f"{len(rows)} kinds of images"):
            st.markdown(labels.table(["Images of", "Refused", "Images"], rows, (1, 2)))
            st.caption(f"The first {len(frontal)} rows are frontal chest radiographs by source, which should be read.")
    if card.lungs:
        st.header("Where the lungs are")
        st.markdown(listing(facts(card.lungs, "sha256")))
    if card.side:
        st.header("Mirrored pictures")
        st.markdown(
            "A small network looks where the heart lies. It has to be sure, so it misses some. Of pictures that it "
            "had not learned from:"
        )
        rows = [
            [
                labels.plain(labels.label(test.source)),
                labels.percent(test.wrongly / test.n, 1),
                labels.percent(test.found / test.n, 1),
                labels.number(test.n),
            ]
            for test in card.side.tested
        ]
        heads = ["Pictures of", "Called mirrored, but are not", "Mirror images found", "Pictures"]
        st.markdown(labels.table(heads, rows, (1, 2, 3)))


def data(card: Card) -> None:
    st.header("Training data")
    training = card.training
    sources = [
        [
            f"**{labels.plain(source.source)}**, {labels.stated(source.role)}",
            f"{counts(source.pictures)}. By split: {counts(source.split).lower()}.",
            labels.stated(source.licence),
        ]
        for source in training.sources
    ]
    with st.expander(f"{len(sources)} sources"):
        st.markdown(labels.table(["Source", "Images", "Licence"], sources) if sources else labels.NOT_STATED)
    st.subheader("Starting weights")
    st.markdown(listing(training.starting_weights))
    history = training.history
    if history:
        st.subheader("Training run")
        last = history[-1]
        st.echarts_chart(
            charts.history(history, MEASURES),
            height=300,
            renderer="svg",
            alt=f"Loss by epoch over {len(history)} epochs; the last one: training {labels.number(last.get('loss'))}, "
            f"validation {labels.number(last.get('val_loss'))}.",
        )
        with st.expander("Every epoch and every setting of the training run"):
            keys = list(dict.fromkeys(key for row in history for key in row))
            cells = [[flat(row.get(key)) for key in keys] for row in history]
            tables.show(labels.table([labels.plain(labels.label(key)) for key in keys], cells))
            st.markdown(listing(training.settings))


def network(card: Card) -> None:
    st.header("Network and file")
    st.markdown(
        listing(
            facts(card.architecture)
            | {"classes": ", ".join(labels.class_name(name) for name in card.classes)}
            | {"input": f"{card.size} by {card.size} pixels, grey 0 to 255"}
            | {"git commit": card.git_commit, "SHA-256 of model.tflite": card.sha256}
        )
    )
    export = card.export
    if export:
        st.subheader("Is the file what was trained?")
        st.markdown(listing({k: v for k, v in export.items() if k != "gradcam"}))
        st.markdown("Its heatmaps against Grad-CAM computed by gradients:")
        st.markdown(listing(export.get("gradcam", {})))
    st.header("Licence")
    st.markdown(listing(facts(card.licence)))
    st.download_button(
        "The whole card (JSON)",
        card.json,
        "card.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
    )


def counts(numbers: dict[str, int]) -> str:
    """Numbers by name, such as "Normal 120, Other lung disease 80"."""
    pairs = numbers.items()
    return ", ".join(f"{labels.plain(labels.class_name(key))} {labels.number(value)}" for key, value in pairs) or "none"


def facts(part: DataclassInstance | None, *without: str) -> dict[str, Any]:
    """The fields of a part of the card that have a value, for `listing`."""
    fields = asdict(part) if part else {}
    return {key: value for key, value in fields.items() if key not in without and value not in (None, "")}


def listing(values: dict[str, Any]) -> str:
    """Keys and values as a list; nothing is left out."""
    lines = [f"- {labels.plain(labels.label(key))}: {flat(value)}" for key, value in values.items()]
    return "\n".join(lines) or labels.NOT_STATED


def flat(value: Any) -> str:
    """A value of the card in one line."""
    if isinstance(value, dict):
        return "; ".join(f"{labels.plain(key)} {flat(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(flat(inner) for inner in value)
    if isinstance(value, float):
        return labels.plain(f"{value:.6g}")
    return labels.number(value) if isinstance(value, int) and not isinstance(value, bool) else labels.stated(value)


page.through_app()
loaded = page.card_or_stop()
summary(loaded)
figures(loaded)
decisions(loaded)
checks(loaded)
data(loaded)
network(loaded)

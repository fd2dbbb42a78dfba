"""Prevalence: what a positive and a negative result mean, depending on how common the disease is."""

from __future__ import annotations

import streamlit as st

from interface.core import labels, page
from interface.core.language import mark, tr
from interface.learn import prevalence as prevalence_charts
from model.reading.prevalence import Predictive, Share, likelihood_ratios, predictive_values

LESSON = mark(
    "**The same test, another answer.** Take a test with a sensitivity of 90% and a specificity of 90%. At a "
    "prevalence of 1%, eleven of twelve positive results are wrong: among 1,000 people 10 are ill and 990 are not, so "
    "9 true alarms meet 99 false alarms. At a prevalence of 50%, nine of ten positive results are correct. "
    "Sensitivity and specificity describe the test; what a result means also depends on who is tested."
)
PREVALENCES = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
OWN = mark("Custom values")


def choose(presets: list[prevalence_charts.Preset]) -> None:
    """Take over a preset's shares into the sliders; moving a slider afterwards makes them one's own."""
    names = {str(preset.name): preset for preset in presets}

    def take_over() -> None:
        preset = names.get(st.session_state.preset)
        if preset:
            st.session_state.sensitivity = round(100 * preset.sensitivity.value)
            st.session_state.specificity = round(100 * preset.specificity.value)

    def customise() -> None:
        st.session_state.preset = OWN

    if "preset" not in st.session_state:
        st.session_state.preset = next(iter(names))
        take_over()
    names_shown = {name: tr(preset.name) for name, preset in names.items()} | {OWN: tr(OWN)}
    st.selectbox(tr("Test"), [*names_shown], key="preset", on_change=take_over, format_func=names_shown.__getitem__)
    preset = names.get(st.session_state.preset)
    source = labels.plain(tr(preset.source)) if preset else None
    st.caption(source or tr("Values that you set; intervals as if measured on 500 people each."))
    left, right = st.columns(2, gap="medium")
    left.slider(
        tr("Sensitivity"), 0, 100, step=1, format=labels.percent_format(), key="sensitivity", on_change=customise,
        help=tr("Of 100 people who have the disease, how many does the test call positive?"),
    )  # fmt: skip
    right.slider(
        tr("Specificity"), 0, 100, step=1, format=labels.percent_format(), key="specificity", on_change=customise,
        help=tr("Of 100 people who do not have it, how many does the test call negative?"),
    )  # fmt: skip


def shares(presets: list[prevalence_charts.Preset]) -> tuple[Share, Share]:
    """The shares at hand: the preset's own, or the sliders'."""
    for preset in presets:
        if str(preset.name) == st.session_state.preset:
            return preset.sensitivity, preset.specificity
    return Share(st.session_state.sensitivity / 100, 500), Share(st.session_state.specificity / 100, 500)


def percent(value: float, digits: int | None = None) -> str:
    """A share in percent, with a digit more near the ends."""
    if digits is None:
        digits = 1 if value < 0.1 or value > 0.99 else 0
    return labels.percent(value, digits)


def shown(predicted: Predictive) -> str:
    """The interval, with as many digits as its ends need to differ."""
    low, high = 100 * predicted.low, 100 * predicted.high
    digits = next((digits for digits in range(3) if f"{low:.{digits}f}" != f"{high:.{digits}f}"), 3)
    return tr("95% interval {low} to {high}", low=percent(predicted.low, digits), high=percent(predicted.high, digits))


def results(sensitivity: Share, specificity: Share, prevalence: float) -> None:
    """Predictive values, the thousand people, the nomogram, and the odds behind them."""
    ppv, npv = predictive_values(sensitivity, specificity, prevalence)
    left, right = st.columns(2, gap="medium")
    left.metric(
        tr("A positive result is correct for"), percent(ppv.value), border=True, help=tr("Positive predictive value")
    )
    left.caption(shown(ppv))
    right.metric(
        tr("A negative result is correct for"), percent(npv.value), border=True, help=tr("Negative predictive value")
    )
    right.caption(shown(npv))
    # Columns of their own, so that on a phone both figures come before the charts.
    left, right = st.columns(2, gap="medium")
    counts = prevalence_charts.count(sensitivity.value, specificity.value, prevalence)
    positive = counts.ill_positive + counts.well_positive
    with left:
        st.subheader(tr("Of 1,000 people"))
        st.echarts_chart(
            prevalence_charts.people(counts),
            height=420,
            alt=tr(
                "Of 1,000 people {ill} are ill. {positive} test positive, of whom {found} are ill; {missed} ill people "
                "test negative.",
                ill=counts.ill_positive + counts.ill_negative,
                positive=positive,
                found=counts.ill_positive,
                missed=counts.ill_negative,
            ),
        )
    with right:
        st.subheader(tr("Before and after"))
        st.echarts_chart(
            prevalence_charts.nomogram(sensitivity.value, specificity.value, prevalence),
            height=420,
            renderer="svg",
            alt=tr(
                "Fagan's nomogram: a chance of {before} before the test becomes {positive} after a positive and "
                "{negative} after a negative result.",
                before=percent(prevalence),
                positive=percent(ppv.value),
                negative=percent(1 - npv.value),
            ),
        )
    up, down = likelihood_ratios(sensitivity.value, specificity.value)
    odds = prevalence / (1 - prevalence)
    st.markdown(
        labels.table(
            ["", tr("Positive result"), tr("Negative result")],
            [
                [tr("Odds before the test"), labels.times(odds), labels.times(odds)],
                [tr("Likelihood ratio"), labels.times(up), labels.times(down)],
                [tr("Odds after the test"), labels.times(odds * up), labels.times(odds * down)],
                [tr("Probability of the disease afterwards"), percent(ppv.value), percent(1 - npv.value)],
            ],
            (1, 2),
        )
    )


page.through_app()
st.title(tr("Prevalence"))
st.markdown(
    tr(
        "A score is not yet an answer: how likely the disease is **after** a test depends on how common it was "
        "**before**."
    )
    + f" {tr(labels.NOT_A_DEVICE)}"
)
PRESETS = [*prevalence_charts.measured(page.reader_or_stop().bundle.card), *prevalence_charts.LITERATURE]
choose(PRESETS)
chosen = st.select_slider(
    tr("Prevalence: how many of those tested have the disease"),
    PREVALENCES,
    10.0,
    format_func=lambda value: percent(value / 100, 0 if value >= 1 else 1),
    key="prevalence",
)
results(*shares(PRESETS), chosen / 100)
st.info(tr(LESSON), icon=":material/lightbulb:")
st.caption(
    tr(
        "Intervals by Mercaldo, Lau and Zhou (2007), on the logit scale, from the numbers of people behind both "
        "shares. They do not account for differences between hospitals."
    )
)

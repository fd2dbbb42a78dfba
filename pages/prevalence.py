"""Prevalence: what a positive and a negative result mean, depending on how common the disease is."""

from __future__ import annotations

import streamlit as st

from interface import chances, view, words
from model.inference.prevalence import Predictive, Share, likelihood_ratios, predictive_values

LESSON = (
    "**The same test, another answer.** At a prevalence of 1 %, a test that finds 90 of 100 ill people and clears 90 "
    "of 100 others is wrong in eleven of twelve positive results: among 1,000 people there are 10 ill and 990 others, "
    "so 9 true alarms meet 99 false ones. At a prevalence of 50 % the same test is right in nine of ten. Sensitivity "
    "and specificity belong to the test; what a result means belongs to the test **and** to whom it is used on."
)
PREVALENCES = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
OWN = "My own numbers"


def choose(presets: list[chances.Preset]) -> None:
    """Take over a preset's shares into the sliders; moving a slider afterwards makes them one's own."""
    names = {preset.name: preset for preset in presets}

    def take_over() -> None:
        preset = names.get(st.session_state.preset)
        if preset:
            st.session_state.sensitivity = round(100 * preset.sensitivity.value)
            st.session_state.specificity = round(100 * preset.specificity.value)

    def own() -> None:
        st.session_state.preset = OWN

    if "preset" not in st.session_state:
        st.session_state.preset = next(iter(names))
        take_over()
    st.selectbox("Test", [*names, OWN], key="preset", on_change=take_over)
    preset = names.get(st.session_state.preset)
    st.caption(words.plain(preset.source) if preset else "Shares that you set yourself; intervals as if of 500 people.")
    left, right = st.columns(2, gap="medium")
    left.slider(
        "Sensitivity", 0, 100, step=1, format="%d %%", key="sensitivity", on_change=own,
        help="Of 100 people who have the disease, how many does the test call positive?",
    )  # fmt: skip
    right.slider(
        "Specificity", 0, 100, step=1, format="%d %%", key="specificity", on_change=own,
        help="Of 100 people who do not have it, how many does the test call negative?",
    )  # fmt: skip


def shares(presets: list[chances.Preset]) -> tuple[Share, Share]:
    """The shares at hand: the preset's own, or the sliders'."""
    for preset in presets:
        if preset.name == st.session_state.preset:
            return preset.sensitivity, preset.specificity
    return Share(st.session_state.sensitivity / 100, 500), Share(st.session_state.specificity / 100, 500)


def percent(value: float) -> str:
    """A share in percent, with a digit more near the ends."""
    return f"{100 * value:.1f} %" if value < 0.1 or value > 0.99 else f"{100 * value:.0f} %"


def shown(found: Predictive) -> str:
    return f"95 % interval {percent(found.low)} to {percent(found.high)}"


def results(sensitivity: Share, specificity: Share, prevalence: float) -> None:
    """Predictive values, the thousand people, the nomogram, and the odds behind them."""
    ppv, npv = predictive_values(sensitivity, specificity, prevalence)
    left, right = st.columns(2, gap="medium")
    left.metric("A positive result is right in", percent(ppv.value), border=True, help="Positive predictive value")
    left.caption(shown(ppv))
    right.metric("A negative result is right in", percent(npv.value), border=True, help="Negative predictive value")
    right.caption(shown(npv))
    counts = chances.count(sensitivity.value, specificity.value, prevalence)
    positive = counts.ill_positive + counts.well_positive
    with left:
        st.subheader("Of 1,000 people")
        st.echarts_chart(
            chances.people(counts),
            height=420,
            alt=f"Of 1,000 people {counts.ill_positive + counts.ill_negative} are ill. {positive} test positive, of "
            f"whom {counts.ill_positive} are ill; {counts.ill_negative} ill people test negative.",
        )
    with right:
        st.subheader("Before and after")
        st.echarts_chart(
            chances.nomogram(sensitivity.value, specificity.value, prevalence),
            height=420,
            renderer="svg",
            alt=f"Fagan's nomogram: a chance of {percent(prevalence)} before the test becomes {percent(ppv.value)} "
            f"after a positive and {percent(1 - npv.value)} after a negative result.",
        )
    up, down = likelihood_ratios(sensitivity.value, specificity.value)
    odds = prevalence / (1 - prevalence)
    st.markdown(
        words.table(
            ["", "Positive result", "Negative result"],
            [
                ["Odds before the test", f"{odds:.3g}", f"{odds:.3g}"],
                ["Likelihood ratio", words.times(up), words.times(down)],
                ["Odds after the test", words.times(odds * up), words.times(odds * down)],
                ["Chance of the disease after it", percent(ppv.value), percent(1 - npv.value)],
            ],
            (1, 2),
        )
    )


view.through_app()
st.title("Prevalence")
st.markdown(
    "A score or a result is not yet an answer: how likely the disease is **after** a test depends on how common it was "
    f"**before**. {words.NOT_A_DEVICE}"
)
PRESETS = [*chances.measured(view.reader_or_stop().bundle.card), *chances.LITERATURE]
choose(PRESETS)
chosen = st.select_slider(
    "Prevalence: how many of those tested have the disease",
    PREVALENCES,
    10.0,
    format_func=lambda value: f"{value:g} %",
    key="prevalence",
)
results(*shares(PRESETS), chosen / 100)
st.info(LESSON, icon=":material/lightbulb:")
st.caption(
    "Intervals by Mercaldo, Lau and Zhou (2007), on the logit scale, from the numbers of people behind both shares. "
    "They know nothing of how another hospital differs."
)

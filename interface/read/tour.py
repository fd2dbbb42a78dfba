"""The tour of the first page: each step frames the part of the page that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from interface.core.language import mark, tr

_HTML = """<button type="button" class="begin"></button>
<div class="frame" popover="manual" aria-hidden="true"></div>
<div class="tour" popover="manual" role="dialog" aria-labelledby="title">
  <h2 id="title"></h2><p class="text" aria-live="polite"></p>
  <div class="row"><span class="count"></span><button type="button" class="close"></button>
  <button type="button" class="back"></button><button type="button" class="next"></button></div>
</div>"""
_CSS = """
* { box-sizing: border-box; font-family: var(--st-font); }
button { min-height: 2.5rem; padding: 0 0.75rem; font: inherit; color: var(--st-text-color); cursor: pointer;
  background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius); white-space: nowrap; }
button:hover { background: var(--st-secondary-background-color); }
button:disabled { opacity: 0.5; cursor: default; }
button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
.next { color: var(--st-background-color); background: var(--st-primary-color); }
[hidden] { display: none; }
.frame { position: fixed; inset: auto; margin: 0; padding: 0; background: none; pointer-events: none;
  border: 3px solid var(--st-primary-color); border-radius: var(--st-base-radius); box-shadow: 0 0 0 200vmax #0007; }
.tour { position: fixed; inset: auto; margin: 0; width: min(24rem, calc(100vw - 16px)); padding: 1rem;
  color: var(--st-text-color); background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); box-shadow: 0 8px 32px #0006; }
.tour h2 { margin: 0 0 0.4rem; font-size: 1.125rem; } .tour p { margin: 0 0 0.75rem; line-height: 1.45; }
.row { display: flex; align-items: center; gap: 0.5rem; } .count { flex: 1; font-variant-numeric: tabular-nums; }
"""
_mount = st.components.v2.component(
    "chest_xray_tour", html=_HTML, css=_CSS, js=(Path(__file__).parent / "tour.js").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Step:
    """A step of the tour.

    Attributes:
        target: CSS selector of the part of the page; where there is no such part the step is in the middle.
        title: of the step.
        text: what is to be known of the part.
    """

    target: str
    title: str
    text: str


BRING = Step(
    ".st-key-intake",
    mark("Bring a radiograph"),
    mark(
        "Drag frontal chest radiographs of adults here, paste one, or press Try a sample radiograph. They are read at "
        "once; nothing has to be started."
    ),
)
READ = (
    Step(
        ".st-key-finding",
        mark("Read the finding"),
        mark(
            "The headline is the class that was decided, or the two classes in doubt. Each class has a bar; the mark "
            "on the bar of the COVID-19 pattern is the operating point, and scores in the hatched part are uncertain."
        ),
    ),
    Step(
        ".st-key-picture",
        mark("See where it came from"),
        mark(
            "Colour shows which parts added to the score of a class; choose the class below, or press 1 to 3, and hide "
            "the colours with h. Full screen is for a projector: there h hides everything that the network said."
        ),
    ),
    Step(
        ".st-key-trust",
        mark("Ask what it is worth"),
        mark(
            "In hospitals that the network never saw it is wrong more often: here stands how often. Evidence has every "
            "figure, and Prevalence shows what a positive result means where few people are ill."
        ),
    ),
    Step(
        ".st-key-take_home",
        mark("Take it home"),
        mark("Reports, the heatmap as PNG or DICOM, and all numbers. Nothing of a patient's data is copied into them."),
    ),
    Step(
        ".st-key-changes",
        mark("Try to upset it"),
        mark(
            "The same radiograph with its lungs covered, mirrored or at another window. If the answer stays without "
            "lungs, it did not come from the lungs."
        ),
    ),
)
GO_ON = Step(
    "[data-testid=stHeader]",
    mark("Go on from here"),
    mark(
        "How it works follows a picture through the network and works out a heatmap by hand; in the Quiz you read "
        "radiographs before you see the network's answer."
    ),
)


def steps(*, reading: bool) -> tuple[Step, ...]:
    """The steps of the tour.

    Args:
        reading: whether a reading is on the page, of which most steps tell.
    """
    return (BRING, *(READ if reading else ()), GO_ON)


def button(*, reading: bool) -> None:
    """The button that begins the tour; its steps happen in the browser alone.

    Args:
        reading: whether a reading is on the page.
    """
    _mount(
        key="tour",
        width="content",
        # No list and no dictionary: to see whether one is a table, Streamlit would import pandas and pyarrow, which
        # take 70 MB of the server's memory.
        data={
            "steps": tuple(
                {"target": step.target, "title": tr(step.title), "text": tr(step.text)}
                for step in steps(reading=reading)
            ),
            "begin": tr("Tour"),
            "back": tr("Back"),
            "next": tr("Next"),
            "close": tr("Close"),
        },
    )

"""Page set-up and navigation of the app: `streamlit run app.py`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from interface.core import language, streamlit_internals
from interface.core.language import mark, tr

ABOUT = mark(
    "A ResNet50 that tells a COVID-19 pattern, other lung disease and a normal chest radiograph apart and shows where "
    "its score came from. For research and education, not a medical device."
)

# Pixels of a page's content; long lines are hard to read. The others are as wide as the window.
TEXT_WIDTH, WIDTHS = 960, {"how_it_works": 860, "quiz": 1200}
WORKPLACES = ("", "batch", "classroom")

language.begin()
st.set_page_config(
    page_title=tr("Chest X-ray reader"),
    # A Material icon or an emoji would be fetched from another host.
    page_icon=str(Path(__file__).parent / "interface" / "favicon.svg"),
    layout="wide",
    menu_items={"About": f"**{tr('Chest X-ray reader')}**\n\n{tr(ABOUT)}"},
)
# The addresses are the files' names: Streamlit knows only those until its first visitor has run this line, and would
# tell one who follows a link to another address that there is no such page.
PAGES = [
    st.Page("pages/read.py", title=tr("Read"), default=True),
    st.Page("pages/batch.py", title=tr("Batch")),
    st.Page("pages/how_it_works.py", title=tr("How it works")),
    st.Page("pages/prevalence.py", title=tr("Prevalence")),
    st.Page("pages/quiz.py", title=tr("Quiz")),
    st.Page("pages/classroom.py", title=tr("Classroom")),
    st.Page("pages/evidence.py", title=tr("Evidence")),
    st.Page("pages/data.py", title=tr("Data")),
    st.Page("pages/card.py", title=tr("Model card")),
    st.Page("pages/about.py", title=tr("About")),
]
# Languages are addresses too: the menu is the one place that is seen on every page without taking room from it. Its
# pages have no icons, as Streamlit folds away the last of what is too wide for the window.
LANGUAGES = [
    st.Page(partial(language.keep, name), title=title, url_path=name) for name, title in language.LANGUAGES.items()
]
page = st.navigation({"": PAGES, f":material/translate: {tr('Language')}": LANGUAGES}, position="top")
if page in LANGUAGES:
    page.run()
    before = [known for known in PAGES if known.url_path == st.session_state.get("page_before")]
    st.switch_page(before[0] if before else PAGES[0], query_params={language.QUERY: page.url_path})
st.session_state.page_before = page.url_path
width = WIDTHS.get(page.url_path, TEXT_WIDTH)
room = st.container(horizontal_alignment="center").container(width="stretch" if page.url_path in WORKPLACES else width)
try:
    with room:
        page.run()
except streamlit_internals.StopException:
    # A page that can't go on ends with `st.stop`; it has a language too.
    streamlit_internals.tell_browser(language.spoken())
    raise
streamlit_internals.tell_browser(language.spoken())

"""Page set-up and navigation of the app: `streamlit run app.py`."""

from __future__ import annotations

import streamlit as st

ABOUT = (
    "**Chest X-ray reader**\n\n"
    "A ResNet50 that tells a COVID-19 pattern, other lung disease and a normal chest radiograph apart and shows where "
    "its score came from. For research and education, not a medical device."
)

st.set_page_config(
    page_title="Chest X-ray reader", page_icon=":material/radiology:", layout="wide", menu_items={"About": ABOUT}
)
# The addresses are the files' names: Streamlit knows only those until its first visitor has run this line, and would
# tell one who follows a link to another address that there is no such page.
page = st.navigation(
    [
        st.Page("pages/read.py", title="Read", icon=":material/radiology:", default=True),
        st.Page("pages/batch.py", title="Batch", icon=":material/stacks:"),
        st.Page("pages/how_it_works.py", title="How it works", icon=":material/school:"),
        st.Page("pages/prevalence.py", title="Prevalence", icon=":material/groups:"),
        st.Page("pages/quiz.py", title="Quiz", icon=":material/quiz:"),
        st.Page("pages/evidence.py", title="Evidence", icon=":material/query_stats:"),
        st.Page("pages/card.py", title="Data and model card", icon=":material/fact_check:"),
        st.Page("pages/about.py", title="About", icon=":material/info:"),
    ],
    position="top",
)
page.run()

"""The tour on the first page: closed at first, one step at a time, and it stays where it was."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from interface.read.tour import STEPS


def at(app: AppTest) -> str:
    (found,) = [one.value for one in app.markdown if one.value.startswith("**Step ")]
    return str(found)


def opened(app: AppTest) -> AppTest:
    app.session_state.tour_open = True
    return app.run()


def test_it_is_closed_until_somebody_opens_it(app: AppTest) -> None:
    assert not [one for one in app.markdown if one.value.startswith("**Step ")]
    assert [one.label for one in app.expander] == ["New here? A tour of two minutes"]


def test_it_goes_through_all_steps_and_back(app: AppTest) -> None:
    opened(app)
    assert app.button(key="tour_back").disabled
    for number, (title, text, pages) in enumerate(STEPS, 1):
        assert not app.exception
        assert at(app) == f"**Step {number} of {len(STEPS)}: {title}**  \n{text}"
        assert [link.proto.label for link in app.get("page_link")] == [label for _, label, _ in pages]
        if number < len(STEPS):
            app.button(key="tour_next").click().run()
    assert app.button(key="tour_next").label == "Start again"
    app.button(key="tour_back").click().run()
    assert STEPS[-2][0] in at(app)
    app.button(key="tour_next").click().run()
    app.button(key="tour_next").click().run()
    assert STEPS[0][0] in at(app)


def test_a_look_at_another_page_does_not_lose_the_place(app: AppTest) -> None:
    opened(app)
    app.button(key="tour_next").click().run()
    app.switch_page("pages/prevalence.py").run()
    app.switch_page("pages/read.py").run()
    assert STEPS[1][0] in at(opened(app))


def test_every_page_and_button_that_it_names_is_there(app: AppTest) -> None:
    named = {page for _, _, pages in STEPS for page, _, _ in pages}
    assert named == {f"pages/{name}.py" for name in ("prevalence", "evidence", "how_it_works", "quiz")}
    assert f"*{app.button(key='try_sample').label}*" in STEPS[0][1]

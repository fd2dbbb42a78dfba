"""The tour of the first page: its steps name what is on the page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from interface.read import tour


def sent(app: AppTest) -> dict[str, Any]:
    """What the tour was sent."""
    data = [json.loads(component.proto.json) for component in app.get("bidi_component") if component.proto.json]
    (found,) = [one for one in data if "steps" in one]
    return dict(found)


def test_nothing_that_it_is_sent_has_streamlit_import_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(tour, "_mount", lambda **arguments: given.update(arguments["data"]))
    tour.button(reading=True)
    assert given and all(isinstance(value, str | tuple) for value in given.values())


def test_before_a_reading_it_tells_only_of_what_is_there(app: AppTest) -> None:
    steps = sent(app)["steps"]
    assert [step["title"] for step in steps] == [tour.BRING.title, tour.GO_ON.title]
    assert app.button(key="try_sample").label in steps[0]["text"]


def test_with_a_reading_it_tells_of_every_part(app: AppTest) -> None:
    app.button(key="try_sample").click().run()
    assert not app.exception
    steps = sent(app)["steps"]
    assert [step["title"] for step in steps] == [step.title for step in tour.steps(reading=True)]
    assert len({step["target"] for step in steps}) == len(steps)

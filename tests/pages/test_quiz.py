"""The quiz: labels, order, what is compared, and a whole quiz on the page."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from interface.core import loading
from interface.gallery import store
from interface.gallery.store import Gallery
from interface.quiz import rounds, score
from interface.quiz.labels import read_labels
from interface.quiz.rounds import Answer, Question, Quiz
from model.reading.reader import Reader
from tests.app_fixtures import PATIENCE
from tests.conftest import ROOT
from tests.hosts import LOCAL, Host

NO_MAP = np.zeros((7, 7), np.float32)
Make = Callable[[str, int], tuple[str, bytes, str]]


@pytest.fixture
def reader(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setenv("CXR_BUNDLE", str(small_bundle))
    return loading.reader()


def question(label: str, network: str, score: float, *, aided: bool) -> Question:
    scores = (
        {"normal": 1 - score, "covid19": score} if network == "covid19" else {"normal": score, "covid19": 1 - score}
    )
    return Question("a.png", "", label, b"", NO_MAP, network, network, scores, "nowhere", aided)


def test_labels_come_from_a_table_or_a_folder_and_the_rest_is_named(reader: Reader, picture: Make) -> None:
    data = picture("covid19", 1)[1]
    table = b"name,label\nfolder/one.png,COVID-19 pattern\n"
    files = [
        ("labels.csv", lambda: table),
        ("one.png", lambda: data),
        ("set/normal/two.png", lambda: picture("normal", 2)[1]),
        ("three.png", lambda: data),
        ("normal/bad.png", lambda: b"no picture"),
        ("other.csv", lambda: b"a,b\n1,2\n"),
    ]
    made = rounds.build(files, reader, seed=3)
    problems = made.problems
    assert {q.name: q.label for q in made.questions} == {"one.png": "covid19", "set/normal/two.png": "normal"}
    assert len(problems) == 3
    assert [sum(problem.startswith(name) for problem in problems) for name in ("normal/bad.png", "other.csv")] == [1, 1]
    assert any("Without a label" in problem and "three.png" in problem for problem in problems)
    assert {q.aided for q in made.questions} == {True, False}
    assert all(q.picture[:2] == b"\xff\xd8" and q.class_map.ndim == 2 for q in made.questions)
    assert {q.sha256 for q in made.questions} == {
        hashlib.sha256(content).hexdigest() for content in (data, picture("normal", 2)[1])
    }


def test_without_a_seed_the_order_is_the_files_and_nothing_is_shown_first(reader: Reader, picture: Make) -> None:
    files = [(f"normal/{number}.png", partial(lambda n: picture("normal", n)[1], number)) for number in (4, 1, 3)]
    made = rounds.build(files, reader, seed=None, most=2)
    assert [q.name for q in made.questions] == ["normal/4.png", "normal/1.png"]
    assert not any(q.aided for q in made.questions)
    assert "at most; left out: normal/3.png" in made.problems[0]


@pytest.mark.parametrize(
    "data",
    [
        b"name,label\na.png,covid19\nb.png,normal\n",
        b"\xef\xbb\xbfName;Label\r\nset\\a.png; covid19\r\nb.png;normal\r\n",
        "name\tlabel\na.png\tcovid19\nb.png\tnormal\n".encode("utf-16"),
        "name;label;note\na.png;covid19;é\nb.png;normal;\n".encode("cp1252"),
    ],
    ids=["commas", "semicolons", "tabs in UTF-16", "not UTF-8"],
)
def test_tables_of_labels_are_read_as_spreadsheets_write_them(data: bytes) -> None:
    assert read_labels(data) == {"a.png": "covid19", "b.png": "normal"}


def test_what_a_teacher_forgot_is_said(reader: Reader, picture: Make) -> None:
    table = b"name,label\none.png,normal\n" + b"".join(b"missing%d.png,normal\n" % n for n in range(8))
    made = rounds.build([("labels.csv", lambda: table)], reader, seed=1)
    assert not made.questions and len(made.problems) == 1 and "no picture" in made.problems[0]
    files = [("labels.csv", lambda: table), ("one.png", lambda: picture("normal", 2)[1])]
    made = rounds.build(files, reader, seed=1)
    assert len(made.questions) == 1
    assert len(made.problems) == 1 and "missing0.png" in made.problems[0] and "and 3 more" in made.problems[0]


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        ({(0, 1): 2.0, (6, 6): 1.0}, "upper left"),
        ({(5, 5): 2.0}, "lower right"),
        ({(3, 6): 2.0, (5, 6): 1.0}, "lower right"),
        ({(0, 3): 2.0, (2, 1): 1.0}, "upper left"),
        ({}, "nowhere"),
    ],
)
def test_the_strongest_place_is_where_the_heatmap_is_brightest(cells: dict[tuple[int, int], float], place: str) -> None:
    class_map = np.full((7, 7), -0.1, np.float32)
    for cell, value in cells.items():
        class_map[cell] = value
    assert rounds.strongest(class_map) == place


def test_the_summary_tells_the_student_from_the_network_and_who_was_misled() -> None:
    answers = [
        Answer(question("covid19", "covid19", 0.9, aided=False), "covid19", 0.9, "nowhere"),
        Answer(question("covid19", "normal", 0.8, aided=True), "normal", 0.6, "nowhere"),
        Answer(question("normal", "covid19", 0.7, aided=True), "normal", 1.0, "all over"),
        Answer(question("normal", "normal", 0.6, aided=False), "covid19", 0.5, "upper left"),
    ]
    found = score.summarise(answers)
    assert [share.right for share in found.all] == [2, 2]
    assert [str(share) for share in found.alone] == ["1 of 2 (50%)", "2 of 2 (100%)"]
    assert [str(share) for share in found.aided] == ["1 of 2 (50%)", "0 of 2 (0%)"]
    assert (found.followed.right, found.followed.of) == (1, 2)
    assert found.sure == (pytest.approx(0.75), pytest.approx(0.75))
    assert found.brier[0] == pytest.approx((0.01 + 0.36 + 0 + 0.25) / 4)
    assert found.brier[1] == pytest.approx((0.01 + 0.64 + 0.49 + 0.16) / 4)
    assert [(yours.of, its.of) for _, _, (yours, its) in found.bands] == [(2, 1), (0, 2), (2, 1)]
    assert str(found.bands[1][2][0]) == "–"


def test_the_table_runs_no_formula() -> None:
    answer = Answer(question("normal", "normal", 0.6, aided=True), "normal", 0.5, "nowhere")
    named = Answer(
        Question("=cmd()", "", "normal", b"", NO_MAP, "normal", "normal", {"normal": 1.0}, "nowhere"),
        "normal",
        1.0,
        "nowhere",
    )
    rows = list(csv.DictReader(io.StringIO(score.table([answer, named]).decode())))
    assert rows[0]["network_first"] == "True" and rows[1]["name"].startswith("'=")


def begin(app: AppTest, *files: tuple[str, bytes]) -> None:
    """Upload a ZIP of these files on the page Quiz and begin."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    app.switch_page("pages/quiz.py").run()
    app.file_uploader[0].set_value(("set.zip", packed.getvalue(), "application/zip")).run()
    app.button(key="quiz_begin_files").click().run()
    assert not app.exception


def reply(app: AppTest, name: str, sure: float | None) -> None:
    """Choose a class and how sure, and press Answer."""
    app.radio[0].set_value(name)
    if sure is not None:
        next(group for group in app.button_group if group.label == "How sure are you?").set_value(sure)
    next(button for button in app.button if button.label == "Answer").click().run()


def test_a_quiz_can_end_early_with_its_result(app: AppTest, picture: Make) -> None:
    begin(app, *((f"normal/{number}.png", picture("normal", number)[1]) for number in range(3)))
    reply(app, "normal", 0.7)
    app.button(key="quiz_next").click().run()
    app.button(key="quiz_finish").click().run()
    assert not app.exception
    assert app.metric[0].value == "1 of 1 (100%)"


def test_a_whole_quiz_on_the_page(app: AppTest, picture: Make) -> None:
    begin(app, ("covid19/a.png", picture("covid19", 1)[1]), ("normal/b.png", picture("normal", 2)[1]))
    assert not app.warning
    for _ in range(2):
        assert app.radio[0].value is None and not any(group.value for group in app.button_group[:2])
        assert not any(toggle.value for toggle in app.toggle), "the heatmap must not be there before it is asked for"
        next(button for button in app.button if button.label == "Answer").click().run()
        assert "Choose what you see" in app.error[0].value
        reply(app, "covid19", 0.85)
        verdict = [*app.success, *app.error]
        assert len(verdict) == 1 and "You said" in verdict[0].value and "85" in verdict[0].value
        app.button(key="quiz_next").click().run()
    assert not app.exception
    assert app.metric[0].value == "1 of 2 (50%)"
    assert app.header[-1].value == "Look again at those you missed"
    assert "The label is **Normal**" in app.error[0].value
    app.button(key="quiz_new").click().run()
    assert app.file_uploader and "quiz" not in app.query_params


def test_a_reload_finds_the_round_and_a_round_that_is_over_says_so(
    app: AppTest, picture: Make, small_bundle: Path
) -> None:
    begin(app, *((f"normal/{number}.png", picture("normal", number)[1]) for number in range(2)))
    reply(app, "normal", 0.5)
    token = app.query_params["quiz"]
    again = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
    again.query_params["quiz"] = token
    again.switch_page("pages/quiz.py").run()
    assert not again.exception
    assert len(rounds.SHARED.get(token).answers) == 1  # type: ignore[union-attr]
    assert any(button.label == "Answer" for button in again.button), "the second question"
    rounds.SHARED.drop(token)
    again.run()
    assert "That round is over" in again.warning[0].value and again.file_uploader


def test_an_answer_that_comes_twice_counts_once() -> None:
    questions = [question("normal", "normal", 0.9, aided=False) for _ in range(2)]
    quiz = Quiz(questions)
    for _ in range(2):
        quiz.answer(Answer(questions[0], "normal", 0.7))
    assert len(quiz.answers) == 1 and quiz.current is questions[1]


def test_a_quiz_of_cases_asks_those_that_can_be_had(
    app: AppTest, picture: Make, host: Host, straight: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = []
    for number, label in enumerate(("covid19", "report_normal", "report_pneumonia", "none", "covid19", "covid19")):
        data = picture("normal", number)[1]
        host.files[f"{number}.png"] = data
        # The fifth is not what was pinned.
        digest = hashlib.sha256(b"" if number == 4 else data).hexdigest()
        url = f"{host.address}/{number}.png"
        entry = replace(store.listed()[0], title=f"P {number}", url=url, sha256=digest, bytes=len(data), label=label)
        listed.append(entry)
    monkeypatch.setattr(store, "listed", lambda: listed)
    monkeypatch.setattr(store, "SHARED", Gallery(replace(LOCAL, silence=20)))
    app.query_params["case"] = "0,1,unknown,2,3,4"
    app.switch_page("pages/quiz.py").run()
    assert not host.asked, "nothing is fetched before a click"
    app.button(key="quiz_begin_cases").click().run()
    assert not app.exception
    made = rounds.SHARED.get(app.query_params["quiz"])
    assert made is not None
    assert {q.name: q.label for q in made.questions} == {
        "covid19/0.png": "covid19",
        "normal/1.png": "normal",
        "other/2.png": "other",
    }
    assert "P 4: What 127.0.0.1 sent is not the file" in app.warning[0].value.replace("\\", "")


def test_without_a_network_the_round_of_cases_gives_one_sentence(
    app: AppTest, host: Host, straight: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = [replace(one, url=f"{host.address}/gone") for one in store.listed()]
    monkeypatch.setattr(store, "listed", lambda: gone)
    monkeypatch.setattr(store, "SHARED", Gallery(LOCAL))
    app.switch_page("pages/quiz.py").run()
    app.button(key="quiz_begin_cases").click().run()
    assert not app.exception
    (warning,) = app.warning
    assert warning.value.count("did not give the file out") == 1 and app.file_uploader

"""The quiz: labels, order, what is compared, and a whole quiz on the page."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from interface import loading, quiz
from interface.quiz import Answer, Question
from model.inference.reader import Reader

Make = Callable[[str, int], tuple[str, bytes, str]]


@pytest.fixture
def reader(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setenv("CXR_BUNDLE", str(small_bundle))
    return loading.reader()


def question(label: str, network: str, score: float, *, aided: bool) -> Question:
    scores = (
        {"normal": 1 - score, "covid19": score} if network == "covid19" else {"normal": score, "covid19": 1 - score}
    )
    return Question("a.png", label, b"", b"", network, network, scores, aided)


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
    made, problems = quiz.build(files, reader, seed=3)
    assert {q.name: q.label for q in made.questions} == {"one.png": "covid19", "set/normal/two.png": "normal"}
    assert sorted(problem.split(":")[0].split(" has")[0] for problem in problems) == [
        "normal/bad.png",
        "other.csv",
        "three.png",
    ]
    assert {q.aided for q in made.questions} == {True, False}
    assert all(q.picture[:2] == b"\xff\xd8" and q.overlay != q.picture for q in made.questions)


def test_the_summary_tells_the_student_from_the_network_and_who_was_misled() -> None:
    answers = [
        Answer(question("covid19", "covid19", 0.9, aided=False), "covid19", 0.9, "nowhere"),
        Answer(question("covid19", "normal", 0.8, aided=True), "normal", 0.6, "nowhere"),
        Answer(question("normal", "covid19", 0.7, aided=True), "normal", 1.0, "all over"),
        Answer(question("normal", "normal", 0.6, aided=False), "covid19", 0.5, "upper left"),
    ]
    found = quiz.summarise(answers)
    assert (found.student.right, found.network.right) == (2, 2)
    assert (str(found.alone), str(found.aided)) == ("1 of 2 (50%)", "1 of 2 (50%)")
    assert (found.followed.right, found.followed.of) == (1, 2)
    assert found.student_brier == pytest.approx((0.01 + 0.36 + 0 + 0.25) / 4)
    assert found.network_brier == pytest.approx((0.01 + 0.64 + 0.49 + 0.16) / 4)
    assert [share.of for _, _, share in found.bands] == [2, 0, 2]


def test_the_table_runs_no_formula() -> None:
    answer = Answer(question("normal", "normal", 0.6, aided=True), "normal", 0.5, "nowhere")
    named = Answer(
        Question("=cmd()", "normal", b"", b"", "normal", "normal", {"normal": 1.0}, False), "normal", 1.0, "nowhere"
    )
    rows = list(csv.DictReader(io.StringIO(quiz.table([answer, named]).decode())))
    assert rows[0]["network_first"] == "True" and rows[1]["name"].startswith("'=")


def test_a_whole_quiz_on_the_page(app: AppTest, picture: Make) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("covid19/a.png", picture("covid19", 1)[1])
        archive.writestr("normal/b.png", picture("normal", 2)[1])
    app.switch_page("pages/quiz.py").run()
    app.file_uploader[0].set_value(("set.zip", packed.getvalue(), "application/zip")).run()
    app.button(key="quiz_begin").click().run()
    assert not app.exception and not app.warning
    for _ in range(2):
        submit = next(button for button in app.button if button.label == "Answer")
        submit.click().run()
        assert "Choose what you see" in app.error[0].value
        app.radio[0].set_value("covid19")
        next(button for button in app.button if button.label == "Answer").click().run()
        verdict = [*app.success, *app.error]
        assert len(verdict) == 1 and "You said" in verdict[0].value
        app.button(key="quiz_next").click().run()
    assert not app.exception
    assert app.metric[0].value == "1 of 2 (50%)"
    app.button(key="quiz_new").click().run()
    assert app.file_uploader

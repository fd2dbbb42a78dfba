"""Readings as JSON lines and CSV, written so that nothing is ever half there."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import pytest

from model.cli import writers
from model.reading.card.fields import Architecture, Estimate, Figure, Licence
from tests.reading.test_reader import CARD

RECORD = {
    "path": "ä.png",
    "decision": "normal",
    "scores": {"normal": 0.9, "covid19": 0.1},
    "logits": {"normal": 2.0, "covid19": -1.0},
    "reasons": ["One.", "Two, with a comma."],
    "seconds": 0.1,
    "bundle": "b 1",
    "operating_point": "balanced",
    "sha256": "abc",
}


def test_json_lines_are_there_as_soon_as_they_are_written(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with writers.json_lines(out) as write:
        write(RECORD)
        assert json.loads(out.read_text()) == RECORD
        write(RECORD)
    assert len(out.read_text().splitlines()) == 2


def test_what_json_can_not_hold_is_an_error() -> None:
    with pytest.raises(ValueError, match="JSON"):
        writers.to_json({"score": float("nan")})


def test_a_table_has_a_column_for_every_score(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with writers.csv_table(out, ("normal", "covid19")) as write:
        write(RECORD)
        write(RECORD | {"decision": "refused", "scores": {}, "logits": {}, "path": "odd\udcff.png"})
        assert not out.exists()
    with out.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["path"] == "ä.png"
    assert (rows[0]["score_normal"], rows[0]["logit_covid19"]) == ("0.9", "-1.0")
    assert rows[0]["reasons"] == "One. Two, with a comma."
    assert (rows[1]["score_normal"], rows[1]["path"]) == ("", "odd\udcff.png")


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")

    def fail() -> None:
        with writers.replacing(out) as file:
            file.write("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_an_interruption_keeps_what_there_is(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"

    def interrupt() -> None:
        with writers.csv_table(out, ("normal", "covid19")) as write:
            write(RECORD)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert len(out.read_text().splitlines()) == 2
    assert list(tmp_path.iterdir()) == [out]


def test_a_new_file_can_be_read_by_whom_any_other_can(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    with writers.replacing(tmp_path / "new") as file:
        file.write("x")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_card_in_words() -> None:
    point = dataclasses.replace(
        CARD.points["balanced"], sensitivity=Estimate(0.9, 0.85, 0.95, 100), specificity=Estimate(0.8)
    )
    measured = Figure(0.9, 0.85, 0.95, 100, what="A against B", set="the set", role="external", metric="AUC")
    card = dataclasses.replace(
        CARD,
        points={"balanced": point},
        architecture=Architecture("resnet50"),
        figures=(measured, Figure(float("nan"))),
        intended_use="Research and education.",
        limits=("Adults only.",),
        licence=Licence("Apache-2.0"),
    )
    text = writers.describe(card)
    for part in (
        "test 0  (resnet50",
        "Classes: normal, other, covid19",
        "balanced (default): score 0.400, sensitivity 0.900 (0.850 to 0.950), specificity 0.800",
        "A against B, the set (external): AUC 0.900 (0.850 to 0.950), n = 100",
        "not stated",
        "Research and education.",
        "Adults only.",
        "code: Apache-2.0",
    ):
        assert part in text

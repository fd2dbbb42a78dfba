"""docs/reliability.md says what was measured, and names tests that exist."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts import reliability
from tests.conftest import ROOT


@pytest.fixture
def results() -> dict[str, dict[str, Any]]:
    try:
        return reliability.measured()
    except FileNotFoundError as error:
        name = Path(str(error.filename)).stem
        pytest.skip(f"{name}.json is not measured yet: run `{reliability.MEASURED_BY[name]}`")


def test_the_document_agrees_with_what_was_measured(results: dict[str, dict[str, Any]]) -> None:
    written = reliability.DOCUMENT.read_text(encoding="utf-8")
    assert reliability.document(written, results) == written, "run `python -m scripts.reliability`"


def test_a_target_that_was_missed_shows(results: dict[str, dict[str, Any]]) -> None:
    written, worse = reliability.DOCUMENT.read_text(encoding="utf-8"), copy.deepcopy(results)
    for row in worse["crowd"]["targets"].values():
        row["met"] = False
    assert reliability.document(written, worse).count("**no**") > written.count("**no**")


def test_a_missing_measurement_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reliability, "RESULTS", tmp_path)
    for name in reliability.MEASURED_BY:
        if name != "fuzz":
            (tmp_path / f"{name}.json").write_text(json.dumps({}))
    assert reliability.main() == 1
    assert capsys.readouterr().err == "fuzz.json is not in benchmarks/results: run `make fuzz` first.\n"


def test_every_failure_names_a_test_file() -> None:
    _, _, failures = reliability.DOCUMENT.read_text(encoding="utf-8").partition("## Failures")
    named = re.findall(r"`(tests/[^`]+)`", failures)
    assert len(named) >= 7 and [test for test in named if not (ROOT / test).is_file()] == []


def test_a_document_without_the_block_is_refused(results: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="no block crowd"):
        reliability.document("# Reliability", results)

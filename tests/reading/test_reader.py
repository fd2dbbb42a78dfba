"""Scores, the decision and its reasons."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from model.errors import BundleError
from model.messages import Code, Message
from model.reading import bundle as bundles
from model.reading.card import Card, Input, OperatingPoint
from model.reading.lungs import Lungs
from model.reading.names import point_name
from model.reading.radiograph import Radiograph, decode
from model.reading.reader import Reader, Reading, decide, redecide, refused, softmax
from tests.conftest import draw_chest
from tests.files.builders import encode, real
from tests.reading.segmenting import dark_middle

POINT = OperatingPoint("balanced", 0.4, "", None, None)
CARD = Card(
    name="test",
    version="0",
    classes=("normal", "other", "covid19"),
    positive="covid19",
    input=Input(size=64),
    temperature=1.0,
    points={"balanced": POINT},
    default_point="balanced",
    margin=0.3,
    sha256="",
)


@pytest.fixture(scope="module")
def reader(small_bundle: Path) -> Reader:
    return Reader(bundles.load(small_bundle))


def drawn(label: str, seed: int = 1) -> Radiograph:
    return decode(encode(draw_chest(np.random.default_rng(seed), label), "PNG"))


def texts(messages: list[Message]) -> list[str]:
    return [str(message) for message in messages]


@pytest.mark.parametrize(
    ("scores", "decision"),
    [
        ((0.2, 0.1, 0.7), "covid19"),
        ((0.45, 0.05, 0.5), "covid19"),  # largest or not, what counts is the operating point
        ((0.55, 0.01, 0.44), "uncertain"),  # above it by less than the margin
        ((0.57, 0.07, 0.36), "uncertain"),  # below it by less than the margin
        ((0.7, 0.2, 0.1), "normal"),
        ((0.2, 0.7, 0.1), "other"),
        ((0.47, 0.43, 0.1), "uncertain"),  # sure that it is not covid19, but not which of the others
        ((0.0, 0.0, 1.0), "covid19"),
        ((1.0, 0.0, 0.0), "normal"),
    ],
)
def test_decisions(scores: tuple[float, float, float], decision: str) -> None:
    assert decide(CARD, POINT, np.array(scores))[0] == decision


def test_the_margin_is_in_log_odds_and_a_hit_counts_as_sure() -> None:
    card = dataclasses.replace(CARD, margin=0.25)
    just_above = 1 / (1 + math.exp(-(math.log(0.4 / 0.6) + 0.2500001)))
    assert decide(card, POINT, np.array([1 - just_above, 0.0, just_above]))[0] == "covid19"
    just_short = 1 / (1 + math.exp(-(math.log(0.4 / 0.6) + 0.2499999)))
    assert decide(card, POINT, np.array([1 - just_short, 0.0, just_short]))[0] == "uncertain"


def test_exactly_at_the_operating_point_is_positive_unless_there_is_a_margin() -> None:
    scores = np.array([0.6, 0.0, 0.4])
    decision, reasons = decide(dataclasses.replace(CARD, margin=0.0), POINT, scores)
    assert decision == "covid19"
    assert "exactly at the operating point" in str(reasons[0])
    assert decide(CARD, POINT, scores)[0] == "uncertain"


def test_two_classes_need_no_comparison_of_the_others() -> None:
    card = dataclasses.replace(CARD, classes=("negative", "positive"), positive="positive")
    decision, reasons = decide(card, POINT, np.array([0.9, 0.1]))
    assert decision == "negative"
    assert texts(reasons) == ["The Positive score 0.10 is below the operating point 0.40 (Balanced)."]


def test_reasons_are_sentences_with_the_numbers() -> None:
    assert texts(decide(CARD, POINT, np.array([0.1, 0.2, 0.7]))[1]) == [
        "The COVID-19 pattern score 0.70 is above the operating point 0.40 (Balanced)."
    ]
    assert texts(decide(CARD, POINT, np.array([0.47, 0.43, 0.1]))[1]) == [
        "The COVID-19 pattern score 0.10 is below the operating point 0.40 (Balanced).",
        "Of the other classes, Normal scores 0.47 and Other lung disease 0.43.",
        "That is only 0.09 log-odds from equal scores with Other lung disease, "
        "and readings nearer than 0.30 are called uncertain.",
    ]
    # As many digits as it takes to see which is larger.
    assert "score 0.403 is above the operating point 0.400" in str(
        decide(CARD, POINT, np.array([0.5, 0.097, 0.403]))[1][0]
    )


def test_the_rule_is_the_one_that_the_training_measured() -> None:
    evaluation = pytest.importorskip("model.training.export.calibration")
    scores = np.random.default_rng(3).dirichlet([1, 1, 1], 300)
    numbers, confidence = evaluation.confidences(scores, 2, POINT.threshold)
    for one, number, sure in zip(scores, numbers, confidence, strict=True):
        expected = "uncertain" if sure < CARD.margin else CARD.classes[number]
        assert decide(CARD, POINT, one)[0] == expected


def test_scores_are_calibrated_and_add_up() -> None:
    logits = np.array([1.0, 3.0, -2.0], np.float32)
    assert softmax(logits, 1.0).sum() == pytest.approx(1)
    assert softmax(logits, 2.0) == pytest.approx(softmax(logits / 2, 1.0))
    assert softmax(np.array([1000.0, 0.0], np.float32), 1.0) == pytest.approx([1, 0])


def test_a_reading_carries_everything(reader: Reader) -> None:
    radiograph = dataclasses.replace(drawn("covid19"), notes=(Message(Code.COLOURS_DROPPED),))
    reading = reader.read(radiograph)
    card = reader.bundle.card
    assert reading.classes == card.classes
    assert reading.decision in (*card.classes, "uncertain")
    assert sum(reading.scores.values()) == pytest.approx(1)
    logits = np.array([reading.logits[name] for name in card.classes], np.float32)
    assert list(reading.scores.values()) == pytest.approx(softmax(logits, card.temperature).tolist())
    assert reading.maps.shape[2] == len(card.classes)
    assert reading.reasons[-1] == Message(Code.COLOURS_DROPPED)
    assert reading.seconds > 0
    assert (reading.bundle, reading.sha256) == (card.title, radiograph.sha256)
    assert reading.operating_point == card.default_point


def test_drawn_classes_are_told_apart(reader: Reader) -> None:
    ill = [reader.read(drawn("covid19", seed)).scores["covid19"] for seed in range(20, 26)]
    well = [reader.read(drawn("normal", seed)).scores["covid19"] for seed in range(20, 26)]
    assert np.mean(ill) > np.mean(well)


def test_an_operating_point_by_name(reader: Reader) -> None:
    for name in reader.bundle.card.points:
        reading = reader.read(drawn("covid19"), name)
        assert reading.operating_point == name
        assert reading.reasons[0].values["point"] == point_name(name)
    with pytest.raises(BundleError, match="no operating point nonsense"):
        reader.read(drawn("covid19"), "nonsense")


def test_json_has_the_promised_keys(reader: Reader) -> None:
    found = json.loads(json.dumps(reader.read(drawn("other")).to_dict()))
    assert set(found) == {
        "decision", "scores", "logits", "reasons", "seconds", "bundle", "operating_point", "sha256",
        "kind", "in_lungs", "notes", "reason_codes",
    }  # fmt: skip
    assert set(found["scores"]) == set(found["logits"]) == set(reader.bundle.card.classes)


def test_a_refusal_is_a_record_of_the_same_kind() -> None:
    reading = refused(Message(Code.FILE_MISSING), "bundle 1", "abc", 0.5)
    assert reading.to_dict() == {
        "decision": "refused", "scores": {}, "logits": {}, "seconds": 0.5,
        "reasons": ["There is no such file: check the path."], "reason_codes": ["file_missing"],
        "bundle": "bundle 1", "operating_point": "", "sha256": "abc", "kind": "", "in_lungs": None, "notes": [],
    }  # fmt: skip


def test_a_real_dicom_is_read_from_end_to_end(reader: Reader) -> None:
    reading = reader.read(decode(real("RG1_UNCR.dcm")))
    assert math.isfinite(sum(reading.logits.values()))
    assert sum(reading.scores.values()) == pytest.approx(1)


def same(one: Reading, other: Reading) -> None:
    """Both say the same; only the time may differ."""
    for field in dataclasses.fields(Reading):
        mine, its = (getattr(reading, field.name) for reading in (one, other))
        if field.name == "lungs" and mine is not None:
            assert np.array_equal(mine.mask, its.mask)
        elif field.name in ("maps", "cells"):
            assert np.array_equal(mine, its)
        elif field.name != "seconds":
            assert mine == its, field.name


@pytest.mark.parametrize("segmented", [False, True])
def test_deciding_again_is_reading_again(reader: Reader, segmented: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    card = reader.bundle.card
    # Thresholds from one end to the other and scores that are not extreme, so that every kind of decision comes up.
    points = {f"at_{i}": OperatingPoint(f"at_{i}", i / 20, "", None, None) for i in range(1, 20)}
    card = dataclasses.replace(card, points=card.points | points, temperature=5.0, margin=0.3)
    monkeypatch.setattr(reader.bundle, "card", card)
    if segmented:
        monkeypatch.setattr(reader.bundle, "segmenter", dark_middle())
    seen = set()
    for size in (96, 240):  # the small one is of doubtful quality, which widens the margin
        for label in ("normal", "covid19"):
            chest = draw_chest(np.random.default_rng(3), label, size)
            radiograph = dataclasses.replace(decode(encode(chest, "PNG")), notes=(Message(Code.COLOURS_DROPPED),))
            reading = reader.read(radiograph)
            assert (reading.lungs is not None) == segmented
            assert reading.doubtful or size > 200
            for name in card.points:
                fresh = reader.read(radiograph, name)
                same(redecide(reading, card, name), fresh)
                seen.add(fresh.decision)
    assert {"covid19", "uncertain"} < seen


def test_evidence_outside_the_lungs_is_judged_for_the_class_that_is_decided(reader: Reader) -> None:
    lungs = Lungs(np.zeros((7, 7), np.float32))
    lungs.mask[2:5, 1:3] = 1
    maps = np.zeros((7, 7, 3), np.float32)
    maps[3, 2, 0] = maps[3, 2, 1] = 1  # in the lungs for all but the positive class
    maps[6, 6, 2] = 1
    scores = {"normal": 0.5, "other": 0.1, "covid19": 0.4}
    reading = reader.read(drawn("normal"))
    reading = dataclasses.replace(reading, lungs=lungs, maps=maps, scores=scores, doubtful=False)
    card = dataclasses.replace(CARD, points={"low": OperatingPoint("low", 0.1, "", None, None), "balanced": POINT})
    low = redecide(reading, card, "low")
    assert (low.decision, low.in_lungs) == ("covid19", 0)
    assert Message(Code.OUTSIDE_LUNGS) in low.reasons
    card = dataclasses.replace(card, points={"balanced": dataclasses.replace(POINT, threshold=0.9)})
    high = redecide(low, card)
    assert (high.decision, high.in_lungs) == ("normal", 1)
    assert Message(Code.OUTSIDE_LUNGS) not in high.reasons


def test_an_unknown_point_is_said_and_a_refusal_stays_one(reader: Reader) -> None:
    card = reader.bundle.card
    with pytest.raises(BundleError, match="no operating point nonsense"):
        redecide(reader.read(drawn("normal")), card, "nonsense")
    empty = refused(Message(Code.FILE_EMPTY))
    assert redecide(empty, card) is empty

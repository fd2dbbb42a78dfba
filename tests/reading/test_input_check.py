"""The input check on features that are made so that the answer is known."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from model.messages import Code, Message
from model.reading import input_check
from model.training.auxiliary import input_check as input_check_fit


def made() -> tuple[list[input_check_fit.Sample], np.ndarray]:
    """Features of two kinds that differ in their first half, with parts to learn from and to test on."""
    rng = np.random.default_rng(0)
    samples, features = [], []
    for number in range(600):
        kind = input_check.FRONTAL if number % 2 else "not_medical"
        part = ("train", "train", "validation", "test")[number // 2 % 4]
        samples.append(input_check_fit.Sample(kind, "made", part, lambda: np.zeros((8, 8), np.float32)))
        level = np.where(np.arange(80) < 40, 3.0 if number % 2 else 0.5, 1.0)
        features.append(level * rng.gamma(4.0, 0.25, 80))
    return samples, np.array(features, np.float32)


def test_fitted_check_accepts_what_it_should_and_says_why_it_refuses() -> None:
    samples, features = made()
    screener = input_check_fit.fit(samples, features)
    rows = {row["kind"]: row for row in input_check_fit.measure(screener, samples, features)}
    assert rows["frontal"]["refused"] <= 2 and rows["not_medical"]["refused"] >= rows["not_medical"]["pictures"] - 2
    seen = screener.screen(features[0])
    assert (
        not seen.accepted
        and seen.kind == "not_medical"
        and seen.reason == Message(Code.NOT_FRONTAL_BUT, what=Code.NOT_MEDICAL)
    )
    unsure = replace(seen, certainty=0.6)
    assert unsure.reason == Message(Code.NOT_FRONTAL)
    good = screener.screen(features[1])
    assert good.accepted and good.reason is None and 0 <= good.unlike <= 1


def test_what_no_training_picture_was_like_is_far_away() -> None:
    samples, features = made()
    screener = input_check_fit.fit(samples, features)
    strange = features[1].copy()
    strange[40:] *= 20
    assert screener.screen(strange).unlike > 0.99
    typical = [screener.screen(one).unlike for s, one in zip(samples, features, strict=True) if s.kind == "frontal"]
    assert np.mean(typical) < 0.7


def test_statistics_survive_being_written_without_pickle() -> None:
    samples, features = made()
    screener = input_check_fit.fit(samples, features)
    again = input_check.from_bytes(screener.to_bytes())
    for one in features[:20]:
        before, after = screener.screen(one), again.screen(one)
        assert before.kind == after.kind and before.frontal == pytest.approx(after.frontal, abs=5e-3)


def test_damaged_statistics_are_refused() -> None:
    samples, features = made()
    screener = input_check_fit.fit(samples, features)
    for data in (b"", b"PK\x03\x04 no archive", screener.to_bytes()[:200]):
        with pytest.raises(ValueError, match="can't be read"):
            input_check.from_bytes(data)
    with pytest.raises(ValueError, match="contradict"):
        input_check.from_bytes(replace(screener, bias=screener.bias[:1]).to_bytes())
    buffer = io.BytesIO()
    np.savez(buffer, kinds=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="can't be read"):
        input_check.from_bytes(buffer.getvalue())


@pytest.mark.parametrize("seed", range(6))
def test_drawn_pictures_of_every_kind_are_pictures(seed: int) -> None:
    pixels = input_check_fit._drawn(seed)()
    assert pixels.shape == (320, 320) and pixels.dtype == np.float32 and 0 <= pixels.min() <= pixels.max() <= 255


def test_findings_become_kinds() -> None:
    found = {"lateral_chest": "lateral", "chest_ct": "medical", "photograph": "not_medical", "hand": "radiograph"}
    assert {finding: input_check_fit.kind_of(finding) for finding in found} == found

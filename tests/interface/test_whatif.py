"""The same picture in other guises, each read by the real small network."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from interface.core import memory, queue
from interface.core.session import Read
from interface.read import uploads, whatif
from model.errors import Unreadable
from model.messages import Code, Message
from model.reading import bundle as bundles
from model.reading.lungs import Lungs
from model.reading.radiograph import Radiograph
from model.reading.reader import Reader, refused
from tests.conftest import draw_chest

RAMP = np.tile(np.linspace(0, 255, 64, dtype=np.float32), (64, 1))


@pytest.fixture(scope="module")
def reader(small_bundle: Path) -> Reader:
    return Reader(bundles.load(small_bundle))


@pytest.fixture
def item(reader: Reader) -> Read:
    chest = cv2.imencode(".png", draw_chest(np.random.default_rng(2), "covid19", 240))[1].tobytes()
    found = uploads.read("chest.png", lambda: chest, reader)
    assert isinstance(found, Read)
    return found


def halves() -> Lungs:
    mask = np.zeros((64, 64), np.float32)
    mask[12:52, 10:28] = mask[12:52, 36:54] = 1
    return Lungs(mask)


def test_every_guise_is_read_as_the_picture_that_it_is(item: Read, reader: Reader) -> None:
    item = replace(item, reading=replace(item.reading, lungs=halves()))
    found = {one.name: one for one in whatif.variants(item, reader)}
    assert list(found) == ["As it is", "Flipped left to right", "Brighter", "Darker", "Lungs covered"]
    assert found["As it is"].reading.scores == pytest.approx(item.reading.scores)
    flipped = Radiograph(np.ascontiguousarray(item.picture[:, ::-1]).astype(np.float32), "", "")
    assert found["Flipped left to right"].reading.scores == reader.read(flipped).scores
    assert np.array_equal(found["Flipped left to right"].picture, item.picture[:, ::-1])
    brightness = {name: one.picture.mean() for name, one in found.items()}
    assert brightness["Darker"] < brightness["As it is"] < brightness["Brighter"]
    assert len({tuple(one.reading.scores.values()) for one in found.values()}) == 5


def test_without_lungs_nothing_is_covered(item: Read, reader: Reader) -> None:
    assert item.reading.lungs is None
    assert "Lungs covered" not in {one.name for one in whatif.variants(item, reader)}


def test_a_window_keeps_black_and_white() -> None:
    for exponent in (whatif.BRIGHTER, whatif.DARKER):
        found = whatif.curved(RAMP, exponent)
        assert found.dtype == np.float32 and found[0, 0] == 0 and found[0, -1] == 255
        assert np.all(np.diff(found[0]) > 0)


def test_covering_leaves_one_grey_where_the_lungs_were_and_the_rest_alone() -> None:
    lungs = halves()
    found = whatif.covered(RAMP, lungs)
    inside = lungs.mask > 0.5
    (grey,) = np.unique(found[inside])
    changed = found != RAMP
    assert changed.sum() > inside.sum(), "the border of the lungs still shows"
    assert grey == pytest.approx(RAMP[found == RAMP].mean(), abs=1)
    assert np.array_equal(found[:8], RAMP[:8])


def test_lines_and_summary_say_what_changed(item: Read, reader: Reader) -> None:
    base = whatif.variants(item, reader)[0]
    scores = {"normal": 0.5, "other": 0.2, "covid19": 0.3}
    base = replace(base, reading=replace(base.reading, decision="normal", scores=scores))
    less = replace(base, name="Darker", reading=replace(base.reading, scores=scores | {"covid19": 0.26}))
    more = replace(base, name="Brighter", reading=replace(base.reading, decision="covid19"))
    gone = replace(base, name=whatif.COVERED, reading=refused(Message(Code.NOT_MEDICAL)))
    assert whatif.lines(base, base, "covid19") == ("Normal", "COVID-19 pattern 0.30")
    assert whatif.lines(less, base, "covid19") == ("Normal", "COVID-19 pattern 0.26 (\u22120.04)")
    assert whatif.lines(more, base, "covid19") == ("COVID-19 pattern", "COVID-19 pattern 0.30 (no change)")
    assert whatif.lines(gone, base, "covid19") == ("Refused", "no score")
    assert "No other answer" in whatif.summary([base, less])
    said = whatif.summary([base, more, gone])
    assert "changes: brighter." in said and "input check: lungs covered." in said


def test_variants_wait_for_their_turn_and_for_memory(
    item: Read, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with queue.TURNS.take(lambda ahead: None):
            reading = pool.submit(whatif.variants, item, reader)
            while len(queue.TURNS) < 2:
                assert not reading.done(), "it was read beside another reading"
                waited.wait(0.01)
        assert len(reading.result()) >= 4
    assert len(queue.TURNS) == 0
    monkeypatch.setenv(memory.MEGABYTES, "1")
    with pytest.raises(Unreadable, match="as its memory allows"):
        whatif.variants(item, reader)

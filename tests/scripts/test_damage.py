"""A part of the damage that `make fuzz` does to every form of file; test_same_picture.py cuts them all."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from model.reading import bundle
from model.reading.radiograph import Radiograph
from model.reading.reader import Reader
from scripts.fuzz import damage


@pytest.mark.parametrize("name", ["png L", "png 12 in 16 RGB", "tiff deflate"])
def test_one_wrong_bit_is_refused_or_changes_nothing(name: str) -> None:
    data = damage.whole_files()[name]
    counts = damage.outcomes(data, damage.flips(data, 20, Random(1)), Reader(bundle.load()).read)
    assert counts.total() == 20 and counts["refused"] >= 18
    assert not counts["other reading"]


def test_another_reading_is_found() -> None:
    data = damage.whole_files()["bmp"]
    reader = Reader(bundle.load())
    blank = data[:-45_000] + bytes(45_000)

    def read(radiograph: Radiograph) -> object:
        return reader.read(radiograph, examine=False)

    counts = damage.outcomes(data, iter([data, blank, data[:-5]]), read)  # type: ignore[arg-type]
    assert counts == {"same pixels": 1, "other reading": 1, "refused": 1}
    row = {"cut": {"other reading": 1}, "one wrong bit": {}}
    assert damage.is_finding("jpeg lossy", row)
    assert not damage.is_finding("jpeg lossy", {"cut": {}, "one wrong bit": {"other reading": 3}})
    assert damage.is_finding("png L", {"cut": {}, "one wrong bit": {"other reading": 3}})
    assert np.isfinite(reader.read(damage.decode(data)).seconds)

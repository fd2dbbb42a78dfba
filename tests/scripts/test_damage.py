"""A part of the damage that `make fuzz` does to every form of file; test_same_picture.py cuts them all."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from model.reading import bundle
from model.reading.radiograph import Radiograph
from model.reading.reader import Reader
from scripts.fuzz import damage


@pytest.mark.parametrize("name", ["png L", "png 12 in 16 RGB", "tiff deflate", "jpeg lossy", "dicom .4.70 12", "bmp"])
def test_one_wrong_bit_is_refused_or_changes_nothing(name: str) -> None:
    data = damage.whole_files()[name]
    counts = damage.outcomes(data, damage.flips(data, 20, Random(1)), Reader(bundle.load()).read)
    assert counts.total() == 20 and counts["refused"] >= (18 if "png" in name or "deflate" in name else 0)
    assert not damage.is_finding(name, {"cut": {}, "one wrong bit": dict(counts)})


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
    # How often a form may do it without being a finding depends on what its format lets a reader see.
    for name, others, finding in (("jpeg lossy", 1, False), ("jpeg lossy", 10, True), ("png L", 1, True)):
        row = {"cut": {}, "one wrong bit": {"other reading": others, "refused": 40 - others}}
        assert damage.is_finding(name, row) == finding
    assert np.isfinite(reader.read(damage.decode(data)).seconds)

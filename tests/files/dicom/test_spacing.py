"""The spacing of a radiograph's pixels: a number that a scale bar can trust, or none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model.reading import radiograph
from tests.files.builders import dicom, ramp


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({}, None),
        ({"PixelSpacing": [0.5, 0.5]}, 0.5),
        ({"ImagerPixelSpacing": [0.143, 0.143]}, 0.143),
        ({"PixelSpacing": [0.5, 0.5], "ImagerPixelSpacing": [0.143, 0.143]}, 0.5),
        ({"PixelSpacing": [0.5, 0.7]}, None),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.2, 0.2]}, 0.2),
        ({"PixelSpacing": [900, 900]}, None),
    ],
)
def test_the_spacing_is_one_that_a_radiograph_can_have(elements: dict[str, Any], spacing: float | None) -> None:
    assert radiograph.decode(dicom(ramp(), **elements)).spacing == spacing


def test_a_smaller_copy_has_a_larger_spacing() -> None:
    picture = radiograph.decode(dicom(ramp(60, 80), PixelSpacing=[0.1, 0.1]))
    assert picture.spacing_at(40) == pytest.approx(0.2)
    assert radiograph.Radiograph(np.zeros((9, 9), np.float32), "PNG", "").spacing_at(3) is None

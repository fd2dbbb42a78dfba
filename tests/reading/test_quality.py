"""Notes on quality: each appears with its cause and not without it, on the real sample radiograph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from model.reading import quality
from model.reading.input_check import FRONTAL, Screening
from model.reading.lungs import Lungs
from model.reading.radiograph import Radiograph, decode


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.float32]:
    path = get_testdata_file("RG1_UNCR.dcm", download=False)
    return decode(Path(str(path)).read_bytes()).pixels


def sentences(pixels: NDArray[Any], seen: Screening | None = None, lungs: Lungs | None = None) -> str:
    found = quality.notes(Radiograph(np.asarray(pixels, np.float32), "PNG", ""), seen, lungs)
    return " ".join(str(note.message) for note in found)


def test_a_good_radiograph_has_no_notes(pixels: NDArray[np.float32]) -> None:
    assert sentences(pixels) == ""


def test_exposure_contrast_and_size(pixels: NDArray[np.float32]) -> None:
    assert "black" in sentences(np.clip(pixels - 225, 0, 255))
    assert "white" in sentences(np.clip(pixels * 2, 0, 255))
    assert "little contrast" in sentences(pixels * 0.1 + 100)
    small = cv2.resize(pixels, (150, 180), interpolation=cv2.INTER_AREA)
    assert "150 x 180 pixels" in sentences(small)


def test_strong_compression_shows(pixels: NDArray[np.float32]) -> None:
    small = cv2.resize(pixels, (512, 512), interpolation=cv2.INTER_AREA).astype(np.uint8)
    for level, noted in ((95, False), (8, True)):
        coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, level])[1]
        again = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32)
        assert ("compressed" in sentences(again)) == noted


def test_burned_in_text_is_pointed_out_but_a_side_marker_is_not(pixels: NDArray[np.float32]) -> None:
    marked = pixels.astype(np.uint8)
    cv2.putText(marked, "L", (90, 140), cv2.FONT_HERSHEY_SIMPLEX, 3, 255, 6)
    assert not quality.has_text(Radiograph(marked.astype(np.float32), "PNG", ""))
    cv2.putText(marked, "DOE JOHN 12.03.1961", (200, 140), cv2.FONT_HERSHEY_SIMPLEX, 2, 255, 4)
    notes = quality.notes(Radiograph(marked.astype(np.float32), "PNG", ""))
    assert ["carry text" in str(note.message) for note in notes] == [True]
    assert not notes[0].lessens


def test_unlike_pictures_and_missing_lungs_are_noted(pixels: NDArray[np.float32]) -> None:
    assert "unlike those" in sentences(pixels, seen=Screening(FRONTAL, 0.99, 1.0))
    empty = np.zeros((64, 64), np.float32)
    assert "No lungs" in sentences(pixels, lungs=Lungs(empty))
    cropped = empty.copy()
    cropped[:, :40] = 1
    assert "border" in sentences(pixels, lungs=Lungs(cropped))
    whole = empty.copy()
    whole[10:50, 10:28] = whole[10:50, 36:54] = 1
    assert sentences(pixels, lungs=Lungs(whole)) == ""


def test_a_patient_who_lies_askew_is_noted(pixels: NDArray[np.float32]) -> None:
    level = np.zeros((96, 96), np.float32)
    level[25:71, 20:43] = level[25:71, 53:76] = 1
    for degrees, noted in ((0, False), (10, False), (-10, False), (25, True), (-25, True)):
        # OpenCV turns counter-clockwise.
        turn = cv2.getRotationMatrix2D((47.5, 47.5), -degrees, 1)
        lungs = Lungs(np.asarray(cv2.warpAffine(level, turn, (96, 96)), np.float32))
        assert lungs.tilt == pytest.approx(degrees, abs=1.5)
        assert ("tilted by about 2" in sentences(pixels, lungs=lungs)) == noted
    level[:, 50:] = 0
    assert Lungs(level).tilt is None


def test_a_mirrored_picture_is_noted_and_read_all_the_same(pixels: NDArray[np.float32]) -> None:
    radiograph = Radiograph(pixels, "PNG", "")
    assert quality.notes(radiograph) == ()
    (note,) = quality.notes(radiograph, mirrored=True)
    assert "mirrored" in str(note.message) and not note.lessens


def test_share_of_a_heatmap_in_the_lungs() -> None:
    mask = np.zeros((70, 70), np.float32)
    mask[:, 20:30] = 1
    lungs = Lungs(mask)
    inside, outside = np.zeros((7, 7), np.float32), np.zeros((7, 7), np.float32)
    inside[:, 2], outside[:, 6] = 1, 1
    assert lungs.share_inside(inside) == pytest.approx(1)
    assert lungs.share_inside(outside) == 0
    assert lungs.share_inside(np.zeros((7, 7), np.float32)) == 0
    assert lungs.area == pytest.approx(1 / 7)
    outline = lungs.outline(140, 140)
    assert len(outline) == 1 and outline[0][:, 0, 0].min() >= 38 and outline[0][:, 0, 0].max() <= 62

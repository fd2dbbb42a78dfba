"""The JPEG decoder that loses memory on damaged pictures: what it may lose is bounded, and good pictures go on."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import Unreadable
from model.files.dicom import libjpeg
from model.reading.radiograph import decode
from tests.files.builders import real

FILES = ["JPEG-LL.dcm", "JPGExtended.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jls_lossy_line.dcm"]


def damaged(name: str) -> bytes:
    """The file with the middle of its compressed picture replaced."""
    data = real(name)
    middle = (data.index(b"\xff\xd8\xff") + len(data)) // 2
    return data[:middle] + b"\xff\xda" * 40 + data[middle + 80 :]


@pytest.mark.parametrize("name", FILES)
def test_a_process_of_its_own_gives_the_same_pixels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = decode(real(name))
    monkeypatch.setattr(libjpeg, "allowance", libjpeg.Allowance(0))
    apart = decode(real(name))
    assert np.array_equal(inside.pixels, apart.pixels)
    assert inside.notes == apart.notes


def test_what_good_pictures_take_is_put_back_and_what_damaged_ones_lose_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 4 * 1024 * 256
    monkeypatch.setattr(libjpeg, "allowance", libjpeg.Allowance(2 * size))
    for _ in range(4):
        decode(real("JPEG-LL.dcm"))
    assert libjpeg.allowance.left == 2 * size
    for left in (size, 0, 0):
        with pytest.raises(Unreadable, match="damaged"):
            decode(damaged("JPEG-LL.dcm"))
        assert libjpeg.allowance.left == left
    assert decode(real("JPEG-LL.dcm")).pixels.shape == (1024, 256)


def test_a_decoder_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libjpeg, "allowance", libjpeg.Allowance(0))
    monkeypatch.setattr(libjpeg, "_CHILD", "while True: pass")
    monkeypatch.setattr(libjpeg, "PATIENCE_SECONDS", 0.5)
    with pytest.raises(Unreadable, match="damaged"):
        decode(real("JPEG-LL.dcm"))

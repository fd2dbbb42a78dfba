"""The square that a network takes, and what importing the reader costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model.reading.radiograph import OVERVIEW, Radiograph, to_input
from tests.conftest import ROOT
from tests.files.builders import encode, ramp


def test_shrinking_averages() -> None:
    pixels = ramp(128, 256).astype(np.float32)
    found = to_input(pixels, 64)
    assert found.shape == (1, 64, 64, 1) and found.dtype == np.float32
    assert np.abs(found[0, :, :, 0] - pixels.reshape(64, 2, 64, 4).mean(axis=(1, 3))).max() < 0.01


def test_enlarging_interpolates() -> None:
    pixels = np.array([[0, 255]] * 2, np.float32)
    found = to_input(pixels, 8)[0, :, :, 0]
    assert found[0, 0] == 0 and found[0, -1] == 255
    assert np.all(np.diff(found, axis=1) >= 0) and 100 < found[:, 3:5].mean() < 155


@pytest.mark.parametrize("shape", [(10_000, 40), (40, 10_000), (224, 224), (1, 1)])
def test_any_shape_becomes_the_square(shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 77, np.float32)
    found = to_input(pixels, 224)
    assert found.shape == (1, 224, 224, 1)
    assert np.allclose(found, 77)


def test_a_side_that_shrinks_is_averaged_even_if_the_other_grows() -> None:
    stripes = np.tile(np.array([0, 255], np.float32), (32, 500))
    assert np.abs(to_input(stripes, 100) - 127.5).max() < 0.01


STARVED = """
import resource, sys
from pathlib import Path
from model.errors import Unreadable
from model.reading.radiograph import decode
data = Path(sys.argv[1]).read_bytes()
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 20_000_000, resource.RLIM_INFINITY))
try:
    decode(data)
except Unreadable as error:
    print(error)
"""


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux to take memory away")
    (tmp_path / "large.png").write_bytes(encode(np.zeros((7000, 7000), np.uint8), "PNG"))
    command = [sys.executable, "-c", STARVED, str(tmp_path / "large.png")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("There is not enough memory for this PNG file")


def test_importing_the_reader_loads_nothing_heavy() -> None:
    code = (
        "import sys; from model.reading import bundle, heatmap, radiograph, reader; import model.__main__; "
        "print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert "cv2" in loaded
    assert not loaded & {"tensorflow", "keras", "matplotlib", "pydicom", "streamlit", "scipy", "ai_edge_litert"}


@pytest.mark.parametrize("shape", [(1955, 1841), (449, 700), (100, 90)])
def test_a_network_sees_the_same_through_the_preview(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    radiograph = Radiograph(pixels, "PNG", "")
    assert min(radiograph.preview.shape) >= min(448, *shape)
    assert np.array_equal(radiograph.to_input(224), to_input(pixels, 224))
    assert np.array_equal(radiograph.to_input(OVERVIEW), to_input(radiograph.preview, OVERVIEW))
    assert radiograph.to_input(320).shape == (1, 320, 320, 1)

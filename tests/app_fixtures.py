"""The app as AppTest runs it, with the real small bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]

# The first run loads the bundle and pydicom; Streamlit's own 3 s are too few for a busy machine.
PATIENCE = 60


@pytest.fixture
def app(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The whole app, on its first page."""
    monkeypatch.setenv("CXR_BUNDLE", str(small_bundle))
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()


@pytest.fixture
def picture() -> Callable[[str, int], tuple[str, bytes, str]]:
    """Makes a drawn radiograph as an upload: (name, PNG bytes, MIME type)."""
    from tests.conftest import draw_chest

    def make(label: str = "covid19", seed: int = 1) -> tuple[str, bytes, str]:
        png = cv2.imencode(".png", draw_chest(np.random.default_rng(seed), label, 160))[1].tobytes()
        return f"{label}-{seed}.png", png, "image/png"

    return make

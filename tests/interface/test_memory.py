"""The memory watch: a limit from the environment or the container, and a sentence instead of a killed server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from interface.core import loading, memory
from interface.core.session import Read, Refused
from interface.read import uploads
from model.messages import Code, Message
from tests.conftest import ROOT, draw_chest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process holds")


TAKE = """
from interface.core import memory
before = memory.resident()
taken = b"x" * 40_000_000
print(memory.resident() - before)
"""


def test_what_a_process_holds_grows_with_what_it_takes() -> None:
    # In a process of its own: in this one, threads of other tests import packages and give memory back meanwhile.
    done = subprocess.run([sys.executable, "-c", TAKE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 38 < float(done.stdout) < 45


@pytest.mark.parametrize(
    ("written", "expected"), [("1000000000", 800.0), ("max", None), (str(1 << 62), None), ("", None)]
)
def test_a_container_gives_the_limit(
    written: str, expected: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(memory.MEGABYTES, raising=False)
    (tmp_path / "memory.max").write_text(written + "\n")
    monkeypatch.setattr(memory, "_GROUP_LIMITS", (tmp_path / "none", tmp_path / "memory.max"))
    assert memory.limit() == expected
    monkeypatch.setenv(memory.MEGABYTES, "512")
    assert memory.limit() == 512
    monkeypatch.setenv(memory.MEGABYTES, "much")
    assert memory.limit() == expected


def test_a_full_server_refuses_with_a_sentence_and_reads_again(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_BUNDLE", str(small_bundle))
    png = cv2.imencode(".png", draw_chest(np.random.default_rng(0), "normal"))[1].tobytes()
    monkeypatch.setenv(memory.MEGABYTES, "1")
    refused = uploads.read("a.png", lambda: png, loading.reader())
    assert isinstance(refused, Refused) and refused.error == Message(Code.SERVER_FULL)
    monkeypatch.setenv(memory.MEGABYTES, "1000000")
    assert isinstance(uploads.read("a.png", lambda: png, loading.reader()), Read)

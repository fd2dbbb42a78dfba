"""Damaged files of every format: each ends as a radiograph or as one sentence (`make fuzz` tries many more)."""

from __future__ import annotations

import os
import resource
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.reading.radiograph import decode
from scripts.fuzz import fuzzer
from scripts.fuzz import mutations as mutations
from scripts.fuzz import seeds as seeds

# pydicom has to say much about its own test files.
pytestmark = pytest.mark.filterwarnings("ignore")
STARTS = [
    b"",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"\xff\xd8\xff\xc0\0\x11\x08",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"BM\x40\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    bytes(128) + b"DICM",
    bytes(128) + b"DICM\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0\x28\0\x10\0US\x02\0",
    b"\x08\0\x05\0CS\x0a\0ISO_IR 100",
]


@pytest.mark.slow
def test_two_thousand_damaged_files_end_as_they_should(tmp_path: Path) -> None:
    run = fuzzer.Run(seed=0)
    fuzzer.fuzz(run, 2000, tmp_path)
    assert run.done == 2000
    assert run.findings == []
    # The damage must leave some readable and reach every format, or the run would show nothing.
    assert 300 < run.outcomes["radiograph"] < 1700
    assert set(run.kinds) == {"PNG", "JPEG", "TIFF", "WebP", "BMP", "DICOM"}
    assert run.growth() < fuzzer.GROWTH_MB


@settings(deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=2000))
def test_any_bytes_end_as_they_should(start: bytes, rest: bytes) -> None:
    what, details = fuzzer.outcome(start + rest)
    assert what not in ("exception", "wrong result"), details


def test_an_input_is_the_same_whenever_it_is_made() -> None:
    found = seeds.collect()
    weights = mutations.weigh(found)
    first = [mutations.make(found, weights, 3, number)[1] for number in range(50)]
    again = seeds.collect()
    assert first == [mutations.make(again, weights, 3, number)[1] for number in range(50)]
    assert len(set(first)) == 50


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
def test_what_the_reader_must_not_do_is_found(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: bytes) -> None:
        raise error

    monkeypatch.setattr(fuzzer, "decode", fail)
    assert fuzzer.outcome(b"")[0] == "exception"
    monkeypatch.setattr(fuzzer, "decode", lambda data: decode(seeds.collect()[0].data))
    assert fuzzer.outcome(b"") == ("radiograph", "")


def badly(answers: Connection, seed: int, start: int, end: int) -> None:
    """In place of the reader: crashes at the first input and never ends at the second."""
    fuzzer.no_core_file()
    if start == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    if start == 1:
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1, resource.RLIM_INFINITY))
        while True:
            pass
    for _ in range(start, end):
        answers.send(("radiograph", "", "PNG", 0.0, 0.0))


def test_a_crash_and_an_endless_loop_are_found_and_the_run_goes_on(tmp_path: Path) -> None:
    run = fuzzer.Run(seed=0)
    fuzzer.fuzz(run, 5, tmp_path, badly)
    assert [(one.number, one.what) for one in run.findings] == [(0, "crash"), (1, "hang")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-0-crash", "0-1-hang"]
    assert (run.done, run.outcomes["radiograph"]) == (5, 3)

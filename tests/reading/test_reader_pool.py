"""Readers that work side by side."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from model.errors import BundleError
from model.reading.radiograph import Radiograph
from model.reading.reader import Reader
from model.reading.reader_pool import MOST_READERS, ReaderPool, readers_at_once


def test_each_thread_has_a_reader_of_its_own_and_all_read_alike(small_bundle: Path) -> None:
    readers, together = ReaderPool(small_bundle), Barrier(3)
    pixels = np.random.default_rng(4).uniform(0, 255, (80, 80)).astype(np.float32)

    def work(_: int) -> tuple[Reader, Reader, dict[str, float]]:
        first = readers.get()
        together.wait(30)
        return first, readers.get(), first.read(Radiograph(pixels, "PNG", "")).logits

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(work, range(3)))
    assert all(first is again for first, again, _ in found)
    assert len({id(first) for first, _, _ in found}) == 3
    assert found[0][2] == found[1][2] == found[2][2]


def test_they_all_have_the_network_that_was_there_at_first(small_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(small_bundle, folder)
    readers = ReaderPool(folder)
    readers.get()
    (folder / "model.tflite").unlink()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(readers.get).result().bundle.card == readers.card


def test_a_bundle_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        ReaderPool(tmp_path)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process to cores")
def test_one_core_still_gets_a_file_while_it_reads_another() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert readers_at_once() == 2
    finally:
        os.sched_setaffinity(0, before)
    assert 2 <= readers_at_once() <= MOST_READERS

"""The memory limit of `benchmarks.cloud` is one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.cloud import limited


@pytest.mark.parametrize(("megabytes", "survives"), [(20, True), (120, False)])
def test_a_program_that_needs_more_is_killed_and_counted(megabytes: int, survives: bool) -> None:
    with limited(60) as limit:
        if limit.group is None:
            pytest.skip("no control group can be made here")
        program = [sys.executable, "-c", f"b'x' * {megabytes}_000_000; print('done')"]
        done = subprocess.run(limit.inside(program), capture_output=True, text=True)
        found = limit.counted()
    assert (done.stdout == "done\n") == survives
    assert (found["kills"] == 0) == survives
    assert not limit.group.exists()

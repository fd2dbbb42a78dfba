"""`python -m model read --engine ray` on a real cluster of this machine: every picture exactly once, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from benchmarks.images import as_png, windowed
from model.__main__ import main
from tests.cli.ray_cluster import Cluster, cluster
from tests.conftest import ROOT

if sys.platform != "linux":
    pytest.skip("needs Linux to see which processes belong to which node", allow_module_level=True)

pytestmark = pytest.mark.slow
PICTURES, BLOCK = 36, 2


@pytest.fixture(scope="module", autouse=True)
def ray() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements/archive.txt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small real radiographs, a text, and a name that is no valid Unicode."""
    top = tmp_path_factory.mktemp("pictures")
    for number, data in enumerate(windowed(PICTURES)):
        below = top / str(number // 10)
        below.mkdir(exist_ok=True)
        (below / f"{number:02}.png").write_bytes(as_png(data, 160))
    (top / "0" / "note.txt").write_text("no picture")
    Path(os.fsdecode(os.fsencode(top) + b"/1/caf\xe9.txt")).write_text("no picture")
    return top


@pytest.fixture(scope="module")
def local(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the local engine makes of them."""
    out = tmp_path_factory.mktemp("local") / "out.jsonl"
    assert main(["read", str(folder), "--out", str(out)]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Cluster]:
    with cluster(2) as made:
        yield made


def command(folder: Path, out: Path | str, *more: str) -> list[str]:
    arguments = ["read", str(folder), "--engine", "ray", "--block", str(BLOCK), "--out", str(out), *more]
    return [sys.executable, "-m", "model", *arguments]


def run(made: Cluster, folder: Path, out: Path | str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, out, *more), cwd=ROOT, env=made.environment, capture_output=True, text=True, timeout=300
    )


def begin(made: Cluster, folder: Path, out: Path, then: Callable[[], object]) -> str:
    """Run the command and do something in its middle, when some blocks are there and others are not."""
    whole = (PICTURES + 2) // BLOCK
    with subprocess.Popen(
        command(folder, out), cwd=ROOT, env=made.environment, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and len(parts(out)) < 3:
            time.sleep(0.005)
        then_parts = len(parts(out))
        then()
        assert 3 <= then_parts < whole, "it was not in its middle"
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode in (0, -signal.SIGKILL), said
    return said


def parts(out: Path) -> list[Path]:
    return sorted(out.glob("part-*.parquet"))


def rows(out: Path) -> list[dict[str, Any]]:
    return [row for part in parts(out) for row in pyarrow.parquet.read_table(part).to_pylist()]


def assert_each_once(out: Path, local: list[dict[str, Any]]) -> None:
    """Every file has one row, and the row says what the local engine says."""
    found = {row["path"]: row for row in rows(out)}
    assert Counter(row["path"] for row in rows(out)) == Counter(shown(record["path"]) for record in local)
    for record in local:
        row = found[shown(record["path"])]
        assert (row["decision"], row["sha256"], row["reasons"]) == tuple(
            record[key] for key in ("decision", "sha256", "reasons")
        )
        for name, score in record["scores"].items():
            assert row[f"score_{name}"] == pytest.approx(score, abs=1e-3)
    assert [path.name for path in out.iterdir()] and not list(out.glob(".*")), "half a part was left"


def shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def test_it_reads_what_the_local_engine_reads_and_goes_on(
    two_nodes: Cluster, folder: Path, local: list[dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "readings"
    done = run(two_nodes, folder, out)
    assert done.returncode == 0, done.stderr
    assert f"{PICTURES + 2} files in" in done.stderr and "with 2 processes" in done.stderr
    assert_each_once(out, local)
    assert [part.name[:14] for part in parts(out)] == [f"part-{number:08}-" for number in range(len(parts(out)))]
    before = {part: (part.stat().st_mtime_ns, part.read_bytes()) for part in parts(out)}
    # Without --resume nothing is overwritten, with it nothing is read again.
    refused = run(two_nodes, folder, out)
    assert refused.returncode == 2 and "add --resume" in refused.stderr
    again = run(two_nodes, folder, out, "--resume")
    assert again.returncode == 0 and f"0 files in 0.0 s with 2 processes, {PICTURES + 2} before" in again.stderr
    assert {part: (part.stat().st_mtime_ns, part.read_bytes()) for part in parts(out)} == before
    other = run(two_nodes, folder, out, "--resume", "--operating-point", "sensitivity_95")
    assert other.returncode == 2 and "has the operating point" in other.stderr


def test_a_process_that_is_killed_costs_no_picture(
    two_nodes: Cluster, folder: Path, local: list[dict[str, Any]], tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill() -> None:
        killed.extend(two_nodes.actors(1))
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    begin(two_nodes, folder, tmp_path / "readings", kill)
    assert killed, "there was no process to kill on the second node"
    assert_each_once(tmp_path / "readings", local)


def test_a_run_that_is_killed_goes_on(
    two_nodes: Cluster, folder: Path, local: list[dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "readings"
    driver: list[int] = []

    def kill() -> None:
        driver.extend(_drivers(out))
        os.kill(driver[0], signal.SIGKILL)

    begin(two_nodes, folder, out, kill)
    # Ray ends the processes of a dead run; until then they may write another part.
    end = time.monotonic() + 60
    while (two_nodes.actors(0) or two_nodes.actors(1)) and time.monotonic() < end:
        time.sleep(0.2)
    assert not two_nodes.actors(0) and not two_nodes.actors(1)
    before = {part: part.read_bytes() for part in parts(out)}
    done = run(two_nodes, folder, out, "--resume")
    assert done.returncode == 0, done.stderr
    assert " before" in done.stderr
    assert {part: part.read_bytes() for part in before} == before
    assert_each_once(out, local)


def test_a_node_that_goes_out_costs_no_picture(folder: Path, local: list[dict[str, Any]], tmp_path: Path) -> None:
    with cluster(2) as made:
        begin(made, folder, tmp_path / "readings", lambda: made.kill_node(1))
        assert_each_once(tmp_path / "readings", local)


def _drivers(out: Path) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"-m" in words and b"model" in words and os.fsencode(out) in words:
            found.append(int(file.parent.name))
    return found

"""`python -m model read --out FILE --resume`: after kill -9 no picture is read twice and no line is lost."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from model.__main__ import main
from model.cli import writers
from tests.conftest import ROOT, draw_chest
from tests.files.builders import encode

PICTURES = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many pictures by links to a few, a text, a name with a line end, and a ZIP with two files of one name."""
    top = tmp_path_factory.mktemp("archive")
    store = tmp_path_factory.mktemp("store")
    data = [encode(draw_chest(np.random.default_rng(seed), "normal"), "PNG") for seed in range(3)]
    for number, one in enumerate(data):
        (store / f"{number}.png").write_bytes(one)
    for number in range(PICTURES):
        below = top / f"{number // 100}"
        below.mkdir(exist_ok=True)
        (below / f"{number:03}.png").symlink_to(store / f"{number % 3}.png")
    (top / "0" / 'no\r\n, "picture".txt').write_text("no picture")
    with zipfile.ZipFile(top / "1" / "two.zip", "w") as packed:
        packed.writestr("x/a.png", data[0])
        packed.writestr("y/a.png", data[1])
    return top


def read(small_bundle: Path, *arguments: object) -> int:
    return main(["read", *map(str, arguments), "--bundle", str(small_bundle)])


def records(out: Path) -> list[dict[str, str]]:
    """What a file of readings holds: path, decision and hash of each, in its order."""
    if out.suffix == ".csv":
        with out.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = [json.loads(line) for line in out.read_text(encoding="ascii").splitlines()]
    return [{name: str(row[name]) for name in ("path", "decision", "sha256")} for row in rows]


def kill_after(lines: int, command: list[str], growth: Path) -> None:
    """Run the command and kill it as soon as its file has so many more lines."""

    def count() -> int:
        return growth.read_bytes().count(b"\n") if growth.exists() else 0

    before = count()
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and count() < before + lines:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was not killed in its middle"
    assert before < count() < PICTURES
    # A kill between two parts of a long write leaves half a line, which happens too seldom to wait for.
    os.truncate(growth, growth.stat().st_size - 7)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_killed_again_and_again_it_reads_everything_once(
    small_bundle: Path, folder: Path, tmp_path: Path, name: str
) -> None:
    assert read(small_bundle, folder, "--out", tmp_path / f"whole-{name}") == 0
    out = tmp_path / name
    growth = writers.unfinished(out) if name.endswith(".csv") else out
    command = [sys.executable, "-m", "model", "read", str(folder), "--out", str(out), "--bundle", str(small_bundle)]
    for more in ([], ["--resume"], ["--resume"]):
        kill_after(20, [*command, *more], growth)
    kept = growth.read_bytes()
    kept = kept[: kept.rindex(b"\n") + 1]
    assert read(small_bundle, folder, "--out", out, "--resume") == 0
    assert out.read_bytes().startswith(kept)
    assert records(out) == records(tmp_path / f"whole-{name}")
    assert len(records(out)) == PICTURES + 3
    assert {path.name for path in tmp_path.iterdir()} == {name, f"whole-{name}"}
    assert read(small_bundle, folder, "--out", out, "--resume") == 0
    assert records(out) == records(tmp_path / f"whole-{name}")


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_what_was_added_since_is_read_and_the_rest_is_not_touched(
    small_bundle: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "pictures" / name
    (folder / "maps").mkdir(parents=True)
    (folder / "b.png").write_bytes(encode(draw_chest(np.random.default_rng(1), "other"), "PNG"))
    # Nothing there yet is no mistake: a script says --resume from the start.
    assert read(small_bundle, folder, "--out", out, "--heatmaps", folder / "maps", "--resume") == 0
    assert "Going on" not in capsys.readouterr().err
    before = out.read_bytes()
    (folder / "a.png").write_bytes(encode(draw_chest(np.random.default_rng(2), "other"), "PNG"))
    assert read(small_bundle, folder, "--out", out, "--heatmaps", folder / "maps", "--resume") == 0
    assert "Continuing after the 1 lines" in capsys.readouterr().err
    # Neither its own table nor its own heatmaps were taken for pictures.
    assert [Path(record["path"]).name for record in records(out)] == ["b.png", "a.png"]
    assert out.read_bytes().startswith(before)
    assert len(list((folder / "maps").iterdir())) == 2


def test_one_that_was_read_before_is_enough_for_code_0(small_bundle: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "out.jsonl", tmp_path / "a.png"
    picture.write_bytes(encode(draw_chest(np.random.default_rng(1), "other"), "PNG"))
    assert read(small_bundle, tmp_path / "none.png", "--out", out) == 1
    assert read(small_bundle, tmp_path / "none.png", "--out", out, "--resume") == 1
    assert read(small_bundle, tmp_path / "none.png", picture, "--out", out, "--resume") == 0
    assert read(small_bundle, tmp_path / "none.png", picture, "--out", out, "--resume") == 0
    assert len(records(out)) == 2


GOOD = {"path": "a", "decision": "refused", "bundle": "?", "operating_point": ""}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", b"notes of mine", "ends with something that is no reading"),
        ("a.jsonl", b'{"a": 1}\n', "line 1 is no reading"),
        ("a.jsonl", b"[1]\n", "line 1 is no reading"),
        ("a.jsonl", json.dumps(GOOD).encode() + b"\n", "its readings are by ?, and this bundle is"),
        ("a.csv", b"notes of mine", "its columns are others"),
        ("a.csv", b"path,label\r\na.png,normal\r\n", "its columns are others"),
    ],
)
def test_another_file_is_left_as_it_is(
    small_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        read(small_bundle, tmp_path, "--out", tmp_path / name, "--resume")
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == content


def test_another_operating_point_is_refused(
    small_bundle: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, out = folder / "0" / "000.png", tmp_path / "out.jsonl"
    assert read(small_bundle, picture, "--out", out, "--operating-point", "sensitivity_95") == 0
    with pytest.raises(SystemExit):
        read(small_bundle, picture, "--out", out, "--resume")
    assert "its operating point is sensitivity_95" in capsys.readouterr().err


def test_resume_needs_a_file_and_heatmaps_a_folder_of_their_own(
    small_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["--resume"], ["--heatmaps", tmp_path]):
        with pytest.raises(SystemExit):
            read(small_bundle, tmp_path, *arguments)
    said = capsys.readouterr().err
    assert "name it" in said and "another folder" in said


def test_a_manifest_stands_for_what_its_rows_name(small_bundle: Path, folder: Path, tmp_path: Path) -> None:
    manifest, out = tmp_path / "manifest.csv", tmp_path / "out.jsonl"
    names = [os.path.relpath(folder / "0" / "001.png", tmp_path), str(folder / "1" / "two.zip"), "none.png", ""]
    text = io.StringIO()
    csv.writer(text).writerows([["label", "path"], *(["normal", name] for name in names)])
    manifest.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    assert read(small_bundle, manifest, "--out", out) == 0
    found = records(out)
    assert [Path(record["path"]).name for record in found] == ["001.png", "a.png", "a.png", "none.png"]
    assert [record["decision"] == "refused" for record in found] == [False, False, False, True]
    # Without that column it is a file like any other, and no picture.
    manifest.write_text("file\na.png\n")
    assert read(small_bundle, manifest, "--out", out) == 1
    assert [record["path"] for record in records(out)] == [str(manifest)]

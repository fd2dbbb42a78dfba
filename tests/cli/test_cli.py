"""`python -m model`, as scripts call it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.__main__ import main
from model.cli import writers
from tests.conftest import ROOT, draw_chest
from tests.files.builders import dicom, encode, real

Run = Callable[..., tuple[int, list[dict[str, object]]]]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a picture, a DICOM file in a sub-folder, a text, a damaged picture and a hidden file."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    chest = draw_chest(np.random.default_rng(4), "covid19")
    (folder / "a.png").write_bytes(encode(chest, "PNG"))
    (folder / "b.wrong").write_bytes(encode(chest, "JPEG"))
    (folder / "below" / "c").write_bytes(dicom(chest))
    (folder / "d.txt").write_text("no picture")
    (folder / "e.png").write_bytes(encode(chest, "PNG")[:500])
    (folder / ".hidden").write_text("x")
    return folder


@pytest.fixture
def run(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, list[dict[str, object]]]:
        code = main(["read", *map(str, arguments), "--bundle", str(small_bundle)])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return call


def test_a_folder_gives_one_object_a_file(run: Run, pictures: Path) -> None:
    code, found = run(pictures)
    assert code == 0
    names = [str(record["path"]).removeprefix(f"{pictures}/") for record in found]
    assert names == ["a.png", "b.wrong", "d.txt", "e.png", "below/c"]
    decisions = dict(zip(names, (record["decision"] for record in found), strict=True))
    assert decisions["d.txt"] == decisions["e.png"] == "refused"
    assert {decisions[name] for name in ("a.png", "b.wrong", "below/c")} <= {"covid19", "other", "normal", "uncertain"}
    for record in found:
        assert {"path", "decision", "scores", "logits", "reasons", "seconds", "bundle"} <= set(record)
        assert record["reasons"]


def test_a_zip_gives_one_object_a_picture_in_it(run: Run, pictures: Path, tmp_path: Path) -> None:
    path = pictures / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(pictures / "a.png", "x/a.png")
        archive.write(pictures / "d.txt", "../d.txt")
        archive.write(pictures / ".hidden", ".hidden")
    (pictures / "half.zip").write_bytes(path.read_bytes()[:-30])
    code, found = run(path, pictures / "half.zip", "--heatmaps", tmp_path / "maps")
    assert code == 0
    assert [record["path"] for record in found] == [f"{path}/a.png", f"{path}/d.txt", str(pictures / "half.zip")]
    assert [record["decision"] == "refused" for record in found] == [False, True, True]
    assert "damaged or cut short" in str(found[2]["reasons"])
    assert len(list((tmp_path / "maps").iterdir())) == 1
    assert found[0]["sha256"] == hashlib.sha256((pictures / "a.png").read_bytes()).hexdigest()


def test_a_bad_file_is_a_line_and_one_good_file_is_enough(run: Run, pictures: Path) -> None:
    code, found = run(pictures / "none.png", pictures / "d.txt", pictures / "a.png")
    assert code == 0
    assert [record["decision"] for record in found][:2] == ["refused", "refused"]
    assert found[0]["reasons"] == ["There is no such file: check the path."]


def test_nothing_read_is_code_1(run: Run, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pictures / "d.txt")[0] == 1
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == (1, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ["read"],
        [],
        ["nonsense"],
        ["read", "a.png", "--out", "out.xls"],
        ["read", "a.png", "--operating-point", "nonsense"],
        ["read", "a.png", "--out", "no/such/folder/out.jsonl"],
        ["read", "a.png", "--out", "no/such/folder/out.csv"],
    ],
)
def test_wrong_usage_is_code_2(
    arguments: list[str], small_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXR_BUNDLE", str(small_bundle))
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: python -m model" in capsys.readouterr().err


def test_no_bundle_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "a.png", "--bundle", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("There is no bundle in")


def test_out_writes_json_lines_or_a_table(run: Run, pictures: Path, tmp_path: Path) -> None:
    lines, table = tmp_path / "out.jsonl", tmp_path / "out.CSV"
    assert run(pictures, "--out", lines) == (0, [])
    assert run(pictures, "--out", table) == (0, [])
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [record["path"] for record in records]
    assert [row["decision"] for row in rows] == [record["decision"] for record in records]
    assert rows[0]["score_covid19"] == str(records[0]["scores"]["covid19"])


def test_heatmaps_are_written_for_what_was_read(run: Run, pictures: Path, tmp_path: Path) -> None:
    large = Image.fromarray(draw_chest(np.random.default_rng(5), "other", 400)).resize((3000, 1500))
    (pictures / "large.png").write_bytes(encode(large, "PNG"))
    (pictures / "lateral.dcm").write_bytes(dicom(draw_chest(np.random.default_rng(4), "other"), ViewPosition="LL"))
    code, found = run(pictures, "--heatmaps", tmp_path / "maps")
    assert code == 0
    # Decoded and yet refused: it has no heatmap.
    refused = next(record for record in found if str(record["path"]).endswith("lateral.dcm"))
    assert refused["decision"] == "refused" and "heatmap" not in refused
    named = {str(record["heatmap"]) for record in found if "heatmap" in record}
    assert named == {path.name for path in (tmp_path / "maps").iterdir()}
    assert len(named) == 4
    sizes = {Image.open(tmp_path / "maps" / name).size for name in named}
    assert sizes == {(96, 96), (1024, 512)}


def test_an_operating_point_by_name(run: Run, pictures: Path) -> None:
    _, found = run(pictures / "a.png", "--operating-point", "sensitivity_95")
    assert found[0]["operating_point"] == "sensitivity_95"


def test_files_that_are_too_long_are_not_even_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "disc.img"
    with path.open("wb") as file:
        file.truncate(10_000_000_000)
    code, found = run(path)
    assert code == 1
    assert "10000 MB and the limit is 64 MB" in str(found[0]["reasons"])


def test_what_is_no_file_is_refused(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code, found = run(tmp_path / "pipe")
    assert code == 1
    assert "neither a file nor a folder" in str(found[0]["reasons"])


def test_what_can_not_be_opened_is_refused(run: Run) -> None:
    # Permissions would not stop root, as whom tests run in containers; this file fails for everybody.
    unreadable = Path("/proc/self/mem")
    if not unreadable.exists():
        pytest.skip("needs Linux for a file that can't be read")
    code, found = run(unreadable)
    assert code == 1
    assert "The file can't be opened" in str(found[0]["reasons"])


def test_no_tag_of_the_patient_is_in_the_output(run: Run, tmp_path: Path) -> None:
    chest = draw_chest(np.random.default_rng(4), "normal")
    (tmp_path / "x.dcm").write_bytes(dicom(chest, PatientName="Musterfrau^Erika", PatientID="M-123"))
    code, found = run(tmp_path / "x.dcm")
    assert code == 0
    assert "Muster" not in str(found) and "M-123" not in str(found)


def test_the_card_in_words_and_as_json(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "--bundle", str(small_bundle)]) == 0
    assert "Operating points:" in capsys.readouterr().out
    assert main(["card", "--json", "--bundle", str(small_bundle)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((small_bundle / "card.json").read_text())


def test_a_process_prints_lines_and_returns_the_code(small_bundle: Path, pictures: Path) -> None:
    environment = os.environ | {"CXR_BUNDLE": str(small_bundle)}
    command = [sys.executable, "-m", "model", "read", str(pictures)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 5
    assert " of 5" not in done.stderr  # no progress bar where nobody looks
    assert "Traceback" not in done.stderr


def test_a_reader_of_the_lines_may_stop_early(small_bundle: Path, pictures: Path) -> None:
    environment = os.environ | {"CXR_BUNDLE": str(small_bundle)}
    command = [sys.executable, "-m", "model", "read", *[str(pictures)] * 5]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert process.returncode == 0
    assert "Traceback" not in errors and "BrokenPipe" not in errors


def test_ctrl_c_keeps_what_was_read(small_bundle: Path, pictures: Path, tmp_path: Path) -> None:
    maps, out = tmp_path / "maps", tmp_path / "out.csv"
    command = [sys.executable, "-m", "model", "read", *[str(pictures / "a.png")] * 20_000]
    command += ["--bundle", str(small_bundle), "--heatmaps", str(maps), "--out", str(out)]
    # A worker of pytest-xdist ignores Ctrl-C, and its processes would too.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        while process.poll() is None and not (maps.exists() and any(maps.iterdir())):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        errors = process.stderr.read()
    assert process.returncode == 130
    assert "what was read before is kept" in errors and "Traceback" not in errors
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["decision"] != "refused" for row in rows)
    assert len(rows) < 20_000


def test_a_terminal_shows_words_and_a_progress_bar(small_bundle: Path, pictures: Path) -> None:
    pty = pytest.importorskip("pty")
    terminal, end = pty.openpty()
    environment = os.environ | {"CXR_BUNDLE": str(small_bundle)}
    command = [sys.executable, "-m", "model", "read", str(pictures)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=end, stderr=end) as process:
        os.close(end)
        shown = io.BytesIO()
        try:
            while chunk := os.read(terminal, 4096):
                shown.write(chunk)
        except OSError:  # Linux says so when the other end closes
            pass
    os.close(terminal)
    text = shown.getvalue().decode()
    assert process.returncode == 0
    assert "2 of 5" in text and "5 files in" in text
    assert "refused" in text and re.search(r"covid19 [01]\.\d\d", text)
    assert '{"path"' not in text


def test_the_sample_is_read_from_end_to_end(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sample.dcm").write_bytes(real("RG1_UNCR.dcm"))
    code, found = run(tmp_path / "sample.dcm")
    assert code == 0
    assert found[0]["decision"] != "refused"


def test_a_long_name_is_cut_for_its_heatmap_and_stays_unique(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for seed, letter in enumerate("ab"):
        png = encode(draw_chest(np.random.default_rng(seed), "normal"), "PNG")
        (tmp_path / "in" / ("胸" * 80 + letter + ".png")).write_bytes(png)
    code, records = run(tmp_path / "in", "--heatmaps", tmp_path / "maps")
    assert code == 0 and len({record["heatmap"] for record in records}) == 2
    assert {path.name for path in (tmp_path / "maps").iterdir()} == {record["heatmap"] for record in records}
    assert writers.short_name("x" * 250, ".png") != writers.short_name("x" * 251, ".png")
    assert len(os.fsencode(writers.short_name("x" * 300, ".png"))) == 255


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_closed_streams_are_no_fault(small_bundle: Path, pictures: Path, closed: str) -> None:
    command = f'"{sys.executable}" -m model read "{pictures}/a.png" --bundle "{small_bundle}" {closed}'
    run = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0 and "Traceback" not in run.stderr


def test_what_is_passed_over_is_counted(small_bundle: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(pictures), "--bundle", str(small_bundle)]) == 0
    assert "Passed over: 1 hidden." in capsys.readouterr().err


def test_a_refused_resumption_leaves_nothing_behind(small_bundle: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "old.csv"
    out.write_text("a,table,of,something,else\n")
    with pytest.raises(SystemExit):
        main(["read", str(pictures), "--out", str(out), "--resume", "--bundle", str(small_bundle)])
    assert [path.name for path in tmp_path.iterdir() if path != pictures] == ["old.csv"]

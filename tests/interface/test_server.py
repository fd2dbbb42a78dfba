"""The real server and visitors that come and go: nothing stays on a disk, nobody takes the server along."""

from __future__ import annotations

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks.images import crops
from interface.core import loading
from scripts.serving import Server, Watch, serve, watch
from scripts.visitor import Visitor
from tests.conftest import ROOT
from tests.files.builders import dicom

MARKER = b"MUSTERFRAU-8f3c51"


@dataclass(frozen=True)
class Watched:
    """A server with a home and a folder for temporary files of its own."""

    server: Server
    opened: Watch
    folders: tuple[Path, ...]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    base = tmp_path_factory.mktemp("watched")
    folders = tuple(base / name for name in ("home", "temporary", "cache"))
    for folder in folders:
        folder.mkdir()
    opened = watch(base / "watch")
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in zip(("HOME", "TMPDIR", "XDG_CACHE_HOME"), folders, strict=True):
            patch.setenv(name, str(folder))
        for name, value in opened.environment.items():
            patch.setenv(name, value)
        patch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", "1")
        with serve(base / "log.txt") as server:
            yield Watched(server, opened, folders)


def chest(seed: int, side: int = 400) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(next(crops(1, seed, side))).save(buffer, "PNG")
    return buffer.getvalue()


def marked_png() -> bytes:
    """Over 1 MB, not compressed: the marker stands in a text, and as it is in the bytes of the pixels."""
    pixels = next(crops(1, 1, 1300))
    pixels[5, : len(MARKER)] = np.frombuffer(MARKER, np.uint8)
    text = PngInfo()
    text.add_text("Comment", MARKER.decode())
    buffer = io.BytesIO()
    # With a palette of greys, since Pillow writes the bytes of those pixels as they are.
    Image.fromarray(pixels).convert("P").save(buffer, "PNG", compress_level=0, pnginfo=text)
    assert buffer.getvalue().count(MARKER) == 2 and len(buffer.getvalue()) > 2**20
    return buffer.getvalue()


def marked_dicom() -> bytes:
    pixels = next(crops(1, 2, 1300))
    pixels[5, : len(MARKER)] = np.frombuffer(MARKER, np.uint8)
    data = dicom(pixels, PatientName=MARKER.decode(), PatientID=MARKER.decode())
    assert data.count(MARKER) == 3
    return data


def open_files(pid: int) -> list[Path]:
    """What a process has open on a disk, with files that have no name any more."""
    found = Path(f"/proc/{pid}/fd")
    if not found.exists():
        pytest.skip("needs Linux to see a process's open files")
    return [link for link in found.iterdir() if link.is_file()]


def holds_marker(path: Path) -> bool:
    try:
        return MARKER in path.read_bytes()
    except OSError:  # gone meanwhile
        return False


def new_files(since: float, *folders: Path) -> Iterator[Path]:
    for folder in folders:
        for place, below, names in os.walk(folder):
            below[:] = [name for name in below if not name.startswith(".") and name not in ("runs", "__pycache__")]
            for path in (Path(place, name) for name in names):
                if path.is_file() and path.stat().st_mtime >= since:
                    yield path


def test_nothing_of_a_picture_stays_when_its_visitor_has_gone(watched: Watched) -> None:
    server, since = watched.server, time.time() - 1
    name = MARKER.decode()
    files = [(f"{name}.png", marked_png()), (f"{name}.dcm", marked_dicom()), ("cut.dcm", marked_dicom()[:100_000])]
    with Visitor(server) as visitor:
        visitor.read(*files)
        shown = " ".join(visitor.seen.texts)
        assert f"{name}\\.png".replace("-", "\\-") in shown and "cut\\.dcm was not read" in shown
        address = server.url + visitor.seen.download("Reading (JSON)")
        sha256 = {hashlib.sha256(data).hexdigest() for _, data in files}
        assert visitor.reading()["sha256"] in sha256
        assert not [path for path in open_files(server.pid) if holds_marker(path)]
    time.sleep(1.5)  # the session's last second
    with Visitor(server):
        pass
    assert watched.opened.read("card.json") > 0, "the watch saw nothing at all"
    assert watched.opened.written() == []
    assert watched.opened.called() == []
    assert name not in server.log.read_text(errors="replace")
    assert not [path for path in open_files(server.pid) if holds_marker(path)]
    assert not [path for path in new_files(since, ROOT, *watched.folders) if holds_marker(path)]
    until_gone(address)


def until_gone(address: str) -> None:
    """What a page offered for download must not outlive its session."""
    with pytest.raises(urllib.error.HTTPError, match="404"):  # noqa: PT012 - it may take a moment
        for _ in range(100):
            urllib.request.urlopen(address, timeout=10).close()
            time.sleep(0.1)


def test_the_watch_sees_files_without_a_name_and_calls(tmp_path: Path) -> None:
    seen = watch(tmp_path / "watch")
    code = (
        "import socket, tempfile\n"
        "file = tempfile.SpooledTemporaryFile(10); file.write(bytes(11)); open('a.txt', 'w')\n"
        "socket.socket().connect_ex(('127.0.0.1', 9))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | seen.environment, check=True)
    assert len(seen.written()) >= 2 and "a.txt" in seen.written()
    assert seen.called() == ["('127.0.0.1', 9)"]


def test_visitors_at_once_each_get_their_own_reading(watched: Watched) -> None:
    def visit(number: int) -> None:
        with Visitor(watched.server) as visitor:
            for index in range(2):
                data, name = chest(10 * number + index), f"s{number}p{index}"
                seen = visitor.read((f"{name}.png", data))
                assert visitor.reading()["sha256"] == hashlib.sha256(data).hexdigest()
                assert set(re.findall(r"s\d+p\d+", " ".join(seen.texts))) == {name}

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(visit, range(3)))


def test_a_visitor_who_goes_away_in_the_middle_keeps_no_turn(watched: Watched) -> None:
    files = [(f"{number}.png", chest(number, 1500)) for number in range(4)]
    for _ in range(3):
        visitor = Visitor(watched.server)
        visitor.ask(visitor.upload(files))
        visitor.close()
    with Visitor(watched.server) as other:
        other.read(("own.png", chest(9)))
        assert other.reading()["sha256"] == hashlib.sha256(chest(9)).hexdigest()
    assert "Traceback" not in watched.server.log.read_text(errors="replace")


def test_a_connection_that_broke_for_a_moment_finds_its_pictures_again(watched: Watched) -> None:
    visitor = Visitor(watched.server)
    visitor.read(("picture11.png", chest(11)))
    visitor.close()
    with Visitor(watched.server, known_as=visitor.session_id) as back:
        assert back.session_id == visitor.session_id
        sha256 = back.reading()["sha256"]
        time.sleep(1.5)  # when it would have been forgotten, had it not come back
        back.run()
        assert back.reading()["sha256"] == sha256 == hashlib.sha256(chest(11)).hexdigest()
    time.sleep(1.5)
    with Visitor(watched.server, known_as=visitor.session_id) as late:
        assert late.session_id != visitor.session_id
        assert "picture11" not in " ".join(late.seen.texts)


@pytest.mark.slow
def test_a_server_that_was_killed_starts_again_and_left_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = watch(tmp_path / "watch")
    for name, value in opened.environment.items():
        monkeypatch.setenv(name, value)
    data = loading.sample()
    assert data is not None, loading.NO_SAMPLE
    with serve(tmp_path / "log.txt") as server:
        visitor = Visitor(server)
        visitor.ask(visitor.upload([("sample.dcm", data)] * 3))
        os.kill(server.pid, signal.SIGKILL)
    assert opened.written() == []
    with serve(tmp_path / "again.txt") as server, Visitor(server, known_as=visitor.session_id) as back:
        # The page that was left open finds the new server: an empty one, and it works.
        assert back.session_id != visitor.session_id
        back.read(("sample.dcm", data))
        assert back.reading()["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full (Linux)")
@pytest.mark.parametrize("to_file", [True, False], ids=["file", "standard output"])
def test_a_full_disk_is_a_sentence(tmp_path: Path, to_file: bool) -> None:
    (tmp_path / "a.png").write_bytes(chest(1))
    (tmp_path / "out.jsonl").symlink_to("/dev/full")
    command = [sys.executable, "-m", "model", "read", str(tmp_path / "a.png")]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command + (["--out", str(tmp_path / "out.jsonl")] if to_file else []),
            cwd=ROOT, stdout=subprocess.DEVNULL if to_file else full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert "No space left on device" in done.stderr and done.stderr.rstrip().endswith(".")

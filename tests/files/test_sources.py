"""`python -m model read` on what lies behind URLs (fsspec) and on a DICOMDIR, with the local engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from benchmarks.images import as_png, sample, windowed
from model.__main__ import main
from model.errors import Unreadable
from model.files import places, remote, sources
from model.files.dicom import dicomdir
from model.messages import Code
from tests.conftest import ROOT

NEEDED = "pip install -r requirements/archive.txt"
# S3 needs a server, whose packages only `make test-all` installs.
STORAGES = ["memory", pytest.param("s3", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three radiographs, a DICOM file, a text, a ZIP, and what is passed over."""
    top = tmp_path_factory.mktemp("pictures")
    (top / "b" / ".hidden").mkdir(parents=True)
    for number, data in enumerate(windowed(3)):
        (top / "ab"[number % 2] if number else top).mkdir(exist_ok=True)
        (top / ("a", "b")[number % 2] if number else top).joinpath(f"{number}.png").write_bytes(as_png(data, 160))
    (top / "scan").write_bytes(sample())
    (top / "b" / "DICOMDIR").write_bytes(b"")
    (top / "b" / "note.txt").write_text("no picture")
    (top / "b" / ".hidden" / "x.png").write_text("x")
    with zipfile.ZipFile(top / "two.zip", "w") as packed:
        packed.write(top / "0.png", "x/0.png")
        packed.write(top / "b" / "note.txt", "y/0.png")
    return top


@pytest.fixture
def nothing_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder for temporary files is another, and stays empty."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    yield
    assert list(temporary.iterdir()) == []


@pytest.fixture
def memory(folder: Path) -> Iterator[str]:
    """The folder in fsspec's storage in memory."""
    fsspec = pytest.importorskip("fsspec", reason=NEEDED)
    filesystem = fsspec.filesystem("memory")
    upload(filesystem, folder, "/archive")
    yield "memory://archive"
    filesystem.rm("/archive", recursive=True)


@pytest.fixture
def s3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The folder in a bucket of a server for S3 on this machine."""
    s3fs = pytest.importorskip("s3fs", reason=NEEDED)
    server_module = pytest.importorskip(
        "moto.server", reason="no server for S3: pip install -r requirements/test-all.txt"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        s3fs.S3FileSystem.clear_instance_cache()
        filesystem = s3fs.S3FileSystem()
        # The pretended storage outlives its server in this process.
        filesystem.makedirs("archive", exist_ok=True)
        upload(filesystem, folder, "archive")
        yield "s3://archive"
    finally:
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()


def upload(filesystem: Any, folder: Path, top: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            filesystem.pipe_file(f"{top}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def read(*arguments: object) -> int:
    return main(["read", *map(str, arguments)])


def records(out: Path, top: object = "") -> list[dict[str, Any]]:
    """The lines, with paths below a top and without the time that each took."""
    found = [json.loads(line) for line in out.read_text().splitlines()]
    return [{**one, "path": one["path"].removeprefix(f"{top}/" if top else ""), "seconds": 0} for one in found]


@pytest.mark.usefixtures("nothing_on_the_disk")
@pytest.mark.parametrize("storage", STORAGES)
def test_a_folder_behind_a_url_is_read_as_one_of_the_disk(
    storage: str, folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(storage)
    assert read(folder, "--out", tmp_path / "disk.jsonl") == 0
    assert read(url, "--out", tmp_path / "url.jsonl") == 0
    here, there = records(tmp_path / "disk.jsonl", folder), records(tmp_path / "url.jsonl", url)
    assert [one["path"] for one in here] == [
        *("0.png", "scan", "two.zip/0.png", "two.zip/0.png", "a/2.png", "b/1.png", "b/note.txt")
    ]
    assert there == here
    assert sum(one["decision"] != "refused" for one in here) >= 4


@pytest.mark.usefixtures("nothing_on_the_disk")
@pytest.mark.parametrize("storage", STORAGES)
def test_what_was_read_is_not_even_asked_for_again(
    storage: str, folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url, out = request.getfixturevalue(storage), tmp_path / "out.jsonl"
    manifest = tmp_path / "manifest.csv"
    names = [f"{url}/0.png", f"{url}/a/", str(folder / "scan"), f"{url}/none.png"]
    manifest.write_text("\n".join(["path", *names]))
    assert read(manifest, "--out", out) == 0
    before = out.read_bytes()
    decisions = {one["path"]: one["decision"] for one in records(out)}
    assert list(decisions) == [names[0], f"{url}/a/2.png", names[2], names[3]]
    assert [one == "refused" for one in decisions.values()] == [False, False, False, True]
    filesystem, path = __import__("fsspec").core.url_to_fs(url)
    filesystem.rm(f"{path}/0.png")
    assert read(manifest, "--out", out, "--resume") == 0
    assert out.read_bytes() == before


def test_a_manifest_behind_a_url_names_what_lies_beside_it(memory: str, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason=NEEDED)
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe_file(
        "/archive/list.csv", b"\xef\xbb\xbflabel,path\r\nnormal,a/2.png\r\n,\r\nx,memory://archive/0.png"
    )
    assert read(f"{memory}/list.csv", "--out", tmp_path / "out.jsonl") == 0
    assert [one["path"] for one in records(tmp_path / "out.jsonl", memory)] == ["a/2.png", "0.png"]


def test_a_file_that_is_too_long_is_not_fetched(memory: str, tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason=NEEDED).filesystem("memory").pipe_file("/archive/disc.img", bytes(65_000_000))
    assert read(f"{memory}/disc.img", "--out", tmp_path / "out.jsonl") == 1
    assert "65 MB and the limit is 64 MB" in records(tmp_path / "out.jsonl")[0]["reasons"][0]


def test_a_storage_that_fails_is_asked_again_and_then_the_run_stops(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fsspec = pytest.importorskip("fsspec", reason=NEEDED)
    monkeypatch.setattr(remote, "WAITS", [0.0, 0.0])
    failures = {"/archive/a/2.png": 2}

    class Failing(type(fsspec.filesystem("memory"))):  # type: ignore[misc]
        """The storage in memory behind a network that breaks."""

        protocol = "failing"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(super()._strip_protocol(path.replace("failing://", "memory://")))

        def open(self, path: str, *arguments: Any, **options: Any) -> Any:
            if failures.get(path, 0) > 0:
                failures[path] -= 1
                raise ConnectionResetError("secret=1")
            return super().open(path, *arguments, **options)

    fsspec.register_implementation("failing", Failing, clobber=True)
    url, out = memory.replace("memory", "failing"), tmp_path / "out.jsonl"
    assert read(url, "--out", out) == 0
    whole = records(out)
    assert len(whole) == 7 and failures == {"/archive/a/2.png": 0}
    failures["/archive/a/2.png"] = 3
    assert read(url, "--out", out) == 1
    said = capsys.readouterr().err
    assert "does not answer as it should (ConnectionResetError)" in said and "--resume" in said and "secret" not in said
    assert records(out) == whole[:4]
    assert read(url, "--out", out, "--resume") == 0
    assert records(out) == whole


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense://a/b", "is no URL that can be read"),
        ("simplecache::memory://a", "is a chain of URLs"),
        ("ftp://me:secret@example.org/a", "The URL holds a password"),
    ],
)
def test_a_wrong_url_is_wrong_usage(url: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fsspec", reason=NEEDED)
    with pytest.raises(SystemExit) as stop:
        read("a.png", url) if "::" not in url else read(url)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert sentence in said and "secret" not in said


@pytest.mark.parametrize(
    ("url", "missing", "package"),
    [
        ("s3://a", "fsspec.core", "fsspec and s3fs"),
        ("gs://a", "gcsfs", "pip install gcsfs"),
    ],
)
def test_a_missing_package_is_named(
    url: str, missing: str, package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as stop:
        read(url)
    assert stop.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert package in said and "pip install -r requirements/archive.txt" in said


def test_options_that_do_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, sentence in (
        (["--engine", "ray"], "name a folder or URL for them with --out"),
        (["--engine", "ray", "--out", "a.csv"], "name a folder or URL for them with --out"),
        (["--engine", "ray", "--out", "a", "--heatmaps", "b"], "--heatmaps goes with --engine local"),
        (["--engine", "ray", "--out", "a", "--processes", "0"], "must be 1 or more"),
        (["--processes", "2"], "go with --engine ray"),
        (["--out", "file://elsewhere/a.jsonl"], "names another computer"),
        (["--out", ""], "no such file"),
    ):
        with pytest.raises(SystemExit) as stop:
            read(tmp_path, *arguments)
        assert stop.value.code == 2
        assert sentence in " ".join(capsys.readouterr().err.split())


def test_without_ray_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "model.cli.ray.engine", raising=False)
    with pytest.raises(SystemExit) as stop:
        read(tmp_path, "--engine", "ray", "--out", tmp_path / "out")
    assert stop.value.code == 2
    assert "ray is missing" in " ".join(capsys.readouterr().err.split())


def test_a_dicomdir_stands_for_its_pictures() -> None:
    found = get_testdata_file("dicomdirtests/DICOMDIR") or get_testdata_file("DICOMDIR")
    if not found:
        pytest.skip("pydicom's DICOMDIR is not installed")
    path = Path(str(found))
    named = list(sources.files(path))
    assert named == dicomdir.pictures(path)
    assert len(named) > 20 and all(isinstance(one, Path) and one.is_file() for one in named)
    # In a folder they are met anyway, and the table of contents is no picture.
    below = list(sources.files(path.parent))
    assert set(map(str, named)) <= set(map(str, below)) and path not in below


def test_a_damaged_dicomdir_is_a_file_like_any_other(tmp_path: Path) -> None:
    found = get_testdata_file("dicomdirtests/DICOMDIR") or get_testdata_file("DICOMDIR")
    if not found:
        pytest.skip("pydicom's DICOMDIR is not installed")
    path = tmp_path / "DICOMDIR"
    for content in (b"", b"no table", Path(str(found)).read_bytes()[:300]):
        path.write_bytes(content)
        assert list(sources.files(path)) == [path]


def test_a_dicomdir_leads_nowhere_else(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    records = []
    for number, parts in enumerate((["A", "B"], ["..", "B"], "A", ["A/B"], None)):
        record = pydicom.Dataset()
        record.DirectoryRecordType, record.RecordInUseFlag = "IMAGE", 0 if number == 2 else 0xFFFF
        if parts is not None:
            record.ReferencedFileID = parts
        records.append(record)
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = (
        pydicom.uid.MediaStorageDirectoryStorage,
        "1.2.3",
    )
    dataset.DirectoryRecordSequence = records
    # As some systems show a disc.
    path = tmp_path / "dicomdir"
    dataset.save_as(path, enforce_file_format=True)
    assert dicomdir.pictures(path) == [tmp_path / "A" / "B"]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"")
    assert list(sources.files(path)) == [tmp_path / "a" / "b"]


def test_a_linked_folder_is_entered_once_and_a_loop_ends(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"a")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "first").symlink_to(tmp_path / "real")
    (tmp_path / "top" / "second").symlink_to(tmp_path / "real")
    (tmp_path / "top" / "self").symlink_to("self")
    (tmp_path / "top" / "up").symlink_to(tmp_path / "top")
    (tmp_path / "top" / ".hidden").write_bytes(b"")
    skipped = places.Skipped()
    listed = [str(path) for path in sources.files(tmp_path / "top", frozenset([tmp_path / "other"]), skipped)]
    assert listed == [str(tmp_path / "top" / "self"), str(tmp_path / "top" / "first" / "a.png")]
    assert skipped == {sources.LINKED_TWICE: 2, sources.HIDDEN: 1}


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("path;label\na.png;normal\n", ["a.png"]),
        ("label\tpath\nnormal\ta.png\n", ["a.png"]),
        ("\ufeffpath\na.png\n", ["a.png"]),
        (f"path\n{'x' * 300}\na.png\n", ["x" * 300, "a.png"]),
        ("name| Path \nx|a.png\n", ["a.png"]),
        ("sep=;\r\npath;label\r\na,b.png;normal\r\n", ["a,b.png"]),
        ("label,path\nnormal\nnormal,\n\nnormal,a.png,more\n", ["a.png"]),
        ('path\r"a\nb.png"\rc.png\r', ["a\nb.png", "c.png"]),
    ],
    ids=["semicolons", "tabs", "byte order mark", "a name that no file has", "bars", "Excel", "short rows", "old Mac"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_manifest_of_any_spreadsheet_is_read(tmp_path: Path, content: str, names: list[str], encoding: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content.removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding))
    skipped = places.Skipped()
    assert [str(place) for place in sources.files(path, skipped=skipped)] == [str(tmp_path / name) for name in names]
    assert skipped == ({places.NAMELESS: 2} if "normal\nnormal,\n" in content else {})


def test_a_manifest_in_the_older_encoding_of_windows_names_files_of_today(tmp_path: Path) -> None:
    (tmp_path / "Tórax.png").write_bytes(b"x")
    (tmp_path / "list.csv").write_bytes("path\nTórax.png\n".encode("latin-1"))
    assert list(sources.files(tmp_path / "list.csv")) == [tmp_path / "Tórax.png"]


@pytest.mark.parametrize("rows", [1, 6000])
def test_a_quote_that_never_ends_is_one_refusal_that_names_its_row(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "list.csv"
    path.write_text('path\na.png\n"b.png\n' + "/data/pictures/patient/study.png\n" * rows)
    first, broken = sources.files(path)
    assert str(first) == str(tmp_path / "a.png")
    assert isinstance(broken, places.Unlisted) and "from line 3 on" in str(broken.reason)
    with pytest.raises(Unreadable, match="is never closed"):
        next(iter(sources.unpacked(broken)))[1]()


def test_addresses_of_files_are_read_as_browsers_write_them(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c"
    for start in ("file://", "file://localhost", "file:", "FILE://"):
        assert places.place(folder.as_uri().replace("file://", start)) == folder
    elsewhere = places.place("file://elsewhere/a.png")
    assert isinstance(elsewhere, places.Unlisted) and str(elsewhere) == "file://elsewhere/a.png"


def test_no_name_is_no_file_and_not_the_current_folder() -> None:
    nothing = places.place("")
    assert isinstance(nothing, places.Unlisted) and nothing.reason.code == Code.FILE_MISSING


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv, from util-linux, to be no root")
def test_a_closed_folder_is_a_refusal_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "a.png").write_bytes(b"a")
    (tmp_path / "z.png").write_bytes(b"z")
    (tmp_path / "closed").chmod(0)
    code = (
        "import sys; from pathlib import Path; from model.files import sources\n"
        "for name in sys.argv[1:]:\n"
        "    for path in sources.files(Path(name)):\n"
        "        for shown, load in sources.unpacked(path):\n"
        "            try:\n                print(shown, load())\n"
        "            except sources.Unreadable as error:\n                print(shown, error)\n"
    )
    powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    command = [*powerless, sys.executable, "-c", code, str(tmp_path), str(tmp_path / "closed" / "a.png")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (tmp_path / "closed").chmod(0o700)
    listed, closed, direct = run.stdout.splitlines()
    assert listed == f"{tmp_path}/z.png b'z'"
    assert closed == f"{tmp_path}/closed The folder can't be opened (Permission denied): check who may read it."
    assert direct == f"{tmp_path}/closed/a.png The file can't be opened (Permission denied): check who may read it."

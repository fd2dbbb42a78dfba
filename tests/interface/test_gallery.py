"""The gallery: what is listed, and a real server that answers well, wrongly, too much, too little or not at all."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from interface.gallery import cards, download, store
from interface.gallery.download import Rules, Unfetched
from interface.gallery.store import Gallery, Picture
from scripts import pin_gallery
from tests.files.builders import real
from tests.hosts import COMMIT, HERE, LOCAL, RIGHT, SILENCE, Host

pytestmark = pytest.mark.usefixtures("straight")


def picture(url: str) -> Picture:
    """One whose file is RIGHT."""
    return replace(store.listed()[0], url=url, sha256=hashlib.sha256(RIGHT).hexdigest(), bytes=len(RIGHT))


def test_the_list_is_whole_and_every_sum_a_sum() -> None:
    raw = json.loads(store.LIST.read_text(encoding="utf-8"))
    pictures = store.listed()
    assert len(raw) == len(pictures) > 0
    assert len({one.sha256 for one in pictures}) == len({one.title for one in pictures}) == len(pictures)
    for one in pictures:
        assert re.fullmatch(r"[0-9a-f]{64}", one.sha256)
        assert 0 < one.bytes <= store.MOST_BYTES
        assert download.PUBLIC.allow(one.url) and pin_gallery.PINNED.search(one.url)
        for url in (one.url, one.licence_url, one.page):
            assert urlsplit(url).scheme == "https" and urlsplit(url).hostname
        assert one.credit.strip() and one.licence.strip() and one.title.strip() and one.name
        assert one.view in cards.VIEWS and one.label in cards.LABELS
        assert not one.remark or one.remark in cards.REMARKS


def test_the_listed_sums_are_those_of_the_files_that_pydicom_ships() -> None:
    for one in store.listed():
        if "pydicom-data" in one.url:
            data = real(one.name)
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (one.sha256, one.bytes)


def test_the_right_file_comes_whole_and_says_how_far_it_is(host: Host) -> None:
    steps: list[int] = []
    assert store.fetch(picture(f"{host.address}/right"), LOCAL, steps.append) == RIGHT
    assert steps == sorted(steps) and steps[-1] == len(RIGHT)
    assert store.fetch(picture(f"{host.address}/onwards"), LOCAL) == RIGHT


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("wrong", store.CHANGED),
        ("shorter", store.CHANGED),
        ("longer", download.TOO_LONG),
        ("endless", download.TOO_LONG),
        ("cut", download.CUT),
        ("missing", download.GONE),
        ("silent", download.SLOW),
        ("elsewhere", download.ELSEWHERE),
        ("to_a_file", download.ELSEWHERE),
    ],
)
def test_anything_else_gives_its_sentence(host: Host, name: str, sentence: str) -> None:
    with pytest.raises(Unfetched) as raised:
        store.fetch(picture(f"{host.address}/{name}"), LOCAL)
    assert raised.value.sentence == sentence
    assert HERE in str(raised.value) and "{" not in str(raised.value)
    assert host.asked == [name], "it must not be sent on"


def test_a_host_that_drips_is_given_up(host: Host) -> None:
    with pytest.raises(Unfetched) as raised:
        store.fetch(picture(f"{host.address}/drip"), replace(LOCAL, patience=SILENCE))
    assert raised.value.sentence == download.SLOW


def test_without_a_network_it_says_so() -> None:
    with socket.socket() as closed:
        closed.bind((HERE, 0))  # bound and not listening: nobody answers there
        with pytest.raises(Unfetched) as raised:
            store.fetch(picture(f"http://{HERE}:{closed.getsockname()[1]}/{COMMIT}/right"), LOCAL)
    assert raised.value.sentence == download.NO_NETWORK


@pytest.mark.parametrize(
    "url",
    [
        "http://github.com/a",
        "https://github.com.example.org/a",
        "https://github.com@example.org/a",
        "https://somebody@github.com/a",
        "file:///etc/hostname",
        "https://127.0.0.1/a",
        "/a",
    ],
)
def test_only_known_hosts_are_asked_and_only_over_https(url: str) -> None:
    assert not download.PUBLIC.allow(url)
    with pytest.raises(Unfetched) as raised:
        download.download(url, 10)
    assert raised.value.sentence == download.ELSEWHERE


def test_a_fetched_picture_is_kept_and_those_who_wait_share_it(host: Host) -> None:
    shared = Gallery(LOCAL)
    first = [shared.begin(picture(f"{host.address}/right")) for _ in range(5)]
    assert all(one.future.result(20) == RIGHT for one in first)
    again = shared.begin(picture(f"{host.address}/right"))
    assert again.ready(0) and again.received == len(RIGHT) and again.future.result() == RIGHT
    assert host.asked == ["right"]


def test_no_more_is_kept_than_there_is_room_for(host: Host) -> None:
    shared = Gallery(LOCAL, room=len(RIGHT) - 1)
    for _ in range(2):
        assert shared.begin(picture(f"{host.address}/right")).future.result(20) == RIGHT
    assert host.asked == ["right", "right"]


def test_a_failure_is_not_kept(host: Host) -> None:
    shared = Gallery(LOCAL)
    with pytest.raises(Unfetched):
        shared.begin(picture(f"{host.address}/later")).future.result(20)
    host.files["later"] = RIGHT
    assert shared.begin(picture(f"{host.address}/later")).future.result(20) == RIGHT


def test_nobody_waits_for_ever(host: Host) -> None:
    shared = Gallery(replace(LOCAL, silence=60, patience=-2 * store.GRACE))
    fetching = shared.begin(picture(f"{host.address}/silent"))
    assert not fetching.ready(0) and shared.is_late(fetching)
    assert not Gallery(LOCAL).is_late(fetching)


def pin(url: str, path: Path, rules: Rules = LOCAL) -> int:
    """Run the script as its command does."""
    links = ["--licence-url", "http://127.0.0.1/licence", "--page", "http://127.0.0.1/page"]
    told = [url, "--title", "New", "--credit", "Somebody", "--licence", "CC BY 3.0", "--view", "PA", *links]
    return pin_gallery.main([*told, "--list", str(path)], rules)


def test_a_picture_is_pinned_in_one_command(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CXR_BUNDLE", raising=False)
    path = tmp_path / "gallery.json"
    path.write_text("[]")
    rules = replace(LOCAL, silence=20)
    host.files |= {"RG1.dcm": real("RG1_J2KI.dcm"), "RG3.dcm": real("RG3_J2KI.dcm"), "a.png": b"no picture"}
    assert pin(f"{host.address}/RG1.dcm", path, rules) == 0
    (new,) = store.listed(path)
    assert store.fetch(new, rules) == real("RG1_J2KI.dcm")
    assert (new.title, new.licence, new.view, new.label) == ("New", "CC BY 3.0", "PA", "none")
    before = path.read_text()
    for url, why in [
        (f"{host.address}/RG1.dcm", "already"),
        (f"{host.address}/RG3.dcm", "choose a frontal chest radiograph"),
        (f"{host.address}/a.png", "text and not a picture"),
        (f"{host.address}/none.png", "HTTP 404"),
        (f"{host.address.replace(COMMIT, 'main')}/RG1.dcm", "may change"),
        ("https://example.org/RG1.dcm", "no address of http"),
    ]:
        capsys.readouterr()
        assert pin(url, path, rules) == 1
        assert why in capsys.readouterr().err
    assert path.read_text() == before

"""The link to a classroom behind the proxy: it leads to the replica with the room, also a visitor of another one."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from interface.classroom import link
from scripts import serving


class Replica(BaseHTTPRequestHandler):
    """Says which one it is; the proxy asks it whether it is well as it asks the app."""

    name: str

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.name} {self.path}".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest shows what matters."""


class Browser:
    """One visitor with a jar for cookies."""

    def __init__(self) -> None:
        self.jar = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.jar)
        )

    def open(self, url: str) -> tuple[str, str]:
        """Which replica answers, and for which path, after the proxy sent it on."""
        with self._opener.open(url, timeout=30) as answer:
            replica, path = answer.read().decode().split()
            return replica, path

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.jar}


@pytest.fixture
def front(tmp_path: Path) -> Iterator[str]:
    """The address of the proxy before two replicas."""
    with ExitStack() as stack:
        ports = []
        for number in ("one", "two"):
            handler = type(number, (Replica,), {"name": number})
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            ports.append(server.server_port)
        try:
            yield stack.enter_context(serving.proxy(ports, tmp_path / "proxy")).url
        except FileNotFoundError as error:
            pytest.skip(str(error))


def two_visitors(front: str) -> tuple[Browser, Browser]:
    """Visitors of different replicas."""
    visitors: dict[str, Browser] = {}
    # The proxy may not have heard of one of them yet when it first answers.
    for _ in range(200):
        visitor = Browser()
        visitors.setdefault(visitor.open(front)[0], visitor)
        if len(visitors) == 2:
            return visitors["one"], visitors["two"]
    raise AssertionError(f"only {set(visitors)} answers")


def test_the_link_leads_whoever_opens_it_to_the_lecturers_replica(front: str) -> None:
    lecturer, other = two_visitors(front)
    home = lecturer.open(front)[0]
    url = link.to_room(f"{front}/classroom", "ABC23", lecturer.cookies)
    for student in (other, *(Browser() for _ in range(4))):
        assert student.open(url) == (home, "/classroom?room=ABC23")
        assert student.open(f"{front}/_stcore/stream")[0] == home, "what the page asks for next goes there too"


def test_who_typed_the_code_on_the_wrong_replica_can_go_to_the_other(front: str) -> None:
    student, _ = two_visitors(front)
    before = student.open(front)[0]
    relative = link.elsewhere("ABC23", student.cookies)
    # The proxy does not take strict turns: each try gets either replica.
    seen = {student.open(f"{front}/classroom{relative}") for _ in range(20)}
    assert {path for _, path in seen} == {"/classroom?room=ABC23"}
    assert {name for name, _ in seen} - {before}, "one of the tries leads to the other replica"


@pytest.mark.parametrize("query", ["reader=x", "reader=", f"reader={'F' * 64}", f"reader={'a' * 64}%0d%0aX:y"])
def test_the_proxy_sets_no_cookie_of_another_form(front: str, query: str) -> None:
    visitor = Browser()
    assert visitor.open(f"{front}/classroom?room=ABC23&{query}")[1] == f"/classroom?room=ABC23&{query}"
    assert len(visitor.cookies["reader"]) == 64


def test_a_room_of_another_form_is_no_redirect(front: str) -> None:
    path = f"/classroom?room=a%26b&reader={'a' * 64}"
    assert Browser().open(front + path)[1] == path

"""A real server of this machine that answers well, wrongly, too much, too little or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from interface.gallery.download import Rules

HERE = "127.0.0.1"
COMMIT = "0" * 40
SILENCE = 0.3  # seconds
RIGHT = bytes(range(256)) * 2000


class Host(ThreadingHTTPServer):
    """A real server of this machine.

    Attributes:
        files: by name.
        asked: names that were asked for.
        ended: set at the end of the test.
    """

    def __init__(self) -> None:
        super().__init__((HERE, 0), Answers)
        self.files = {"right": RIGHT, "wrong": RIGHT[:-1] + b"!", "longer": RIGHT + b"!", "shorter": RIGHT[:-1]}
        self.asked: list[str] = []
        self.ended = threading.Event()

    @property
    def address(self) -> str:
        return f"http://{HERE}:{self.server_port}/{COMMIT}"


class Answers(BaseHTTPRequestHandler):
    """What the path asks for."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Host)
        name = self.path.rsplit("/", 1)[-1]
        self.server.asked.append(name)
        if name == "silent":
            self.server.ended.wait()
        elif name == "elsewhere":
            self._onwards(f"http://localhost:{self.server.server_port}/right")
        elif name == "onwards":
            self._onwards("/right")
        elif name == "to_a_file":
            self._onwards(Path(__file__).as_uri())
        elif name == "cut":
            self._send(RIGHT[:-1000], len(RIGHT))
        elif name in ("endless", "drip"):
            self._flow(self.server.ended, *((RIGHT, 0.0) if name == "endless" else (b".", SILENCE / 10)))
        elif name in self.server.files:
            self._send(self.server.files[name], len(self.server.files[name]))
        else:
            self.send_error(404)

    def _send(self, data: bytes, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        with suppress(OSError):  # who asked may have gone
            self.wfile.write(data)

    def _onwards(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.end_headers()

    def _flow(self, ended: threading.Event, data: bytes, pause: float) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while not ended.wait(pause):
                self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest shows what matters."""


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy a machine has is no part of a test."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


LOCAL = Rules(hosts=frozenset({HERE}), schemes=frozenset({"http"}), silence=SILENCE, patience=20)

"""The gallery on a real server: without a network a sentence, and over real HTTPS a picture that is read."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from interface.gallery import store
from scripts import serving
from scripts.screenshots import LAST_HEADINGS
from tests.browser.conftest import PATIENCE
from tests.browser.test_app import HEADLINE
from tests.files.builders import real

pytestmark = pytest.mark.browser
LAST = LAST_HEADINGS["data"]
# Those that the package pydicom-data has too, so that a test can give them out.
HERE = [picture for picture in store.listed() if "pydicom-data" in picture.url]
PUBLIC = "github.com"
CERTIFY = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout key.pem -out certificate.pem -addext"
)


class Internet(BaseHTTPRequestHandler):
    """A proxy that answers for the hosts of the gallery itself, over TLS with a certificate of the test."""

    tls: ssl.SSLContext

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        with self.tls.wrap_socket(self.connection, server_side=True) as inside, inside.makefile("rwb") as stream:
            path = stream.readline().split()[1].decode()
            while stream.readline().strip():
                pass
            if self.path == f"{PUBLIC}:443":
                stream.write(
                    f"HTTP/1.1 302 Found\r\nLocation: https://raw.githubusercontent.com{path}\r\n\r\n".encode()
                )
            else:
                data = real(path.rsplit("/", 1)[-1])
                stream.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            stream.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest shows what matters."""


@contextmanager
def behind(port: int, log: Path, **also: str) -> Iterator[serving.Server]:
    """The app on a server whose only way out is a proxy at that port of this machine."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            environment.delenv(name)
        for name, value in {"https_proxy": f"http://127.0.0.1:{port}", **also}.items():
            environment.setenv(name, value)
        with serving.serve(log) as running:
            yield running


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    """The app on a server without a network."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        with behind(closed.getsockname()[1], tmp_path_factory.mktemp("gallery") / "log.txt") as running:
            yield running


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[serving.Server]:
    """The app on a server that reaches the gallery's hosts, as the test plays them."""
    names = "subjectAltName=DNS:github.com,DNS:raw.githubusercontent.com"
    subprocess.run([*CERTIFY.split(), names], cwd=tmp_path, check=True, capture_output=True)

    class Own(Internet):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    Own.tls.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        certificate = str(tmp_path / "certificate.pem")
        with behind(proxy.server_port, tmp_path / "log.txt", SSL_CERT_FILE=certificate) as running:
            yield running
        proxy.shutdown()
        thread.join()


@pytest.fixture(params=[1280, 390])
def page(request: pytest.FixtureRequest, chromium: Browser, cut_off: serving.Server) -> Iterator[Page]:
    """A visitor of the page Data, at a desk and with a phone."""
    context = chromium.new_context(viewport={"width": request.param, "height": 900})
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(f"{cut_off.url}/data")
    opened.get_by_role("heading", name=LAST).wait_for()
    yield opened
    context.close()


def test_without_a_network_the_click_gives_a_sentence_and_the_page_stands(page: Page, cut_off: serving.Server) -> None:
    pictures = store.listed()
    for credit in {picture.credit: None for picture in pictures}:
        page.get_by_text(f"{credit} (").click()
    buttons = page.get_by_role("button", name="Load and read")
    expect(buttons).to_have_count(len(pictures))
    for picture in pictures:
        expect(page.get_by_role("link", name=picture.credit).first).to_have_attribute("href", picture.page)
    alert = page.get_by_role("alert").filter(has_text="can't be reached from this server")
    expect(alert).to_have_count(0)  # nothing is fetched before a click
    for picture in (pictures[0], pictures[-1], pictures[0]):
        button = page.get_by_role("button", name=f"Load and read {picture.title}", exact=True)
        button.focus()
        page.keyboard.press("Enter")
        card = page.get_by_test_id("stVerticalBlock").filter(has=button).last
        card.get_by_role("alert").wait_for()
        expect(alert).to_have_count(1)
        expect(page.get_by_role("heading", name=LAST)).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_count(0)
    wider = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, "the page is wider than the window"
    assert "Traceback" not in Path(cut_off.log).read_text(errors="replace")


@pytest.mark.slow
def test_over_https_a_picture_comes_and_is_read(chromium: Browser, connected: serving.Server) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{connected.url}/data")
    for picture in HERE:
        page.get_by_text(f"{picture.credit} (").click()
        page.get_by_role("button", name=f"Load and read {picture.title}", exact=True).click()
        page.get_by_role("heading", name=HEADLINE).wait_for()
        page.get_by_alt_text("The radiograph with the heatmap").wait_for()
        page.get_by_role("link", name="Data", exact=True).click()
        page.get_by_role("heading", name=LAST).wait_for()
    page.get_by_role("link", name="Read", exact=True).click()
    expect(page.get_by_role("group", name="Pictures in this session").get_by_role("button")).to_have_count(2)
    context.close()
    assert "Traceback" not in connected.log.read_text(errors="replace")

"""The container's own commands: one server that writes nothing beside itself, and two behind the proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from scripts import serving
from tests.browser.conftest import PATIENCE
from tests.deploy import containers

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HEATMAP = "The radiograph with the heatmap"


def read_sample(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name="Try a sample radiograph").click()
    page.get_by_alt_text(HEATMAP).wait_for()
    return page


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """What the image would hold."""
    containers.read_image().copy_into(tmp_path / "app")
    return tmp_path / "app"


@contextmanager
def container(app: Path, name: str) -> Iterator[containers.Container]:
    home = app.parent / name
    home.mkdir()
    with containers.run(containers.read_image(), app, home, serving.free_port()) as running:
        yield running


def test_it_reads_and_writes_nothing_beside_itself(chromium: Browser, app: Path) -> None:
    def content() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in app.rglob("*")}

    before = content()
    with container(app, "home") as one:
        context = chromium.new_context()
        context.set_default_timeout(PATIENCE)
        read_sample(context, f"http://127.0.0.1:{one.port}")
        context.close()
        assert one.is_healthy()
    assert content() == before
    assert not one.is_healthy(), "the check does not see that the server is gone"


def test_visitors_stay_with_their_replica_and_find_the_other_when_it_is_gone(chromium: Browser, app: Path) -> None:
    with ExitStack() as stack:
        replicas = [stack.enter_context(container(app, name)) for name in ("one", "two")]
        try:
            url = stack.enter_context(serving.proxy([one.port for one in replicas], app.parent / "proxy")).url
        except FileNotFoundError as error:
            pytest.skip(str(error))
        visitors: dict[str, Page] = {}
        # Which one a new visitor gets is by chance: that forty get the same one happens never.
        for _ in range(40):
            context = chromium.new_context()
            context.set_default_timeout(PATIENCE)
            context.request.get(url)
            cookie = next(one["value"] for one in context.cookies() if one["name"] == "reader")
            if cookie in visitors:
                context.close()
            else:
                visitors[cookie] = read_sample(context, url)
            if len(visitors) == 2:
                break
        assert len(visitors) == 2
        for page in visitors.values():
            # The reading is still there after the session went on with another request.
            page.get_by_role("link", name="How it works").click()
            page.get_by_role("heading", name="Grad-CAM by hand").wait_for()
            page.get_by_role("link", name="Read", exact=True).click()
            page.get_by_alt_text(HEATMAP).wait_for()
        replicas[0].process.kill()
        replicas[0].process.wait()
        for page in visitors.values():
            read_sample(page.context, url)

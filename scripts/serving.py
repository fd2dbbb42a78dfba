"""Start the real app on a free port, open it in a real browser, and see which files a process opens.

For tests, screenshots and measurements.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The sandbox needs rights that containers lack; the rest keeps the browser from talking to anyone but the app.
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_BROWSER = "no Chromium found: install the system's package chromium, or run `python -m playwright install chromium`"
NO_CADDY = "no Caddy found: install the system's package caddy"


# Python imports a module of this name, if there is one, before the program begins.
_HOOK = """
import os, sys
log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def watch(event, arguments):
    if event == "open" and not isinstance(arguments[0], int):
        path, _, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        os.write(log, f"{{'w' if writes else 'r'}} {{os.fsdecode(path)}}\\n".encode(errors="replace"))
    elif event == "socket.connect":
        os.write(log, f"c {{arguments[1]}}\\n".encode())
sys.addaudithook(watch)
"""


@dataclass(frozen=True)
class Server:
    """A running app.

    Attributes:
        url: where it answers.
        pid: of its process.
        started: `time.perf_counter()` when the process was started.
        log: file with what it printed.
    """

    url: str
    pid: int
    started: float
    log: Path


@contextmanager
def serve(
    log: Path,
    bundle: Path | None = None,
    patience: float = 60,
    *,
    python: str = sys.executable,
    inside: Callable[[list[str]], list[str]] = list,
) -> Iterator[Server]:
    """Run `streamlit run app.py` on a free port of this machine until the block ends.

    Args:
        log: where its output goes.
        bundle: folder of the bundle; default is the one that ships.
        patience: seconds to wait for the first answer.
        python: of the environment to run it in.
        inside: makes of the command one that runs it inside a limit.

    Yields:
        The server, ready to be opened.

    Raises:
        RuntimeError: it ended or did not answer in time; the message holds the end of its log.
    """
    port = free_port()
    environment = os.environ | ({"CXR_BUNDLE": str(bundle)} if bundle else {})
    command = [python, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(inside(command), cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        server = Server(f"http://127.0.0.1:{port}", process.pid, started, log)
        while not answers(server.url):
            if process.poll() is not None or time.perf_counter() - started > patience:
                raise RuntimeError(f"the app did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def proxy(ports: Sequence[int], home: Path) -> Iterator[Server]:
    """Run Caddy with the project's Caddyfile until the block ends.

    Args:
        ports: where the replicas listen, on the loopback address.
        home: a folder, made here, for its log and whatever it keeps.

    Yields:
        The proxy, as visitors see it.

    Raises:
        FileNotFoundError: there is no Caddy.
        RuntimeError: it ended at once; the message holds its log.
    """
    caddy = shutil.which("caddy")
    if caddy is None:
        raise FileNotFoundError(NO_CADDY)
    home.mkdir()
    url, log = f"http://127.0.0.1:{free_port()}", home / "log.txt"
    readers = " ".join(f"127.0.0.1:{port}" for port in ports)
    environment = os.environ | {"SITE": url, "READERS": readers, "HOME": str(home)}
    command = [caddy, "run", "--config", str(ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        while not answers(url, 5):
            if process.poll() is not None:
                raise RuntimeError(f"Caddy ended: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        yield Server(url, process.pid, started, log)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def browser() -> Iterator[Browser | None]:
    """A headless Chromium: the system's, or else Playwright's own; None where there is neither."""
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
        try:
            opened = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        except Error:
            opened = None
        try:
            yield opened
        finally:
            if opened is not None:
                opened.close()


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process, in megabytes of 1,000,000 bytes (Linux and macOS)."""
    if Path("/proc").exists():
        return memory_megabytes(pid, "VmRSS")
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout) * 1024 / 1e6


def memory_megabytes(pid: int, field: str) -> float:
    """A field of Linux's /proc/PID/status, such as "VmHWM"; elsewhere, and of a process that has ended, 0."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    values = [int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{field}:")]
    return round(values[0], 1) if values else 0.0


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def answers(url: str, seconds: float = 1) -> bool:
    """Whether the app behind an address says within some seconds that it is well."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=seconds) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@dataclass(frozen=True)
class Watch:
    """Give `environment` to the process.

    Attributes:
        environment: variables to add.
        log: what was opened or called, one line each.
    """

    environment: dict[str, str]
    log: Path

    def written(self) -> list[str]:
        """Paths that were opened for writing, temporary files without a name by their folder."""
        return self._opened("w ")

    def read(self, name: str) -> int:
        """How often files of this name were opened for reading."""
        return sum(Path(path).name == name for path in self._opened("r "))

    def called(self) -> list[str]:
        """Addresses that the process itself connected to."""
        return self._opened("c ")

    def _opened(self, kind: str) -> list[str]:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return [line[2:] for line in lines if line.startswith(kind) and line[2:] != "/dev/null"]


def watch(folder: Path) -> Watch:
    """Prepare to watch a process.

    Args:
        folder: empty, for the hook and its log.

    Returns:
        What to start the process with, and what will have been seen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "opened.log"
    (folder / "sitecustomize.py").write_text(_HOOK.format(log=str(log)), encoding="utf-8")
    # Compiled modules are written at the first import and are no news.
    return Watch({"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}, log)

"""Put the Caddyfile's proxy in front of servers of this machine; for tests and measurements."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts import serving

NO_CADDY = "no Caddy found: install the system's package caddy"


@contextmanager
def proxy(ports: Sequence[int], home: Path) -> Iterator[serving.Server]:
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
    url, log = f"http://127.0.0.1:{serving.free_port()}", home / "log.txt"
    readers = " ".join(f"127.0.0.1:{port}" for port in ports)
    environment = os.environ | {"SITE": url, "READERS": readers, "HOME": str(home)}
    command = [caddy, "run", "--config", str(serving.ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        while not serving.answers(url, 5):
            if process.poll() is not None:
                raise RuntimeError(f"Caddy ended: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        yield serving.Server(url, process.pid, started, log)
    finally:
        process.terminate()
        process.wait(30)

"""A Ray cluster of several nodes on this machine, each with its own processes, for tests and measurements."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

STORE = 100_000_000
PATIENCE = 150.0
# Ray gives its own processes 30 s to start, which a busy machine may not.
ATTEMPTS = 4
ACTOR = b"ray::MapWorker"


@dataclass
class Cluster:
    """A running cluster.

    Attributes:
        environment: for programs that use it.
        folder: of Ray's own files; Ray's sockets need a short path.
        nodes: the head, then the others.
    """

    environment: dict[str, str]
    folder: Path
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_node(self) -> None:
        """Start a node with one processor and wait until it belongs to the cluster.

        Raises:
            RuntimeError: it did not start; the message holds the end of its log.
        """
        address = self.environment["RAY_ADDRESS"]
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
        command += [f"--object-store-memory={STORE}", "--disable-usage-stats", "--min-worker-port=0"]
        command += ["--max-worker-port=0", "--node-ip-address=127.0.0.1"]
        # Ports that Ray chooses itself, it waits for, and gives up after seconds that a busy machine may not have.
        agents = ("dashboard-agent-listen", "dashboard-agent-grpc", "runtime-env-agent", "metrics-export")
        command += [f"--{agent}-port={_port()}" for agent in agents]
        if self.nodes:
            command.append(f"--address={address}")
        else:
            command += ["--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false"]
            command.append(f"--temp-dir={self.folder}")
        for attempt in range(ATTEMPTS):
            log = self.folder / f"node-{len(self.nodes)}-{attempt}.log"
            if self._start(command, log):
                return
        raise RuntimeError(f"the node did not start: {log.read_text(errors='replace')[-2000:]}")

    def _start(self, command: list[str], log: Path) -> bool:
        environment = {name: value for name, value in self.environment.items() if name != "RAY_ADDRESS"}
        with log.open("wb") as output:
            node = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        end = time.monotonic() + PATIENCE
        while b"Ray runtime started" not in log.read_bytes():
            if node.poll() is not None or time.monotonic() > end:
                _kill(node)
                return False
            time.sleep(0.2)
        self.nodes.append(node)
        return True

    def actors(self, node: int) -> list[int]:
        """The processes of a node that read."""
        return [pid for pid in _members(self.nodes[node].pid) if _command(pid).startswith(ACTOR)]

    def kill_node(self, node: int) -> None:
        """Kill all processes of a node, as when its machine goes out."""
        _kill(self.nodes[node])


@contextmanager
def cluster(nodes: int) -> Iterator[Cluster]:
    """Start a cluster; at the end all its processes are gone, whatever happened.

    Args:
        nodes: how many, with one processor each.
    """
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    environment = os.environ | {
        "RAY_ADDRESS": f"127.0.0.1:{_port()}",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Whoever reaches a cluster without a token can run programs on it.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
    }
    made = Cluster(environment, folder)
    try:
        for _ in range(nodes):
            made.add_node()
        yield made
    finally:
        # The others before the head, which would wait for them; what does not go is killed.
        for node in reversed(made.nodes):
            node.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.wait(20)
            _kill(node)
        shutil.rmtree(folder, ignore_errors=True)


def _kill(node: subprocess.Popen[bytes]) -> None:
    while left := [pid for pid in _members(node.pid) if b"Z" not in _state(pid)]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    node.wait()


def _port() -> int:
    """A free one outside the range that Ray gives to its workers."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        if not 10_000 <= port < 20_000:
            return port


def _members(session: int) -> list[int]:
    """The processes of a session: those whose parent has ended belong to it still."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold spaces.
            if int(status.read_text().rpartition(")")[2].split()[3]) == session:
                found.append(int(status.parent.name))
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _state(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return b"Z"

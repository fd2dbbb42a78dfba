"""A class of thirty in front of one server and of two replicas, both behind the proxy of compose.yaml.

Usage: python -m benchmarks.replicas [--rounds 2]
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks import machine
from benchmarks.crowd import Tally, hold_class
from model.reading.card import chosen, read_card
from scripts import serving

SESSIONS, PICTURES = 30, 10


def main() -> int:
    """Measure and write `results/replicas.json`; exit code 1 where a reading failed or was mixed up."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replicas", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2, help="classes of each kind, taken in turn")
    options = parser.parse_args()
    before, tally = machine.describe(), Tally()
    # In turn, so that a slow minute of the machine falls on both.
    by_replicas: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for replicas, classes in by_replicas.items():
            classes.append(_class(replicas, tally))
    rates = {
        number: [SESSIONS * PICTURES / one["seconds"] for one in classes] for number, classes in by_replicas.items()
    }
    machine.write(
        "replicas",
        {
            "what": f"{SESSIONS} sessions at once through the proxy, each uploads and reads {PICTURES} different "
            "radiographs one after the other as fast as it can; one replica and two in turn, all on one machine",
            "machine": before,
            "bundle": read_card(chosen()).title,
            "classes": {str(number): classes for number, classes in by_replicas.items()},
            "readings_a_second": {str(number): round(float(np.median(one)), 2) for number, one in rates.items()},
            "second_replica_adds": round(float(np.median(rates[2]) / np.median(rates[1])), 3),
            "errors": dict(Counter(tally.errors)),
            "targets": {
                "errors": {"limit": "none", "found": len(tally.errors), "met": not tally.errors},
                "readings that came back in another session or for another picture": {
                    "limit": "none",
                    "found": len(tally.mixed),
                    "met": not tally.mixed,
                },
            },
        },
    )
    return 1 if tally.errors or tally.mixed else 0


def _class(replicas: int, tally: Tally) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        servers = [stack.enter_context(serving.serve(Path(scratch, f"log-{number}.txt"))) for number in range(replicas)]
        ports = [urlsplit(server.url).port or 0 for server in servers]
        front = stack.enter_context(serving.proxy(ports, Path(scratch, "proxy")))

        def resident() -> float:
            return round(sum(serving.resident_megabytes(server.pid) for server in servers), 1)

        return hold_class(front, SESSIONS, PICTURES, tally, resident)


if __name__ == "__main__":
    raise SystemExit(main())

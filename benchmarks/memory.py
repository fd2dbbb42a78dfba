"""Whether memory stays flat over 500 readings of different radiographs.

Usage: python -m benchmarks.memory
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from benchmarks import images, machine
from model.reading import bundle as bundles
from model.reading import heatmap
from model.reading.malloc import give_freed_memory_back
from model.reading.radiograph import decode
from model.reading.reader import Reader
from scripts.serving import resident_megabytes

READINGS, EVERY, LIMIT_MB = 500, 50, 20


def main() -> None:
    """Measure and write `results/memory.json`."""
    before = machine.describe()
    give_freed_memory_back()  # as the app and the command line do
    reader = Reader(bundles.load())
    start = _resident()
    seen: set[str] = set()
    resident = []
    for data in _files():
        seen.add(_read(reader, data))
        # After every one, when its picture is freed: what stays is what would add up.
        resident.append(_resident())
    blocks = np.reshape(resident, (-1, EVERY))
    medians = [round(float(value), 1) for value in np.median(blocks, axis=1)]
    drift = round(max(medians) - min(medians), 1)
    machine.write(
        "memory",
        {
            "what": "resident MB of one process that decodes, reads and draws a heatmap, after each reading",
            "machine": before,
            "bundle": reader.bundle.card.title,
            "different_pictures": len(seen),
            "before_the_first": start,
            f"medians_of_{EVERY}": medians,
            f"highest_of_{EVERY}": [round(float(value), 1) for value in blocks.max(axis=1)],
            "growth_per_100_readings": round(float(np.polyfit(range(len(resident)), resident, 1)[0]) * 100, 2),
            "targets": {
                f"highest less lowest of the medians of {EVERY} readings, MB": {
                    "limit": f"at most {LIMIT_MB}",
                    "found": drift,
                    "met": drift <= LIMIT_MB,
                }
            },
        },
    )


def _read(reader: Reader, data: bytes) -> str:
    """One radiograph through everything the app does with it; returns the hash of the file."""
    radiograph = decode(data)
    reading = reader.read(radiograph)
    for index in range(len(reading.classes)):
        if heatmap.evidence(reading.maps[..., index]) is not None:
            heatmap.png(heatmap.overlay(radiograph.pixels, reading.maps[..., index], 0.5))
            break
    return reading.sha256


def _files() -> Iterator[bytes]:
    """Every other file a DICOM radiograph, the others of the shared data where it is: sizes vary as they do in life."""
    shared = images.shared(READINGS)
    for number, data in enumerate(images.windowed(READINGS)):
        yield data if number % 2 else next(shared, data)


def _resident() -> float:
    return round(resident_megabytes(os.getpid()), 1)


if __name__ == "__main__":
    main()

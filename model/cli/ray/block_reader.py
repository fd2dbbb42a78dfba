"""What one process of a cluster does: it holds a bundle, reads a block of files and writes their readings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from model.cli.ray.parts import Parts
from model.cli.writers import Record
from model.errors import RemoteError
from model.files import places, sources
from model.reading import bundle as bundles
from model.reading.malloc import give_freed_memory_back
from model.reading.reader import REFUSED, Reader, read_file


@dataclass(frozen=True)
class Job:
    """What to do with every file.

    Attributes:
        bundle: folder of the bundle, on every machine.
        out: folder or URL for the readings, reached by every machine.
        operating_point: name of one of the card's.
        processes: at most so many; None for as many as there are processors.
        block: files to a block.
        resume: go on with what is in `out`.
    """

    bundle: str
    out: str
    operating_point: str
    processes: int | None
    block: int
    resume: bool


class BlockReader:
    """An actor of Ray Data: made once a process, called once a block."""

    def __init__(self, job: Job) -> None:
        give_freed_memory_back()
        # Each process has one processor: OpenCV would start as many threads as the machine has.
        cv2.setNumThreads(1)
        self.job, self.parts = job, Parts(job.out)
        self.reader = Reader(bundles.load(job.bundle, threads=1))

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Read a block, unless its file is there: then only the news of it was lost.

        Args:
            batch: of one row, "part" with the name of the block's file and "sources" with the files as JSON.

        Returns:
            One row: "part", "readings", "rows", and "problem" with why the block is not written, or nothing.
        """
        part, files = str(batch["part"][0]), json.loads(str(batch["sources"][0]))
        problem, records = "", []
        try:
            if self.parts.has(part):
                return _row(part, *self.parts.count(part))
            records = [record for file in files for record in self._read(file)]
            self.parts.write(part, records, self.reader.bundle.card, self.job.operating_point)
        except RemoteError as error:
            problem, records = str(error), []
        except OSError as error:
            problem, records = f"The readings can't be written ({error.strerror or type(error).__name__}).", []
        return _row(part, sum(record["decision"] != REFUSED for record in records), len(records), problem)

    def _read(self, file: str) -> list[Record]:
        records = []
        for member, (path, load) in enumerate(sources.unpacked(places.place(file))):
            reading, _ = read_file(load, self.reader, self.job.operating_point)
            records.append({"path": str(path), "source": file, "member": member, **reading.to_dict()})
        return records


def _row(part: str, readings: int, rows: int, problem: str = "") -> dict[str, NDArray[Any]]:
    row = {"part": part, "readings": readings, "rows": rows, "problem": problem}
    return {key: np.array([value]) for key, value in row.items()}

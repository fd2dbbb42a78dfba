"""An archive on a Ray cluster: Ray Data hands blocks of files to actors, each with a bundle, which write Parquet."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

# Ray would send statistics about its use to its makers; a hospital did not agree to that.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
import ray.data

from model.cli.ray.block_reader import BlockReader, Job
from model.cli.ray.parts import Done, Parts, PartsError, name
from model.errors import ReaderError
from model.files.places import Listed
from model.reading.card import Card

__all__ = ["BLOCK", "EngineError", "Job", "Outcome", "read"]

# Files to a block. It is read anew when its process is killed, and written when it is complete.
BLOCK = 200
# Blocks that Ray gets at a time: the driver's memory holds the names of these and of no more.
WAVE = 1000
# How often Ray gives a block to an actor again when one is killed. When a machine goes out, Ray spends these within
# seconds on actors that it does not yet know to be gone, so what is left is begun anew with new actors so many times.
# What ends all of these processes is told: a picture that kills its reader must not keep the run for ever.
_RETRIES, _ROUNDS = 5, 3
# For a cluster of this machine's own: blocks are names and numbers, so little is enough.
_OBJECT_STORE = 200_000_000
_EVERY_SECONDS = 60.0


class EngineError(ReaderError):
    """The run can't begin; the message is a sentence that says why and what to do."""


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        readings: pictures that were read, those of earlier runs included.
        rows: pictures and refused files, those of earlier runs included.
        before: of these, rows of earlier runs.
        unfinished: blocks that are not written.
        seconds: of this run, without the start of Ray.
        processes: at most so many read at a time.
        problem: why the first of the unfinished blocks is none.
    """

    readings: int = 0
    rows: int = 0
    before: int = 0
    unfinished: int = 0
    seconds: float = 0.0
    processes: int = 0
    problem: str = ""

    def __str__(self) -> str:
        """For the end of a run."""
        now = self.rows - self.before
        summary = f"{now} files in {self.seconds:.1f} s with {self.processes} processes"
        summary += f", {self.before} before" if self.before else ""
        summary += f"; {self.rows - self.readings} of all were refused."
        if self.unfinished:
            summary += f" {self.unfinished} blocks could not be finished: run it again with --resume. {self.problem}"
        return summary if self.rows or self.unfinished else "There are no files in what you named."


def read(files: Iterable[Listed], card: Card, job: Job) -> Outcome:
    """Read files on a Ray cluster: the one that RAY_ADDRESS names or that this machine belongs to, or a new one here.

    Each actor has a processor, and a bundle with one thread. An actor that is killed is started again, and its block
    goes to another; a block's file has a name of its own and appears as a whole, so that every picture has exactly
    one row however often its block was begun.

    Args:
        files: as `sources.files` gives them; every machine has to reach them under these names.
        card: of the bundle.
        job: what to do with them.

    Returns:
        What was done.

    Raises:
        EngineError: there is no cluster, or the folder can't be written to or continued.
        RemoteError: a storage could not be listed; what was read before is kept.
    """
    parts = Parts(job.out)
    try:
        parts.prepare()
        first = parts.next_number()
        if first and not job.resume:
            raise EngineError("There are readings in that folder: add --resume to go on, or name another with --out")
        done = parts.done(card, job.operating_point) if first else Done()
    except PartsError as error:
        raise EngineError(f"can't go on there: {error}") from None
    except OSError as error:
        raise EngineError(f"can't write there: {error.strerror or type(error).__name__}") from None
    processes = _connect(job.processes)
    try:
        start = time.monotonic()
        outcome = Outcome(done.readings, done.rows, done.rows, processes=processes)
        left = (file for file in map(_absolute, files) if not done.take(file))
        for wave in _waves(_blocks(left, first, job.block), WAVE):
            for block in _insist(wave, job, processes):
                outcome = _add(outcome, block, time.monotonic() - start)
        return replace(outcome, seconds=time.monotonic() - start)
    finally:
        ray.shutdown()


def _absolute(place: Listed) -> str:
    """The workers' current folder is another."""
    return str(place.absolute() if isinstance(place, Path) else place)


def _blocks(files: Iterator[str], first: int, size: int) -> Iterator[dict[str, str]]:
    number = first
    while block := list(islice(files, size)):
        yield {"part": name(number, block), "sources": json.dumps(block)}
        number += 1


def _waves(blocks: Iterator[dict[str, str]], size: int) -> Iterator[list[dict[str, str]]]:
    while wave := list(islice(blocks, size)):
        yield wave


def _connect(wanted: int | None) -> int:
    """Connect to a cluster; returns how many actors to have."""
    quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address="auto", **quietly)
    except ConnectionError:
        if address := os.environ.get("RAY_ADDRESS"):
            raise EngineError(f"no Ray cluster answers at RAY_ADDRESS={address}: start one, or unset it") from None
        # Else Ray takes a third of the memory for objects, and opens a web page.
        ray.init(
            address="local",
            num_cpus=wanted,
            object_store_memory=_OBJECT_STORE,
            include_dashboard=False,
            **quietly,
        )
    there = int(ray.cluster_resources().get("CPU", 0))
    return min(wanted or there, there) or 1


def _insist(wave: list[dict[str, str]], job: Job, processes: int) -> Iterator[dict[str, Any]]:
    """Read blocks, those that were lost again; yields what became of each as soon as it is known."""
    left = {block["part"]: block for block in wave}
    for _ in range(_ROUNDS):
        if left:
            for block in _read_wave(list(left.values()), job, processes):
                del left[str(block["part"])]
                yield block
    problem = "Something in them ends the process that reads it."
    yield from ({"part": part, "readings": 0, "rows": 0, "problem": problem} for part in left)


def _read_wave(wave: list[dict[str, str]], job: Job, processes: int) -> Iterator[dict[str, Any]]:
    """Give blocks to new actors; yields what became of each but of those that were lost."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # A block that kills every process must not end the others.
    context.max_errored_blocks = -1
    actors = min(processes, len(wave))
    # Each block by itself: after a kill only that one is begun anew.
    data = ray.data.from_items(wave, override_num_blocks=len(wave)).map_batches(
        BlockReader,
        fn_constructor_args=(job,),
        batch_size=1,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=actors, initial_size=actors, max_tasks_in_flight_per_actor=2
        ),
        num_cpus=1,
        ray_remote_args_fn=_patience,
    )
    yield from data.iter_rows()


def _patience() -> dict[str, Any]:
    return {"max_restarts": -1, "max_task_retries": _RETRIES}


_shown_at = time.monotonic()


def _add(outcome: Outcome, block: dict[str, Any], seconds: float) -> Outcome:
    problem = str(block["problem"])
    outcome = replace(
        outcome,
        readings=outcome.readings + int(block["readings"]),
        rows=outcome.rows + int(block["rows"]),
        unfinished=outcome.unfinished + bool(problem),
        problem=outcome.problem or problem,
    )
    _tell(outcome, seconds)
    return outcome


def _tell(outcome: Outcome, seconds: float) -> None:
    """Show how far the run is: at a terminal at once, in a log now and then."""
    global _shown_at
    now = outcome.rows - outcome.before
    line = f"{now} files, {now / max(seconds, 1e-9):.1f} a second"
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
    elif time.monotonic() - _shown_at > _EVERY_SECONDS:
        print(line, file=sys.stderr, flush=True)
        _shown_at = time.monotonic()

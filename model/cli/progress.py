"""What a person at a terminal sees of a long run: a line a picture, and a bar."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TextIO

from model.cli.writers import Record
from model.files import places


def print_line(record: Record) -> None:
    """A picture for a person at a terminal."""
    scores = "  ".join(f"{name} {score:.2f}" for name, score in record["scores"].items())
    # \r and the code that clears the line take the progress bar away first.
    print(f"\r\x1b[K{record['decision']:9}  {scores or record['reasons'][0]}  {record['path']!a}", flush=True)


def with_progress(files: Iterable[places.Listed], stream: TextIO) -> Iterator[places.Listed]:
    """Show how far a run is.

    Args:
        files: what is read. For the bar they are listed first; where nobody looks they are taken one at a time.
        stream: gets the bar if it is a terminal.

    Yields:
        The files.
    """
    if not stream.isatty():
        yield from files
        return
    start = time.monotonic()
    listed = list(files)
    for number, path in enumerate(listed):
        done = 30 * number // len(listed)
        left = (time.monotonic() - start) / number * (len(listed) - number) if number else 0.0
        stream.write(f"\r\x1b[K[{'#' * done}{' ' * (30 - done)}] {number} of {len(listed)}, {left:.0f} s left")
        stream.flush()
        yield path
    stream.write(f"\r\x1b[K{len(listed)} files in {time.monotonic() - start:.1f} s\n")

"""Work on several files at a time and give the results in the order of the files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from model.errors import RemoteError
from model.files.places import Listed
from model.files.zip import Load

Result = TypeVar("Result")
# Files under way for each worker: while a large one is read, the others go on with those behind it.
AHEAD = 4


def in_order(
    files: Iterable[tuple[Listed, Load]], work: Callable[[Listed, Load], Result], workers: int
) -> Iterator[Result]:
    """Read several files side by side.

    Args:
        files: as `sources.unpacked` gives them; few are taken ahead of the workers, so memory stays flat.
        work: called in the workers' threads.
        workers: how many files are worked on at a time.

    Yields:
        What `work` made of each file.

    Raises:
        RemoteError: a file, or the next list of files, could not be had; what comes before was yielded.
    """
    pool = ThreadPoolExecutor(workers)
    under_way: deque[Future[Result]] = deque()
    failure: RemoteError | None = None
    left = iter(files)
    try:
        while True:
            try:
                path, load = next(left)
            except StopIteration:
                break
            except RemoteError as error:
                failure = error
                break
            under_way.append(pool.submit(work, path, load))
            if len(under_way) > AHEAD * workers:
                yield under_way.popleft().result()
        for future in under_way:
            yield future.result()
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(cancel_futures=True)

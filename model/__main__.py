"""The reader for scripts and archives: `python -m model read PATH...` and `python -m model card`."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import cv2

from model.cli import arguments as command_arguments
from model.cli import resume, writers
from model.cli.ordered_map import in_order
from model.cli.progress import print_line, with_progress
from model.errors import ReaderError
from model.files import places, sources
from model.files.zip import Load
from model.reading import heatmap
from model.reading.card import Card, chosen, read_card
from model.reading.malloc import give_freed_memory_back
from model.reading.radiograph import Radiograph
from model.reading.reader import REFUSED, Reading, read_file
from model.reading.reader_pool import ReaderPool, readers_at_once

READ, NONE_READ, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
# A heatmap's picture has no side above this; the maps themselves have a few cells a side.
HEATMAP_SIDE = 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; default is the command line's.

    Returns:
        The exit code: 0 at least one picture was read, 1 none was, 2 wrong usage, 130 interrupted by the user.
    """
    _open_closed_streams()
    parser = command_arguments.build()
    options = parser.parse_args(arguments)
    try:
        return _card(options) if options.command == "card" else _read(options, parser)
    except ReaderError as error:
        print(error, file=sys.stderr)
        return NONE_READ
    except KeyboardInterrupt:
        print("Interrupted: what was read before is kept.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the lines (`head`) has enough; Python must not complain while closing stdout either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READ
    except OSError as error:
        print(f"The readings can't be written ({error.strerror}): make room, then run it again.", file=sys.stderr)
        # Nor must it try to write the rest to a full disk while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NONE_READ


def _open_closed_streams() -> None:
    """Python has None for a stream that the caller closed (`>&-`): what is written there goes nowhere instead."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open until the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _card(options: argparse.Namespace) -> int:
    folder = chosen(options.bundle)
    card = read_card(folder)
    print((folder / "card.json").read_text(encoding="utf-8").rstrip() if options.json else writers.describe(card))
    return READ


def _read(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    command_arguments.check(options, parser)
    return _read_on_ray(options, parser) if options.engine == "ray" else _read_here(options, parser)


def _read_here(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    give_freed_memory_back()
    readers = ReaderPool(options.bundle)
    card = readers.card
    _check_point(options, card, parser)
    with ExitStack() as stack:
        try:
            kept = resume.take_up(options.out, card, options.operating_point) if options.resume else resume.Kept()
            if options.heatmaps:
                options.heatmaps.mkdir(parents=True, exist_ok=True)
            write = _open(options, card, stack)
        except resume.ResumeError as error:
            parser.error(str(error))
        except OSError as error:
            parser.error(f"can't write there: {error.strerror}")
        if kept.left:
            print(f"Continuing after the {kept.left.total()} lines of {options.out.name}.", file=sys.stderr)
        met, count = Counter[str](), kept.readings
        for record in _records(options, readers, kept, met):
            write(record)
            count += record["decision"] != REFUSED
    if skipped := ", ".join(f"{count} {kind}" for kind, count in sorted(options.skipped.items())):
        print(f"Passed over: {skipped}.", file=sys.stderr)
    if not met["pictures"]:
        print("There are no files in what you named.", file=sys.stderr)
    return READ if count else NONE_READ


def _records(
    options: argparse.Namespace, readers: ReaderPool, kept: resume.Kept, met: Counter[str]
) -> Iterator[writers.Record]:
    """Read what has no line yet; counts in `met` the pictures, read now or before."""
    # Each worker has a core: OpenCV would start as many threads in each of them as there are cores.
    cv2.setNumThreads(1)

    def is_left(path: places.Listed) -> bool:
        met["pictures"] += 1
        return not kept.take(path)

    found = with_progress(command_arguments.paths(options), sys.stderr)
    left = chain.from_iterable(sources.unpacked(path, is_left) for path in found)

    def work(path: places.Listed, load: Load) -> writers.Record:
        reading, radiograph = read_file(load, readers.get(), options.operating_point)
        record = {"path": str(path), **reading.to_dict()}
        if options.heatmaps and radiograph and reading.decision != REFUSED:
            record["heatmap"] = _write_heatmap(options.heatmaps, path, reading, radiograph, readers.card.positive)
        return record

    return in_order(left, work, readers_at_once())


def _read_on_ray(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    # Here and not above: neither the app nor a run on one machine has Ray.
    try:
        from model.cli.ray import engine
    except ImportError as error:
        parser.error(f"--engine ray needs more ({error.name} is missing): pip install -r requirements/archive.txt")
    card = read_card(chosen(options.bundle))
    _check_point(options, card, parser)
    job = engine.Job(
        bundle=str(chosen(options.bundle).resolve()),
        out=str(options.out.resolve() if isinstance(options.out, Path) else options.out),
        operating_point=card.point(options.operating_point).name,
        processes=options.processes,
        block=options.block or engine.BLOCK,
        resume=options.resume,
    )
    try:
        done = engine.read(command_arguments.paths(options), card, job)
    except engine.EngineError as error:
        parser.error(str(error))
    print(done, file=sys.stderr)
    return READ if done.readings and not done.unfinished else NONE_READ


def _check_point(options: argparse.Namespace, card: Card, parser: argparse.ArgumentParser) -> None:
    if options.operating_point not in (None, *card.points):
        parser.error(f"--operating-point must be one of {', '.join(card.points)}")


def _open(options: argparse.Namespace, card: Card, stack: ExitStack) -> writers.Write:
    out, append = options.out, options.resume
    if out is not None:
        table = out.suffix.lower() == ".csv"
        return stack.enter_context(
            writers.csv_table(out, card.classes, append=append) if table else writers.json_lines(out, append=append)
        )
    return print_line if sys.stdout.isatty() else lambda record: print(writers.to_json(record), flush=True)


def _write_heatmap(folder: Path, path: places.Listed, reading: Reading, radiograph: Radiograph, positive: str) -> str:
    """Write the overlay for the class that was decided on, or else the positive one; returns the file's name."""
    shown = reading.decision if reading.decision in reading.classes else positive
    # Files of one name in several folders are told apart by their content.
    name = writers.short_name(Path(str(path)).stem, f"-{reading.sha256[:8]}-{shown}.png")
    class_map = reading.maps[:, :, reading.classes.index(shown)]
    with writers.replacing(folder / name, "wb") as file:
        file.write(heatmap.png(heatmap.overlay(heatmap.fit(radiograph.pixels, HEATMAP_SIDE), class_map)))
    return name


if __name__ == "__main__":
    sys.exit(main())

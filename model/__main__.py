"""The reader for scripts and archives: `python -m model read PATH...` and `python -m model card`."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TextIO

from model import __version__
from model.inference import archive, rendering, report, resuming, sources
from model.inference import bundle as bundles
from model.inference.allocation import give_freed_memory_back
from model.inference.card import BundleError, Card, chosen, read_card
from model.inference.radiograph import Radiograph, Unreadable, decode
from model.inference.reader import REFUSED, Reader, Reading, refused

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
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return _card(options) if options.command == "card" else _read(options, parser)
    except BundleError as error:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model",
        description="Read chest radiographs. For research and education, not a medical device.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    read = commands.add_parser(
        "read",
        help="read pictures, one JSON object a picture",
        epilog="Exit code: 0 if at least one picture was read, 1 if none was, 2 for wrong usage. "
        "A file that can't be read is a line with the decision 'refused' and the reason.",
    )
    read.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a picture, a folder or a ZIP of them, or a CSV with a column 'path'",
    )
    read.add_argument("--out", type=Path, metavar="FILE", help="write to FILE.jsonl or FILE.csv and not to stdout")
    read.add_argument(
        "--resume",
        action="store_true",
        help="go on with FILE after an interruption: what has a line in it is not read again",
    )
    read.add_argument("--heatmaps", type=Path, metavar="DIR", help="write a picture with its heatmap to DIR for each")
    read.add_argument("--operating-point", metavar="NAME", help="one of the card's; see `card`")
    card = commands.add_parser("card", help="print what the bundle is")
    card.add_argument("--json", action="store_true", help="as JSON, complete")
    for command in (read, card):
        command.add_argument("--bundle", type=Path, metavar="DIR", help="default: the one that ships, or CXR_BUNDLE")
    return parser


def _card(options: argparse.Namespace) -> int:
    folder = chosen(options.bundle)
    card = read_card(folder)
    print((folder / "card.json").read_text(encoding="utf-8").rstrip() if options.json else report.describe(card))
    return READ


def _read(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    _check(options, parser)
    give_freed_memory_back()
    reader = Reader(bundles.load(options.bundle))
    card = reader.bundle.card
    if options.operating_point not in (None, *card.points):
        parser.error(f"--operating-point must be one of {', '.join(card.points)}")
    with ExitStack() as stack:
        try:
            kept = resuming.take_up(options.out, card, options.operating_point) if options.resume else resuming.Kept()
            if options.heatmaps:
                options.heatmaps.mkdir(parents=True, exist_ok=True)
            write = _open(options, card, stack)
        except resuming.ResumeError as error:
            parser.error(str(error))
        except OSError as error:
            parser.error(f"can't write there: {error.strerror}")
        if kept.left:
            print(f"Going on behind the {kept.left.total()} lines of {options.out.name}.", file=sys.stderr)
        lines, count = 0, kept.readings
        for path, load in chain.from_iterable(map(sources.unpacked, _with_progress(_paths(options), sys.stderr))):
            lines += 1
            if kept.take(path):
                continue
            reading, radiograph = _read_file(load, reader, options.operating_point)
            record = {"path": str(path), **reading.to_dict()}
            if options.heatmaps and radiograph:
                record["heatmap"] = _write_heatmap(options.heatmaps, path, reading, radiograph, card.positive)
            write(record)
            count += reading.decision != REFUSED
    if not lines:
        print("There are no files in what you named.", file=sys.stderr)
    return READ if count else NONE_READ


def _check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    out, heatmaps = options.out, options.heatmaps
    if out and out.suffix.lower() not in (".jsonl", ".csv"):
        parser.error(f"--out must end in .jsonl or .csv, not {out.suffix or 'nothing'}")
    if options.resume and not out:
        parser.error("--resume goes on with the file that --out names: name it")
    if heatmaps and heatmaps.resolve() in [path.resolve() for path in options.paths]:
        parser.error("--heatmaps must be another folder than those that are read")


def _paths(options: argparse.Namespace) -> Iterator[Path]:
    """The files to read, found as they are needed: a list of an archive's millions would fill the memory."""
    written = frozenset(path.resolve() for path in (options.out, options.heatmaps) if path)
    return (found for path in options.paths for found in sources.files(path, written))


def _read_file(load: archive.Load, reader: Reader, operating_point: str | None) -> tuple[Reading, Radiograph | None]:
    """Read one file; whatever is wrong with it ends in a refusal."""
    start, sha256 = time.perf_counter(), ""
    try:
        data = load()
        sha256 = hashlib.sha256(data).hexdigest()
        radiograph = decode(data)
        reading = reader.read(radiograph, operating_point)
    except Unreadable as error:
        return refused(error, reader.bundle.card.title, sha256, time.perf_counter() - start), None
    return dataclasses.replace(reading, seconds=time.perf_counter() - start), radiograph


def _open(options: argparse.Namespace, card: Card, stack: ExitStack) -> report.Write:
    out, append = options.out, options.resume
    if out is not None:
        table = out.suffix.lower() == ".csv"
        return stack.enter_context(
            report.csv_table(out, card.classes, append=append) if table else report.json_lines(out, append=append)
        )
    return _print_line if sys.stdout.isatty() else lambda record: print(report.to_json(record), flush=True)


def _print_line(record: report.Record) -> None:
    """A picture for a person at a terminal."""
    scores = "  ".join(f"{name} {score:.2f}" for name, score in record["scores"].items())
    # \r and the code that clears the line take the progress bar away first.
    print(f"\r\x1b[K{record['decision']:9}  {scores or record['reasons'][0]}  {record['path']!a}", flush=True)


def _write_heatmap(folder: Path, path: Path, reading: Reading, radiograph: Radiograph, positive: str) -> str:
    """Write the overlay for the class that was decided on, or else the positive one; returns the file's name."""
    shown = reading.decision if reading.decision in reading.classes else positive
    # Files of one name in several folders are told apart by their content.
    name = f"{path.stem}-{reading.sha256[:8]}-{shown}.png"
    class_map = reading.maps[:, :, reading.classes.index(shown)]
    with report.replacing(folder / name, "wb") as file:
        file.write(rendering.png(rendering.overlay(rendering.fit(radiograph.pixels, HEATMAP_SIDE), class_map)))
    return name


def _with_progress(paths: Iterable[Path], stream: TextIO) -> Iterator[Path]:
    """The paths, with a bar on the stream if it is a terminal."""
    if not stream.isatty():
        yield from paths
        return
    start = time.monotonic()
    listed = [str(path) for path in paths]
    for number, path in enumerate(listed):
        done = 30 * number // len(listed)
        left = (time.monotonic() - start) / number * (len(listed) - number) if number else 0.0
        stream.write(f"\r\x1b[K[{'#' * done}{' ' * (30 - done)}] {number} of {len(listed)}, {left:.0f} s left")
        stream.flush()
        yield Path(path)
    stream.write(f"\r\x1b[K{len(listed)} files in {time.monotonic() - start:.1f} s\n")


if __name__ == "__main__":
    sys.exit(main())

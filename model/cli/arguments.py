"""What `python -m model` takes: its options, which of them go together, and the files that they name."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from model import __version__
from model.errors import RemoteError
from model.files import places, remote, sources

_TABLES = (".jsonl", ".csv")


def build() -> argparse.ArgumentParser:
    """The parser of `python -m model`."""
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
        type=places.place,
        metavar="PATH",
        help="a picture, a folder or a ZIP of them, a CSV with a column 'path', a DICOMDIR, or a URL such as s3://...",
    )
    read.add_argument(
        "--out",
        type=places.place,
        metavar="FILE",
        help="write to FILE.jsonl or FILE.csv and not to stdout; with --engine ray, a folder or URL for Parquet files",
    )
    read.add_argument(
        "--resume",
        action="store_true",
        help="go on with FILE after an interruption: what has a line in it is not read again",
    )
    read.add_argument("--heatmaps", type=Path, metavar="DIR", help="write a picture with its heatmap to DIR for each")
    read.set_defaults(skipped=places.Skipped())
    read.add_argument("--operating-point", metavar="NAME", help="one of the card's; see `card`")
    read.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="ray: on all machines of a Ray cluster, or this one"
    )
    read.add_argument("--processes", type=int, metavar="N", help="with --engine ray: at most N, each with one thread")
    read.add_argument("--block", type=int, metavar="N", help="with --engine ray: files to a Parquet file, default 200")
    card = commands.add_parser("card", help="print what the bundle is")
    card.add_argument("--json", action="store_true", help="as JSON, complete")
    for command in (read, card):
        command.add_argument("--bundle", type=Path, metavar="DIR", help="default: the one that ships, or CXR_BUNDLE")
    return parser


def check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program with a sentence where the options of `read` do not go together."""
    out, heatmaps = options.out, options.heatmaps
    if isinstance(out, places.Unlisted):
        parser.error(str(out.reason))
    (_check_ray if options.engine == "ray" else _check_local)(options, parser)
    if options.resume and not out:
        parser.error("--resume goes on with the file that --out names: name it")
    folders = [os.path.realpath(path) for path in options.paths if isinstance(path, Path)]
    if heatmaps and os.path.realpath(heatmaps) in folders:
        parser.error("--heatmaps must be another folder than those that are read")
    try:
        for path in (*options.paths, out):
            if isinstance(path, remote.RemoteFile):
                remote.check(path)
    except RemoteError as error:
        parser.error(str(error))


def _check_ray(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    if not options.out or options.out.suffix.lower() in _TABLES:
        parser.error("--engine ray writes Parquet files: name a folder or URL for them with --out")
    if options.heatmaps:
        parser.error("--heatmaps goes with --engine local alone")
    if any(number is not None and number < 1 for number in (options.processes, options.block)):
        parser.error("--processes and --block must be 1 or more")


def _check_local(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    out = options.out
    if options.processes is not None or options.block is not None:
        parser.error("--processes and --block go with --engine ray: add it")
    if isinstance(out, remote.RemoteFile):
        parser.error("--out must be a file of this machine; --engine ray writes to URLs too")
    if out and out.suffix.lower() not in _TABLES:
        parser.error(f"--out must end in .jsonl or .csv, not {out.suffix or 'nothing'}")


def paths(options: argparse.Namespace) -> Iterator[places.Listed]:
    """The files to read, found as they are needed: a list of an archive's millions would fill the memory.

    Args:
        options: of `read`; its `skipped` counts what is passed over.

    Returns:
        Paths and URLs.
    """
    written = frozenset(
        Path(os.path.realpath(path)) if isinstance(path, Path) else remote.RemoteFile(path.url.rstrip("/"))
        for path in (options.out, options.heatmaps)
        if path
    )
    return (file for path in options.paths for file in sources.files(path, written, options.skipped))

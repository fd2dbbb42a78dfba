"""Damage the pixels of whole files and see that each is refused, or read as if it were whole; never a third thing.

Usage: python -m scripts.fuzz.damage [--inputs 100] [--seed 0] [--forms png]

The sample radiograph is stored in every form of `scripts.fuzz.formats`. Each file is cut, loses its last bytes, or gets
one wrong bit; what is read in spite of that is compared with the whole file's reading. A file that is cut must never
give another reading; one with a wrong bit may in formats without checksums, at most as often as `FORMATS` says.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from benchmarks import machine
from model.errors import Unreadable
from model.reading import bundle
from model.reading.radiograph import Radiograph, decode, to_input
from model.reading.reader import Reader, Reading
from scripts.fuzz import formats, seeds

INPUTS = 100
REFUSED, OTHER = "refused", "other reading"
# Of a score: what counts as the same reading.
SAME = 0.02
_SHARES = (0.6, 0.8, 0.95, 0.99)
_LAST = range(1, 13)


class Format(NamedTuple):
    """Forms whose names begin alike.

    Attributes:
        prefix: of their names.
        title: for the document.
        most: files of a hundred with one wrong bit that may give another reading.
    """

    prefix: str
    title: str
    most: int


# The first that fits counts. Under a checksum no other reading is allowed; elsewhere one bit may leave a valid file, of
# which a picture of 224 pixels a side feels every block.
FORMATS = (
    Format("png", "PNG", 0),
    Format("tiff deflate", "TIFF, deflate", 0),
    Format("jpeg restarts", "JPEG with restart markers", 20),
    Format("jpeg RGB", "JPEG in colour", 20),
    Format("jpeg", "JPEG, other", 10),
    Format("webp lossless", "WebP, lossless", 60),
    Format("webp", "WebP, lossy", 5),
    Format("tiff jpeg", "TIFF, JPEG", 10),
    Format("tiff predictor", "TIFF, differences in LZW", 10),
    Format("tiff", "TIFF, other", 5),
    Format("bmp", "BMP", 5),
    Format("dicom 12 deflated", "DICOM, deflated", 15),
    Format("dicom .4.50 RGB", "DICOM, JPEG in colour", 20),
    Format("dicom .4.57", "DICOM, JPEG Lossless of the fourth predictor", 35),
    Format("dicom .4.5", "DICOM, JPEG, other", 12),
    Format("dicom .4.7", "DICOM, JPEG Lossless of the first predictor", 12),
    Format("dicom .4.8", "DICOM, JPEG-LS", 5),
    Format("dicom .4.9", "DICOM, JPEG 2000", 25),
    Format("dicom .4.2", "DICOM, HTJ2K", 15),
    Format("dicom .5", "DICOM, run lengths", 5),
    Format("dicom", "DICOM, uncompressed", 5),
)

Read = Callable[[Radiograph], Reading]


def main(arguments: list[str] | None = None) -> int:
    """Run and write `benchmarks/results/damage.json`; exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m scripts.fuzz.damage", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="files with one wrong bit of each form")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forms", default="", help="those whose name begins so")
    parser.add_argument("--dry", action="store_true", help="leave benchmarks/results as it is")
    options = parser.parse_args(arguments)
    before = machine.describe()
    reader = Reader(bundle.load())
    forms = {name: data for name, data in whole_files().items() if name.startswith(options.forms)}
    table = {}
    for name, data in tqdm(forms.items(), unit=" forms", disable=None):
        rng = Random(f"{options.seed}-{name}")
        table[name] = {
            "cut": dict(outcomes(data, cuts(data), reader.read)),
            "one wrong bit": dict(outcomes(data, flips(data, options.inputs, rng), reader.read)),
        }
    findings = sorted(name for name, row in table.items() if is_finding(name, row))
    cut = sum(row["cut"].get(OTHER, 0) for row in table.values())
    content = {
        "what": "damaged files of every form: refused, or read within 0.02 of each score and with the same decision",
        "machine": before,
        "seed": options.seed,
        "forms": table,
        "findings": findings,
        "one_wrong_bit": [summary for summary in map(partial(_summary, table), FORMATS) if summary],
        "targets": {
            "files without much or little of their end that gave another reading": _target(cut),
            "forms of which one wrong bit gave another reading more often than their format explains": _target(
                len(findings)
            ),
        },
    }
    if options.dry:
        print("\n".join(f"{name:36} {row}" for name, row in table.items()))
    else:
        machine.write("damage", content)
    return int(bool(findings))


def is_finding(name: str, row: dict[str, dict[str, int]]) -> bool:
    """Whether more files of a form give another reading than its format explains."""
    flipped = row["one wrong bit"]
    return OTHER in row["cut"] or 100 * flipped.get(OTHER, 0) > format_of(name).most * sum(flipped.values())


def format_of(name: str) -> Format:
    """The format of a form."""
    return next(known for known in FORMATS if name.startswith(known.prefix))


def _summary(table: dict[str, dict[str, dict[str, int]]], known: Format) -> dict[str, Any]:
    """What became of all files of a format with one wrong bit, in per cent; empty where there were none."""
    counts = sum((Counter(row["one wrong bit"]) for name, row in table.items() if format_of(name) == known), Counter())
    files = counts.total()
    share = {outcome: round(100 * counts[outcome] / max(1, files), 1) for outcome in (REFUSED, OTHER)}
    return {"format": known.title, "files": files, **share, "most in a form": known.most} if files else {}


def _target(found: int) -> dict[str, Any]:
    return {"limit": "none", "found": found, "met": found == 0}


def whole_files() -> dict[str, bytes]:
    """The sample radiograph in every form, by name."""
    sample = next(seed.data for seed in seeds.collect() if seed.name == "RG1_UNCR.dcm")
    grey = np.rint(to_input(decode(sample).pixels, 224)[0, :, :, 0]).astype(np.uint8)
    return {**formats.pictures(grey), **formats.dicom_files(grey)}


def cuts(data: bytes) -> Iterator[bytes]:
    """The file without much or little of its end."""
    yield from (data[: int(len(data) * share)] for share in _SHARES)
    yield from (data[:-lost] for lost in _LAST)


def flips(data: bytes, inputs: int, rng: Random) -> Iterator[bytes]:
    """The file with one wrong bit, behind the headers."""
    for _ in range(inputs):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data) // 20, len(data))] ^= 1 << rng.randrange(8)
        yield bytes(damaged)


def outcomes(data: bytes, damaged: Iterator[bytes], read: Read) -> Counter[str]:
    """How damaged files of one whole file end.

    Args:
        data: the whole file.
        damaged: the files.
        read: a reader.

    Returns:
        Counts of "refused", "same pixels", "same reading" and "other reading".
    """
    whole = decode(data)
    reading = read(whole)
    counts: Counter[str] = Counter()
    for file in damaged:
        try:
            picture = decode(file)
        except Unreadable:
            counts[REFUSED] += 1
            continue
        same = picture.pixels.shape == whole.pixels.shape and np.array_equal(picture.pixels, whole.pixels)
        counts["same pixels" if same else _compared(reading, read(picture))] += 1
    return counts


def _compared(whole: Reading, damaged: Reading) -> str:
    apart = max((abs(score - damaged.scores.get(name, 2.0)) for name, score in whole.scores.items()), default=0.0)
    return "same reading" if apart <= SAME and whole.decision == damaged.decision else OTHER


if __name__ == "__main__":
    sys.exit(main())

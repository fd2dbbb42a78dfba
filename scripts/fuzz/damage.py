"""Damage the pixels of whole files and see that each is refused, or read as if it were whole; never a third thing.

Usage: python -m scripts.fuzz.damage [--inputs 100] [--seed 0] [--forms png]

The sample radiograph is stored in every form of `scripts.fuzz.formats`. Each file is cut, loses its last bytes, or gets
one wrong bit; what is read in spite of that is compared with the whole file's reading. A file that is cut must never
give another reading; one with a wrong bit may in formats without checksums, at most as often as `_MOST` says.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import numpy as np
from tqdm import tqdm

from benchmarks import machine
from model.errors import Unreadable
from model.reading import bundle
from model.reading.radiograph import Radiograph, decode, to_input
from model.reading.reader import Reader, Reading
from scripts.fuzz import formats, seeds

INPUTS = 100
# Of a score: what counts as the same reading.
SAME = 0.02
_SHARES = (0.6, 0.8, 0.95, 0.99)
_LAST = range(1, 13)
# The most files of a hundred with one wrong bit that may give another reading, by the first name that fits: none under
# a checksum; elsewhere the bit may leave a valid file, of which a picture of 224 pixels a side feels every block.
_MOST = {
    "png": 0,
    "tiff deflate": 0,
    "jpeg restarts": 20,
    "jpeg": 10,
    "tiff jpeg": 10,
    "tiff predictor": 10,
    "webp lossless": 60,
    "dicom 12 deflated": 15,
    "dicom .4.50 RGB": 20,
    "dicom .4.57": 35,
    "dicom .4.90": 25,
    "dicom .4.91": 25,
    "dicom .4": 12,
    "": 5,
}

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
    content = {
        "what": "damaged files of every form: refused, or read within 0.02 of each score and with the same decision",
        "machine": before,
        "seed": options.seed,
        "forms": table,
        "most_of_a_hundred_with_another_reading": _MOST,
        "findings": findings,
    }
    if options.dry:
        print("\n".join(f"{name:36} {row}" for name, row in table.items()))
    else:
        machine.write("damage", content)
    return int(bool(findings))


def is_finding(name: str, row: dict[str, dict[str, int]]) -> bool:
    """Whether more files of a form give another reading than its format explains."""
    flipped = row["one wrong bit"]
    most = next(share for prefix, share in _MOST.items() if name.startswith(prefix))
    return "other reading" in row["cut"] or 100 * flipped.get("other reading", 0) > most * sum(flipped.values())


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
            counts["refused"] += 1
            continue
        same = picture.pixels.shape == whole.pixels.shape and np.array_equal(picture.pixels, whole.pixels)
        counts["same pixels" if same else _compared(reading, read(picture))] += 1
    return counts


def _compared(whole: Reading, damaged: Reading) -> str:
    apart = max((abs(score - damaged.scores.get(name, 2.0)) for name, score in whole.scores.items()), default=0.0)
    return "same reading" if apart <= SAME and whole.decision == damaged.decision else "other reading"


if __name__ == "__main__":
    sys.exit(main())

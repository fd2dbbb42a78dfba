"""Damage real files in many ways and see that each ends as a radiograph or as one sentence.

Usage: python -m scripts.fuzz.fuzzer [--inputs 50000] [--seed 0] [--resume]

The reader runs in a process of its own, so that a crash or an endless loop of a decoder written in C is a finding and
not the end of the run. A finding's input is written to artefacts/fuzz; the exit code is 1 where there is one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import machine
from model.errors import Unreadable
from model.reading.radiograph import decode
from scripts.fuzz import mutations as mutations
from scripts.fuzz import seeds as seeds
from scripts.serving import resident_megabytes

FOUND = Path(__file__).resolve().parents[2] / "artefacts" / "fuzz"
INPUTS = 50_000
# Of processor time, which other programs on the machine do not lengthen; the kernel ends a process that has had it.
HANG_SECONDS = 5
# By the clock: for what waits and never works.
STUCK_SECONDS = 120
GROWTH_MB = 100
_EVERY = 20
_SENTENCE = re.compile(r"[A-Z][ -~]*\.")
# Numbers in sentences are no different outcome.
_NUMBERS = re.compile(r"\d+")


Work = Callable[[Connection, int, int, int], None]


@dataclass(frozen=True)
class Finding:
    """An input that did not end as it should.

    Attributes:
        number: of the input in the run.
        what: "exception", "wrong result", "crash" or "hang".
        seed_file: that was damaged.
        details: such as the exception.
    """

    number: int
    what: str
    seed_file: str
    details: str


@dataclass
class Run:
    """What came out so far.

    Attributes:
        seed: of the mutations.
        done: how many inputs.
        outcomes: how often each.
        kinds: how many inputs came from a file of which kind.
        findings: what went wrong.
        resident: megabytes of the process that decodes, now and then.
        peak: the most it had at any time.
        slowest: most seconds of processor time that one input took, and its number.
    """

    seed: int
    done: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    peak: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)

    def growth(self) -> float:
        """Megabytes by which the median of the last tenth of the run is above that of the first."""
        tenth = max(1, len(self.resident) // 10)
        return float(np.median(self.resident[-tenth:]) - np.median(self.resident[:tenth])) if self.resident else 0.0


def main(arguments: list[str] | None = None) -> int:
    """Run and write `benchmarks/results/fuzz.json`; exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m scripts.fuzz.fuzzer", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run of the same seed")
    parser.add_argument("--dry", action="store_true", help="leave benchmarks/results as it is")
    options = parser.parse_args(arguments)
    before = machine.describe()
    run = _resume(options.seed) if options.resume else Run(options.seed)
    start = time.perf_counter()
    fuzz(run, options.inputs)
    grown, hangs = run.growth(), sum(finding.what == "hang" for finding in run.findings)
    others = len(run.findings) - hangs
    content = {
        "what": "damaged files of every format through model.reading.radiograph.decode",
        "machine": before,
        "inputs": run.done,
        "seed": run.seed,
        "minutes_since_start": round((time.perf_counter() - start) / 60, 1),
        "inputs_by_kind_of_file": dict(run.kinds.most_common()),
        "outcomes": dict(run.outcomes.most_common()),
        "slowest_input": {"processor_seconds": round(run.slowest[0], 2), "number": run.slowest[1]},
        "peak_resident_mb": round(run.peak),
        "findings": [asdict(finding) for finding in run.findings],
        "targets": {
            "inputs that ended in anything but a radiograph or one sentence": _target(0, others),
            f"inputs that took over {HANG_SECONDS} s": _target(0, hangs),
            "growth of resident memory, MB": _target(GROWTH_MB, round(grown, 1)),
        },
    }
    if options.dry:
        print(json.dumps(content, indent=1))
    else:
        machine.write("fuzz", content)
    return int(bool(run.findings) or grown > GROWTH_MB)


def _target(limit: float, measured: float) -> dict[str, Any]:
    return {"limit": f"at most {limit}", "found": measured, "met": measured <= limit}


def fuzz(run: Run, inputs: int, keep: Path | None = FOUND, work: Work | None = None) -> None:
    """Put inputs through the reader until the run has had so many.

    Args:
        run: is updated.
        inputs: how many in all, with those that the run has had.
        keep: folder for the inputs of findings and for the state of the run; None keeps neither.
        work: what the other process runs; by default the reader.
    """
    with tqdm(total=inputs, initial=run.done, unit=" inputs", smoothing=0.05, disable=None) as bar:
        while run.done < inputs:
            _with_one_process(run, inputs, keep, bar, work or _work)
            bar.set_postfix(findings=len(run.findings))


def _with_one_process(run: Run, inputs: int, keep: Path | None, bar: Any, work: Work) -> None:
    """Go on until the end or the process's own."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=work, args=(theirs, run.seed, run.done, inputs))
    process.start()
    theirs.close()
    try:
        while run.done < inputs:
            if not ours.poll(STUCK_SECONDS):
                process.kill()
                process.join()
                _add(run, "hang", f"no answer in {STUCK_SECONDS} s", keep)
                bar.update()
                return
            _take(run, ours.recv(), keep)
            bar.update()
            if run.done % _EVERY == 0:
                run.resident.append(resident_megabytes(process.pid or 0))
                if keep and run.done % (50 * _EVERY) == 0:
                    _save(run, keep)
    except EOFError:
        process.join()
        code = process.exitcode or 0
        slow = code == -signal.SIGXCPU
        details = f"over {HANG_SECONDS} s of processor time" if slow else f"the process ended with {code}"
        _add(run, "hang" if slow else "crash", details, keep)
        bar.update()
    finally:
        process.join(10)
        if process.is_alive():
            process.kill()


def _take(run: Run, answer: tuple[str, str, str, float, float], keep: Path | None) -> None:
    what, details, kind, seconds, peak = answer
    run.kinds[kind] += 1
    run.peak = max(run.peak, peak)
    run.slowest = max(run.slowest, (seconds, run.done))
    if what in ("exception", "wrong result"):
        _add(run, what, details, keep)
    else:
        run.outcomes[what] += 1
        run.done += 1


def _add(run: Run, what: str, details: str, keep: Path | None) -> None:
    all_seeds = seeds.collect()
    taken, data = mutations.make(all_seeds, mutations.weigh(all_seeds), run.seed, run.done)
    run.findings.append(Finding(run.done, what, taken.name, details))
    run.outcomes[what] += 1
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{run.seed}-{run.done}-{what.replace(' ', '-')}").write_bytes(data)
    run.done += 1


def _save(run: Run, keep: Path) -> None:
    keep.mkdir(parents=True, exist_ok=True)
    state = vars(run) | {"findings": [asdict(finding) for finding in run.findings]}
    (keep / f"state-{run.seed}.json").write_text(json.dumps(state), encoding="utf-8")


def _resume(seed: int) -> Run:
    path = FOUND / f"state-{seed}.json"
    if not path.exists():
        return Run(seed)
    saved = json.loads(path.read_text(encoding="utf-8"))
    return Run(
        **saved
        | {
            "outcomes": Counter(saved["outcomes"]),
            "kinds": Counter(saved["kinds"]),
            "findings": [Finding(**row) for row in saved["findings"]],
            "slowest": tuple(saved["slowest"]),
        }
    )


def _work(answers: Connection, seed: int, start: int, end: int) -> None:
    """In the process that decodes: one answer an input."""
    no_core_file()
    all_seeds = seeds.collect()
    weights = mutations.weigh(all_seeds)
    # Undamaged, so that what decoders load and keep for good is not taken for growth.
    for seed_file in all_seeds:
        outcome(seed_file.finish(seed_file.data))
    for number in range(start, end):
        taken, data = mutations.make(all_seeds, weights, seed, number)
        before = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(before) + HANG_SECONDS + 1, resource.RLIM_INFINITY))
        what, details = outcome(data)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        answers.send((what, details, taken.kind, time.process_time() - before, peak))


def no_core_file() -> None:
    """A crash is told by the process's end; no file of its memory is wanted."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def outcome(data: bytes) -> tuple[str, str]:
    """Decode one input.

    Args:
        data: the file.

    Returns:
        "radiograph" or the sentence of a refusal, and nothing; else "exception" or "wrong result", and details.
    """
    try:
        radiograph = decode(data)
    except Unreadable as error:
        sentence = str(error)
        return (_NUMBERS.sub("#", sentence), "") if _SENTENCE.fullmatch(sentence) else ("wrong result", sentence)
    except BaseException as error:
        # Names alone: results are published, and paths tell of the machine.
        last = traceback.extract_tb(error.__traceback__)[-3:]
        way = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in last)
        return "exception", f"{type(error).__name__} at {way}"
    pixels = radiograph.pixels
    if pixels.ndim != 2 or pixels.dtype != np.float32 or not pixels.size:
        return "wrong result", f"pixels of shape {pixels.shape} and type {pixels.dtype}"
    low, high = float(pixels.min()), float(pixels.max())
    # Comparisons with what is not a number are false.
    return ("radiograph", "") if low >= 0 and high <= 255 else ("wrong result", f"values from {low} to {high}")


if __name__ == "__main__":
    sys.exit(main())

"""What the machine gives: peak operations a second, disk that packages take, processor time that others took.

Each library's peak is measured in a process: `python -m studies.engines.limits LIBRARY` prints JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from time import perf_counter

import numpy as np
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from studies.engines.ways import THREADS
from studies.engines.worker import ROOT, environment

SIDES, ROUNDS = (1024, 2048), 6
STAT = Path("/proc/stat")


class OtherProcesses:
    """How much of the processor went to other processes since this was made: a busy machine spoils every figure."""

    def __init__(self) -> None:
        self._busy, self._used, self._all = _busy(), _used(), _all()

    def share(self) -> float | None:
        """The share since then, 0 to 1; None where the system does not tell.

        Children count as others' until they have ended.
        """
        if not STAT.exists() or (passed := _all() - self._all) <= 0:
            return None
        return round(max(0.0, (_busy() - self._busy) - (_used() - self._used)) / passed, 3)


def _used() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _fields() -> list[float]:
    if not STAT.exists():
        return [0.0] * 8
    ticks = STAT.read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
    return [int(tick) / os.sysconf("SC_CLK_TCK") for tick in ticks]


def _busy() -> float:
    """Seconds in which a core worked: user, nice, system, interrupts and what the host took."""
    fields = _fields()
    return sum(fields) - fields[3] - fields[4]


def _all() -> float:
    return sum(_fields())


def installed_megabytes(packages: Iterable[str]) -> tuple[float, float]:
    """Size of some packages and of everything that they require.

    Args:
        packages: names.

    Returns:
        Megabytes, and how many of them are CUDA libraries, which a processor does not need.
    """
    known: dict[str, Distribution] = {}
    waiting = list(packages)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in known:
            continue
        try:
            known[name] = distribution(name)
        except PackageNotFoundError:
            continue  # an optional one that was left out
        for line in known[name].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    sizes = {name: _megabytes(package) for name, package in known.items()}
    cuda = sum(size for name, size in sizes.items() if name.startswith(("nvidia-", "cuda-", "triton")))
    return round(sum(sizes.values()), 1), round(cuda, 1)


def _megabytes(package: Distribution) -> float:
    total = 0
    for path in package.files or []:
        if path.suffix != ".pyc":
            try:
                total += os.stat(path.locate()).st_size  # noqa: PTH116 - a package's path is no pathlib.Path
            except OSError:
                continue  # listed, and deleted since
    return total / 1e6


def peaks() -> dict[str, dict[str, float]]:
    """Every library that is installed, each in a process of its own.

    Returns:
        By precision and library: thousand million operations a second (multiply and add count two).
    """
    by_kind: dict[str, dict[str, float]] = {}
    for name in LIBRARIES:
        command = [sys.executable, "-m", "studies.engines.limits", name]
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        if not done.returncode:
            for kind, value in json.loads(done.stdout.splitlines()[-1]).items():
                by_kind.setdefault(kind, {})[name] = value
    return by_kind


def main() -> None:
    """Measure one library."""
    print(json.dumps({kind: round(value / 1e9, 1) for kind, value in LIBRARIES[sys.argv[1]]().items()}))


def _best(prepare: Callable[[int], Callable[[], object]]) -> float:
    """Operations a second of the best product."""
    best = 0.0
    for side in SIDES:
        multiply = prepare(side)
        multiply()
        for _ in range(ROUNDS):
            start = perf_counter()
            multiply()
            best = max(best, 2 * side**3 / (perf_counter() - start))
    return best


def _numpy() -> dict[str, float]:
    def prepare(side: int) -> Callable[[], object]:
        one = np.random.default_rng(0).standard_normal((side, side), np.float32)
        return lambda: one @ one

    return {"float32": _best(prepare)}


def _pytorch() -> dict[str, float]:
    import torch

    torch.set_num_threads(THREADS)

    def in_floats(dtype: torch.dtype) -> Callable[[int], Callable[[], object]]:
        def prepare(side: int) -> Callable[[], object]:
            one = torch.randn(side, side).to(dtype)
            return lambda: one @ one

        return prepare

    def in_int8(side: int) -> Callable[[], object]:
        one = torch.randint(-127, 127, (side, side), dtype=torch.int8)
        return lambda: torch._int_mm(one, one)

    return {
        "float32": _best(in_floats(torch.float32)),
        "bfloat16": _best(in_floats(torch.bfloat16)),
        "int8": _best(in_int8),
    }


def _tensorflow() -> dict[str, float]:
    import tensorflow as tf

    from model.training import flops

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    return {kind: flops.measure_peak(kind) for kind in ("float32", "bfloat16")}


def _onnx() -> dict[str, float]:
    import onnxruntime
    from onnx import TensorProto, helper

    def prepare(side: int) -> Callable[[], object]:
        kinds = (("a", TensorProto.UINT8), ("b", TensorProto.INT8), ("c", TensorProto.INT32))
        a, b, c = (helper.make_tensor_value_info(name, kind, [side, side]) for name, kind in kinds)
        graph = helper.make_graph([helper.make_node("MatMulInteger", ["a", "b"], ["c"])], "product", [a, b], [c])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        rng = np.random.default_rng(0)
        values = {
            "a": rng.integers(0, 255, (side, side), np.uint8),
            "b": rng.integers(-127, 127, (side, side), np.int8),
        }
        return lambda: session.run(None, values)

    return {"int8": _best(prepare)}


LIBRARIES = {"NumPy": _numpy, "PyTorch": _pytorch, "TensorFlow": _tensorflow, "ONNX Runtime": _onnx}

if __name__ == "__main__":
    main()

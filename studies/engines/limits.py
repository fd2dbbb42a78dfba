"""The most operations a second that two cores do, by products of large matrices; prints JSON.

A process for each library: `python -m studies.engines.limits LIBRARY`; the best one counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

from studies.engines.process import ROOT, environment
from studies.engines.ways import THREADS

SIDES, ROUNDS = (1024, 2048), 6


def peaks() -> dict[str, dict[str, float]]:
    """Every library that is installed, each in a process of its own.

    Returns:
        By precision and library: thousand million operations a second (multiply and add count two).
    """
    found: dict[str, dict[str, float]] = {}
    for name in LIBRARIES:
        command = [sys.executable, "-m", "studies.engines.limits", name]
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        if not done.returncode:
            for kind, value in json.loads(done.stdout.splitlines()[-1]).items():
                found.setdefault(kind, {})[name] = value
    return found


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

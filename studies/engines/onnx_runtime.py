"""ONNX Runtime on its CPU provider, with all graph optimisations (its default)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from studies.engines.ways import THREADS, Array, Facts, Way


class OnnxRuntime:
    """A network with the outputs "logits" and "maps"."""

    def __init__(self, path: Path, facts: Facts) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        # Other engines are measured in between: threads that wait by spinning would take their processor.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._positive = facts.positive

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One forward pass."""
        logits, maps = self._session.run(["logits", "maps"], {"image": image})
        return np.asarray(logits)[0], np.asarray(maps)[0, :, :, self._positive]

    def batch(self, images: Array) -> Array | None:
        """All in one pass."""
        return np.asarray(self._session.run(["logits", "maps"], {"image": images})[0])


def load(way: Way, path: Path, facts: Facts) -> OnnxRuntime:
    """Open the file."""
    return OnnxRuntime(path, facts)

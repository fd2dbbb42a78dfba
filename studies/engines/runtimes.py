"""The engines without a training framework: this project's reader, LiteRT, ONNX Runtime and OpenVINO.

Each is imported when it is loaded, as a process measures one alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from studies.engines.ways import THREADS, Array, Engine, Facts, Way

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


class ProjectReader:
    """The shipped bundle, read as an app would: input check, scores and maps, without the lungs and the quality."""

    def __init__(self, facts: Facts) -> None:
        from model.reading import bundle as bundles
        from model.reading.reader import Reader

        self._reader = Reader(bundles.load(facts.bundle, threads=THREADS))
        self._positive = facts.positive

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One reading; a picture that the input check refuses has no maps in it, and gets the network's own."""
        from model.reading.radiograph import Radiograph

        reading = self._reader.read(Radiograph(image[0, :, :, 0], "PNG", ""), examine=False)
        if reading.scores:
            return np.array([*reading.logits.values()], np.float32), reading.cells[..., self._positive]
        outputs = self._reader.bundle.run(image)
        return outputs.logits, outputs.maps[..., self._positive]

    def batch(self, images: Array) -> Array | None:
        """One after the other: the file is made for one picture at a time."""
        return np.stack([self._reader.bundle.run(image[None]).logits for image in images])


class LiteRT:
    """A network with the outputs of `network.with_maps`."""

    def __init__(self, path: Path, facts: Facts) -> None:
        self._path, self._classes, self._positive = str(path), facts.classes, facts.positive
        self._one = self._open(1, facts.size)
        self._many: dict[int, Interpreter] = {}

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One forward pass."""
        logits, maps = self._invoke(self._one, image)
        return logits[0], maps[0, :, :, self._positive]

    def batch(self, images: Array) -> Array | None:
        """All in one pass, in an interpreter of that batch size."""
        if len(images) not in self._many:
            self._many[len(images)] = self._open(len(images), images.shape[1])
        return self._invoke(self._many[len(images)], images)[0]

    def _open(self, number: int, size: int) -> Interpreter:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=self._path, num_threads=THREADS)
        if number > 1:
            place = interpreter.get_input_details()[0]["index"]
            interpreter.resize_tensor_input(place, [number, size, size, 1])
        interpreter.allocate_tensors()
        return interpreter

    def _invoke(self, interpreter: Interpreter, images: Array) -> tuple[Array, Array]:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
        interpreter.invoke()
        outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
        # The outputs do not have the signature's names, but each has another shape.
        maps = next(output for output in outputs if output.ndim == 4)
        logits = next(output for output in outputs if output.ndim == 2 and output.shape[1] == self._classes)
        return np.asarray(logits), np.asarray(maps)


class OnnxRuntime:
    """A network with the outputs "logits" and "maps"."""

    def __init__(self, path: Path, facts: Facts) -> None:
        import onnxruntime

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


class OpenVino:
    """A network with the outputs "logits" and "maps", compiled for one picture and for batches."""

    def __init__(self, path: Path, facts: Facts, precision: str) -> None:
        import openvino

        self._core = openvino.Core()
        self._path, self._precision, self._positive = path, precision, facts.positive
        self._compiled: dict[int, Any] = {}
        self._compile(1, facts.size)

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One forward pass."""
        outputs = self._compile(1, image.shape[1])(image)
        return np.array(outputs["logits"])[0], np.array(outputs["maps"])[0, :, :, self._positive]

    def batch(self, images: Array) -> Array | None:
        """All in one pass."""
        return np.array(self._compile(len(images), images.shape[1])(images)["logits"])

    def _compile(self, number: int, size: int) -> Any:
        if number not in self._compiled:
            model = self._core.read_model(self._path)
            # Fixed sizes are what its documentation advises for speed.
            model.reshape([number, size, size, 1])
            self._compiled[number] = self._core.compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_NUM_THREADS": THREADS,
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_PRECISION_HINT": self._precision,
                },
            )
        return self._compiled[number]


def load(way: Way, path: Path, facts: Facts) -> Engine:
    """Load the engine that the way's form names."""
    if way.form == "reader":
        return ProjectReader(facts)
    if way.form == "litert":
        return LiteRT(path, facts)
    if way.form == "onnx":
        return OnnxRuntime(path, facts)
    return OpenVino(path, facts, way.form)

"""This project's reader, LiteRT, ONNX Runtime, OpenVINO and Keras, each imported when it is loaded.

A process measures one of them alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from studies.engines.ways import THREADS, Array, Facts

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


class ProjectReader:
    """The shipped bundle, read as an app would: input check, scores and maps, without the lungs and the quality."""

    def __init__(self, path: Path, facts: Facts, form: str) -> None:
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

    def __init__(self, path: Path, facts: Facts, form: str) -> None:
        self._path, self._classes, self._positive = str(path), facts.classes, facts.positive
        self._opened = {1: self._open(1, facts.size)}

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One forward pass."""
        logits, maps = self._invoke(self._opened[1], image)
        return logits[0], maps[0, :, :, self._positive]

    def batch(self, images: Array) -> Array | None:
        """All in one pass, in an interpreter of that batch size."""
        if len(images) not in self._opened:
            self._opened[len(images)] = self._open(len(images), images.shape[1])
        return self._invoke(self._opened[len(images)], images)[0]

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

    def __init__(self, path: Path, facts: Facts, form: str) -> None:
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

    def __init__(self, path: Path, facts: Facts, form: str) -> None:
        import openvino

        self._core = openvino.Core()
        self._path, self._precision, self._positive = path, form, facts.positive
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


class Keras:
    """Keras on TensorFlow.

    By form: "predict" gives scores alone; "graph" and "eager" Grad-CAM as tutorials write it (Selvaraju et al. 2017),
    one class, one forward pass and one gradient; "vis" tf-keras-vis' Grad-CAM, a heatmap alone.
    """

    def __init__(self, path: Path, facts: Facts, form: str) -> None:
        import keras
        import tensorflow as tf

        from model.training import network

        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._model = network.build("resnet50", facts.classes, facts.size, path)
        # As export does; it moves no score and makes the maps comparable.
        network.centre_head(self._model)
        self._form, self._positive = form, facts.positive
        last = self._model.get_layer(network.FEATURES_LAYER).input
        if form == "vis":
            from tf_keras_vis.gradcam import Gradcam
            from tf_keras_vis.utils.scores import CategoricalScore

            self._layer = last._keras_history.operation.name
            self._visualiser, self._score = Gradcam(self._model), CategoricalScore([facts.positive])
        elif form != "predict":
            self._looker = keras.Model(self._model.input, [last, self._model.output])
            shape = tf.TensorSpec((1, facts.size, facts.size, 1), tf.float32)
            self._look = tf.function(self._gradcam, input_signature=[shape]) if form == "graph" else self._gradcam

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """Scores, a heatmap, or both, of one picture."""
        if self._form == "predict":
            return np.asarray(self._model.predict(image, verbose=0))[0], None
        if self._form == "vis":
            place = {"penultimate_layer": self._layer, "seek_penultimate_conv_layer": False}
            return None, np.asarray(self._visualiser(self._score, image, **place))[0]
        logits, heatmap = self._look(image)
        return np.asarray(logits)[0], np.asarray(heatmap)[0]

    def batch(self, images: Array) -> Array | None:
        """All in one call; tf-keras-vis gives no scores."""
        if self._form == "vis":
            return None
        return np.asarray(self._model.predict(images, batch_size=len(images), verbose=0))

    def _gradcam(self, image: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            activations, logits = self._looker(image, training=False)
            wanted = logits[:, self._positive]
        gradient = tape.gradient(wanted, activations)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        return logits, tf.nn.relu(tf.reduce_sum(weights * activations, axis=-1))

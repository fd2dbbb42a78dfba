"""Keras on TensorFlow: model.predict, Grad-CAM by a hand-written GradientTape, and by tf-keras-vis."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf

from model.training import network
from studies.engines.ways import THREADS, Array, Facts, Way


class Predict:
    """What most people write: scores alone."""

    def __init__(self, path: Path, facts: Facts) -> None:
        self.model = network.build("resnet50", facts.classes, facts.size)
        self.model.load_weights(path)
        # As export does; it moves no score and makes the maps comparable.
        network.centre_head(self.model)
        self.positive = facts.positive

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """Scores of one picture."""
        return np.asarray(self.model.predict(image, verbose=0))[0], None

    def batch(self, images: Array) -> Array | None:
        """All in one call."""
        return np.asarray(self.model.predict(images, batch_size=len(images), verbose=0))


class Tape(Predict):
    """Grad-CAM as tutorials write it (Selvaraju et al. 2017): one class, one forward pass and one gradient."""

    def __init__(self, path: Path, facts: Facts, graph: bool) -> None:
        super().__init__(path, facts)
        last = self.model.get_layer(network.FEATURES_LAYER).input
        self._looker = keras.Model(self.model.input, [last, self.model.output])
        shape = tf.TensorSpec((1, facts.size, facts.size, 1), tf.float32)
        self._look = tf.function(self._gradcam, input_signature=[shape]) if graph else self._gradcam

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """Scores and the heatmap of one picture."""
        logits, heatmap = self._look(tf.constant(image))
        return np.asarray(logits)[0], np.asarray(heatmap)[0]

    def _gradcam(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            activations, logits = self._looker(image, training=False)
            wanted = logits[:, self.positive]
        gradient = tape.gradient(wanted, activations)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        return logits, tf.nn.relu(tf.reduce_sum(weights * activations, axis=-1))


class Library(Predict):
    """tf-keras-vis' Grad-CAM, told which layer to look at; a heatmap alone."""

    def __init__(self, path: Path, facts: Facts) -> None:
        super().__init__(path, facts)
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.scores import CategoricalScore

        self._layer = self.model.get_layer(network.FEATURES_LAYER).input._keras_history.operation.name
        self._visualiser, self._score = Gradcam(self.model), CategoricalScore([facts.positive])

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """The heatmap of one picture."""
        heatmap = self._visualiser(self._score, image, penultimate_layer=self._layer, seek_penultimate_conv_layer=False)
        return None, np.asarray(heatmap)[0]

    def batch(self, images: Array) -> Array | None:
        """It gives no scores."""
        return None


def load(way: Way, path: Path, facts: Facts) -> Predict:
    """Build the network and load the weights."""
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if way.form == "vis":
        return Library(path, facts)
    return Predict(path, facts) if way.form == "predict" else Tape(path, facts, way.form == "graph")

"""Reference Grad-CAM by gradients, with which the exported class maps are compared."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from model.training.network import FEATURES_LAYER


def gradcam(model: keras.Model, images: np.ndarray, *, relu: bool = True) -> np.ndarray:
    """Grad-CAM of every class at the last convolution (Selvaraju et al. 2017, equations 1 and 2), from the logits.

    Args:
        model: as `network.build` returns it; the layer before the pooling is looked at.
        images: (N, S, S, 1) float32 grey, 0-255.
        relu: keep positive evidence alone, as the paper does.

    Returns:
        (N, h, w, C) float32: sum over channels of the activations, each weighted by its mean gradient.
    """
    looker = keras.Model(model.input, [model.get_layer(FEATURES_LAYER).input, model.output])
    with tf.GradientTape(persistent=True) as tape:
        activations, logits = looker(tf.convert_to_tensor(images, tf.float32), training=False)
        each = [logits[:, c] for c in range(logits.shape[-1])]
    maps = []
    for logit in each:
        gradient = tape.gradient(logit, activations)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        maps.append(tf.reduce_sum(weights * activations, axis=-1))
    stacked = tf.stack(maps, axis=-1)
    return np.asarray(tf.nn.relu(stacked) if relu else stacked)

"""Floating-point operations: of a training step, counted in its graph, and the peak of a device."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import keras
import tensorflow as tf

# Sides of the matrices: large enough to use the whole device, small enough for its memory.
SIDES = {"CPU": (1024, 2048), "GPU": (4096, 8192)}
# The input or output of an operation that is the convolution's result, and the shape of its kernel.
CONVOLUTIONS = {
    "Conv2D": (lambda op: op.outputs[0], lambda op: op.inputs[1].shape),
    "Conv2DBackpropInput": (lambda op: op.inputs[2], lambda op: op.inputs[1].shape),
    "Conv2DBackpropFilter": (lambda op: op.inputs[2], lambda op: op.outputs[0].shape),
}


def count(model: keras.Model, size: int) -> dict[str, int]:
    """Count the operations for one image, forward and backward.

    Every convolution and matrix product of the traced forward pass and gradient counts two operations (multiply and
    add) per product of its shapes. Frozen stages count forward alone.
    BatchNorm, ReLU, pooling, loss, the optimiser and the augmentation are left out: less than 2 % of the network's.

    Args:
        model: as `network.freeze_below` leaves it.
        size: pixels a side.

    Returns:
        "forward" and "backward".
    """

    def step(pictures: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            logits = model(pictures, training=True)
            total = tf.reduce_sum(logits)
        return logits, tape.gradient(total, model.trainable_weights)

    specification = tf.TensorSpec((1, size, size, 1), tf.float32)
    forward = tf.function(lambda pictures: model(pictures, training=True)).get_concrete_function(specification)
    both = tf.function(step).get_concrete_function(specification)
    first, all_ = (sum(_operations(op) for op in _needed(made.outputs)) for made in (forward, both))
    return {"forward": first, "backward": all_ - first}


def _needed(outputs: Sequence[tf.Tensor]) -> set[tf.Operation]:
    """The operations that outputs depend on: TensorFlow does not run the others in the graph."""
    needed: set[tf.Operation] = set()
    waiting = [output.op for output in outputs]
    while waiting:
        op = waiting.pop()
        if op not in needed:
            needed.add(op)
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return needed


def _operations(op: tf.Operation) -> int:
    if op.type in CONVOLUTIONS:
        result, kernel = CONVOLUTIONS[op.type]
        # The kernel's last size, the number of channels of the result, is in the result's shape already.
        return 2 * math.prod(result(op).shape) * math.prod(kernel(op)[:3])
    if op.type == "MatMul":
        inner = op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
        return 2 * math.prod(op.outputs[0].shape) * inner
    return 0


def measure_peak(dtype: str, rounds: int = 5) -> float:
    """The peak rate of this device: the best of some products of large square matrices.

    Args:
        dtype: "float32", "bfloat16" or "float16".
        rounds: for each size.

    Returns:
        FLOP/s.
    """
    multiply = tf.function(tf.matmul)
    best = 0.0
    for side in SIDES["GPU" if tf.config.list_physical_devices("GPU") else "CPU"]:
        matrix = tf.cast(tf.random.stateless_normal((side, side), (0, 1)), dtype)
        for _ in range(rounds + 1):  # the first one traces
            began = time.perf_counter()
            # One number is fetched, because a GPU returns before it is done.
            float(multiply(matrix, matrix)[0, 0])
            best = max(best, 2 * side**3 / (time.perf_counter() - began))
    return best

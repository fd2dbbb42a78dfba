"""Processes that train together: who they are, sums over them, and the optimiser that needs both."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Any number that TensorFlow's own groups, counted from 1, do not reach.
GROUP = 10_000


class DeviceError(ValueError):
    """The devices can't be used as asked, or another process is gone; the message says in a sentence what to do."""


def find_processes() -> tuple[int, int]:
    """The number of this process and how many there are, from TF_CONFIG; (0, 1) where it is not set.

    Raises:
        DeviceError: TF_CONFIG is no JSON of the expected form.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return 0, 1
    try:
        config = json.loads(text)
        workers, number = config["cluster"]["worker"], int(config["task"]["index"])
        if config["task"]["type"] != "worker" or not 0 <= number < len(workers):
            raise ValueError(text)
    except (KeyError, TypeError, ValueError) as error:
        raise DeviceError(
            'TF_CONFIG can\'t be used. It has to look like {"cluster": {"worker": ["host:port", "host:port"]}, '
            '"task": {"type": "worker", "index": 0}}: no other kind of task is known here.'
        ) from error
    return number, len(workers)


_asked = 0


def add_up(values: Sequence[tf.Tensor], processes: int) -> list[tf.Tensor]:
    """Sums over the processes, all values in one message.

    Args:
        values: float tensors of fixed shapes, the same ones in every process.
        processes: how many there are; each has to call this as often as the others, in the same order.

    Returns:
        The sums, in the order and shapes of the values, float32.
    """
    global _asked
    _asked += 1
    flat = tf.concat([tf.reshape(tf.cast(value, tf.float32), [-1]) for value in values], axis=0)
    total = tf.raw_ops.CollectiveReduceV2(
        input=flat,
        group_size=processes,
        group_key=GROUP,
        instance_key=GROUP + _asked,
        ordering_token=[],
        merge_op="Add",
        final_op="Id",
        communication_hint="auto",
    )
    parts = tf.split(total, [int(np.prod(value.shape)) for value in values])
    return [tf.reshape(part, value.shape) for part, value in zip(parts, values, strict=True)]


@keras.saving.register_keras_serializable("radiographs")
class SharedAdamW(keras.optimizers.AdamW):
    """AdamW that clips the gradient of the whole batch, as one device would.

    Keras clips each device's own gradient before it adds them up, and adds up nothing over processes without a
    strategy.
    """

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Add up the gradients over devices and processes, then update the weights."""
        grads = [tf.convert_to_tensor(grad) for grad in grads]
        replica = tf.distribute.get_replica_context()
        if replica and replica.num_replicas_in_sync > 1:
            grads = replica.all_reduce(tf.distribute.ReduceOp.SUM, grads)
        processes = find_processes()[1]
        if processes > 1:
            grads = [total / processes for total in add_up(grads, processes)]
        super().apply(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> list[Any]:
        return list(grads_and_vars)

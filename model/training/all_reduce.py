"""The processes of one training, sums over them, and the optimiser that sums the gradients of all.

`keras.distribution` does not run on TensorFlow, and `MultiWorkerMirroredStrategy` with Keras' `fit` fails or diverges
(docs/training.md). So TensorFlow's strategy only connects the processes, each trains an ordinary Keras model, and
`AllReduceAdamW` sums the gradients with TensorFlow's collective operation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model.training.config import TrainingError

# TensorFlow numbers its own groups from 1; ours must not collide with them.
GROUP = 10_000
_reductions = 0


class DeviceError(TrainingError):
    """The devices can't be used as asked, or another process has ended; the message says what to do."""


def read_tf_config() -> tuple[int, int]:
    """The index of this process and the number of processes, from TF_CONFIG; (0, 1) where it is not set.

    Raises:
        DeviceError: TF_CONFIG is not JSON of the expected form.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return 0, 1
    try:
        config = json.loads(text)
        workers, index = config["cluster"]["worker"], int(config["task"]["index"])
        if config["task"]["type"] != "worker" or not 0 <= index < len(workers):
            raise ValueError(text)
    except (KeyError, TypeError, ValueError) as error:
        raise DeviceError(
            'TF_CONFIG can\'t be used. It has to look like {"cluster": {"worker": ["host:port", "host:port"]}, '
            '"task": {"type": "worker", "index": 0}}; other types of task are not supported.'
        ) from error
    return index, len(workers)


def sum_over_processes(values: Sequence[tf.Tensor], processes: int) -> list[tf.Tensor]:
    """Sum tensors over the processes, all in one message.

    Args:
        values: float tensors of static shapes, the same in every process.
        processes: their number; each has to call this equally often, in the same order.

    Returns:
        The sums, in the order and shapes of the values, float32.
    """
    global _reductions
    _reductions += 1
    flat = tf.concat([tf.reshape(tf.cast(value, tf.float32), [-1]) for value in values], axis=0)
    total = tf.raw_ops.CollectiveReduceV2(
        input=flat,
        group_size=processes,
        group_key=GROUP,
        instance_key=GROUP + _reductions,
        ordering_token=[],
        merge_op="Add",
        final_op="Id",
        communication_hint="auto",
    )
    parts = tf.split(total, [int(np.prod(value.shape)) for value in values])
    return [tf.reshape(part, value.shape) for part, value in zip(parts, values, strict=True)]


@keras.saving.register_keras_serializable("radiographs")
class AllReduceAdamW(keras.optimizers.AdamW):
    """AdamW that clips the gradient of the whole batch, as on one device.

    Keras clips each device's gradient before it sums them, and sums nothing over processes without a strategy.
    """

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Sum the gradients over devices and processes, then update the weights."""
        grads = [tf.convert_to_tensor(grad) for grad in grads]
        replica = tf.distribute.get_replica_context()
        if replica and replica.num_replicas_in_sync > 1:
            grads = replica.all_reduce(tf.distribute.ReduceOp.SUM, grads)
        processes = read_tf_config()[1]
        if processes > 1:
            grads = [total / processes for total in sum_over_processes(grads, processes)]
        super().apply(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> list[Any]:
        return list(grads_and_vars)

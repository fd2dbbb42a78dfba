"""Precision and devices of a training: one device, all GPUs of a machine, or one process on each of many machines."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model.training import network
from model.training.all_reduce import DeviceError, read_tf_config, sum_over_processes

# What TensorFlow raises where another process does not answer: it depends on how that ended and on the network.
CONNECTION_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


def choose_precision(several_devices: bool = False) -> str:
    """Set the precision that the hardware is fastest in.

    bfloat16 on a GPU of compute capability 8 or a CPU with AMX, float16 on older GPUs, float32 elsewhere. Weights and
    the optimiser stay float32.

    Args:
        several_devices: whether several devices share every batch. Older GPUs then compute in float32: Keras finds
            the loss scale that float16 needs from one device's part alone.

    Returns:
        A line that names the device and the precision.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        has_bfloat16 = details.get("compute_capability", (0, 0))[0] >= 8
        policy = "mixed_bfloat16" if has_bfloat16 else "float32" if several_devices else "mixed_float16"
        compiler = "" if several_devices else ", XLA"
        line = f"{len(gpus)} GPU ({details.get('device_name', 'unnamed')}), {policy}{compiler}"
    else:
        cpu = Path("/proc/cpuinfo")
        has_amx = cpu.exists() and "amx_bf16" in cpu.read_text(encoding="utf-8", errors="replace")
        policy = "mixed_bfloat16" if has_amx else "float32"
        line = f"no GPU, training on {os.cpu_count()} CPU cores, {policy}"
    keras.mixed_precision.set_global_policy(policy)
    return line


@dataclass(frozen=True)
class Devices:
    """The devices that share every batch.

    Attributes:
        strategy: copies the network to the devices of this process; None for one device.
        process: index of this process.
        processes: their number, each with its part of every batch.
        cluster: TensorFlow's connection of the processes; kept alive here.
    """

    strategy: Any = None
    process: int = 0
    processes: int = 1
    cluster: Any = field(default=None, repr=False, compare=False)

    @property
    def local(self) -> int:
        """Devices of this process."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def count(self) -> int:
        """Devices of all processes: the parts that every batch is cut into."""
        return self.processes * self.local

    @property
    def chief(self) -> bool:
        """Whether this process writes the files."""
        return self.process == 0

    def __str__(self) -> str:
        """A line for the log; empty for one device."""
        if self.processes > 1:
            return f"process {self.process + 1} of {self.processes}, each with its part of every batch"
        return f"{self.count} devices, each with its part of every batch" if self.count > 1 else ""

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """The scope in which the network and its optimiser have to be created."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def check(self, batch_size: int) -> None:
        """Refuse a batch that can't be cut into equal parts.

        Raises:
            DeviceError: see the message.
        """
        if batch_size % self.count:
            raise DeviceError(
                f"A batch of {batch_size} images can't be shared equally among {self.count} devices: give a "
                f"--batch-size that is a multiple of {self.count}."
            )

    def replicate(self, model: keras.Model, build: Callable[[], keras.Model]) -> keras.Model:
        """Give every device and process the same network.

        Args:
            model: with the weights, created outside of the scope.
            build: creates the same network with any weights.

        Returns:
            The network to train: `model` itself where this process has one device.
        """
        # Each process fitted the head for itself: equal up to the order of sums.
        head = model.get_layer(network.LOGITS_LAYER)
        head.set_weights([self.mean(weight) for weight in head.get_weights()])
        if self.strategy is None:
            return model
        with self.scope():
            copy = build()
        copy.set_weights(model.get_weights())
        return copy

    def validation_batch(self, images: int) -> int:
        """The batch size for validation, where every process validates on all images.

        Keras fails where the devices' parts of the first batch differ, oneDNN where a device's part of the last one is
        empty: the first can be cut equally, and the last is large enough for all.

        Raises:
            DeviceError: there are too few images.
        """
        for size in range(min(64, images) // self.local * self.local, 0, -self.local):
            if images % size == 0 or images % size >= self.local:
                return size
        raise DeviceError(
            f"{images} validation images can't be shared among {self.local} devices: give fewer --devices."
        )

    def shard(self, stream: tf.data.Dataset) -> tf.data.Dataset:
        """This process' part of every batch."""
        if self.processes == 1:
            return stream
        return stream.map(lambda *parts: tuple(part[self.process :: self.processes] for part in parts)).prefetch(2)

    def mean(self, value: Any) -> np.ndarray:
        """The mean of a number or an array over the processes; each of them has to call it."""
        if self.processes == 1:
            return np.asarray(value)
        with self.explain_connection_errors():
            (total,) = sum_over_processes([tf.convert_to_tensor(value, tf.float32)], self.processes)
            return total.numpy() / self.processes

    def chief_first(self, work: Callable[[], Any]) -> Any:
        """Do work in the first process before the others, so that they find what it has cached."""
        if not self.chief:
            self.mean(0.0)  # wait
            return work()
        result = work()
        self.mean(0.0)
        return result

    @contextlib.contextmanager
    def explain_connection_errors(self) -> Iterator[None]:
        """Turn TensorFlow's error about a process that has ended into a DeviceError."""
        try:
            yield
        except CONNECTION_ERRORS as error:
            if self.processes == 1:
                raise
            raise DeviceError(
                "Another process of this training has ended or can't be reached. The last checkpoint is unharmed: "
                f"start all {self.processes} processes again with --resume. ({type(error).__name__})"
            ) from error


SINGLE_DEVICE = Devices()


def choose_devices(wanted: str = "1") -> Devices:
    """Take the devices that the command line asks for; call it before anything else of TensorFlow runs.

    Args:
        wanted: "all" GPUs of this machine, or a number: of GPUs, or of parts of the CPU where there is no GPU.
            Where TF_CONFIG lists two or more workers, this process is one of them, with one device.

    Returns:
        The devices.

    Raises:
        DeviceError: there are fewer GPUs, `wanted` is not a number, or TF_CONFIG can't be used.
    """
    if wanted != "all" and not (wanted.isdigit() and int(wanted) > 0):
        raise DeviceError(f"--devices {wanted} is neither a number from 1 on nor the word all.")
    process, processes = read_tf_config()
    gpus = tf.config.list_physical_devices("GPU")
    if processes > 1:
        if wanted not in ("1", "all") or (len(gpus) > 1 and wanted == "all"):
            raise DeviceError(
                f"--devices {wanted} does not go together with TF_CONFIG, where each process has one device: start a "
                "process for each GPU, list them all in TF_CONFIG, and set CUDA_VISIBLE_DEVICES for each."
            )
        return Devices(None, process, processes, tf.distribute.MultiWorkerMirroredStrategy())
    count = max(1, len(gpus)) if wanted == "all" else int(wanted)
    if count == 1:
        return SINGLE_DEVICE
    if gpus and count > len(gpus):
        raise DeviceError(f"--devices {wanted}, but there are {len(gpus)} GPUs: give a smaller number, or all.")
    if not gpus:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    kind = "GPU" if gpus else "CPU"
    return Devices(tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(count)]))

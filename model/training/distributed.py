"""Train on several devices: all GPUs of a machine, or a process on each of many machines."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model.training import network
from model.training.all_reduce import DeviceError, add_up, find_processes

# What TensorFlow raises where another process does not answer, by how it went away and which network is between.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


@dataclass(frozen=True)
class Devices:
    """What a batch is shared among.

    Attributes:
        strategy: copies the network to the devices of this process; None for one device.
        process: number of this process, from 0 on.
        processes: how many train together, each with its part of every batch.
        cluster: TensorFlow's, which carries the sums from process to process; kept alive here.
    """

    strategy: Any = None
    process: int = 0
    processes: int = 1
    cluster: Any = field(default=None, repr=False, compare=False)

    @property
    def here(self) -> int:
        """Devices of this process."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def count(self) -> int:
        """Parts that every batch is cut into."""
        return self.processes * self.here

    @property
    def chief(self) -> bool:
        """Whether this process writes the files."""
        return self.process == 0

    def __str__(self) -> str:
        """Say in a sentence what was found; nothing for one device."""
        if self.processes > 1:
            return f"process {self.process + 1} of {self.processes}, each with its part of every batch"
        return f"{self.count} devices, each with its part of every batch" if self.count > 1 else ""

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """The scope in which the network and its optimiser have to be made."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def refuse(self, batch_size: int, norms: bool) -> None:
        """Raise DeviceError where the result would not be that of one device."""
        if norms and self.count > 1:
            raise DeviceError(
                "--norms and several devices do not go together: each would normalise by its own part of a batch. "
                "Leave one out."
            )
        if batch_size % self.count:
            raise DeviceError(
                f"A batch of {batch_size} pictures can't be shared equally among {self.count} devices: give a "
                f"--batch-size that is a multiple of {self.count}."
            )

    def spread(self, model: keras.Model, build: Callable[[], keras.Model]) -> keras.Model:
        """Give every device and process the same network.

        Args:
            model: with the weights, made outside of the scope.
            build: makes the same network with any weights.

        Returns:
            The network to train: `model` itself where this process has one device.
        """
        # The head was fitted by each process for itself, alike up to the order of sums.
        head = model.get_layer(network.LOGITS_LAYER)
        head.set_weights([self.average(weight) for weight in head.get_weights()])
        if self.strategy is None:
            return model
        with self.scope():
            copy = build()
        copy.set_weights(model.get_weights())
        return copy

    def validation_batch(self, pictures: int) -> int:
        """How many of the validation pictures, all of which each process judges, go into a batch.

        Keras fails where the devices' parts of the first batch differ, oneDNN where a device's part of the last one is
        empty; so the first can be cut equally, and the last is large enough for all.

        Raises:
            DeviceError: there are too few pictures.
        """
        for size in range(min(64, pictures) // self.here * self.here, 0, -self.here):
            if pictures % size == 0 or pictures % size >= self.here:
                return size
        raise DeviceError(
            f"{pictures} pictures to validate with can't be shared among {self.here} devices: give fewer --devices."
        )

    def share(self, stream: tf.data.Dataset) -> tf.data.Dataset:
        """This process' part of every batch."""
        if self.processes == 1:
            return stream
        return stream.map(lambda *parts: tuple(part[self.process :: self.processes] for part in parts)).prefetch(2)

    def average(self, value: Any) -> np.ndarray:
        """The mean of a number or an array over the processes; all of them have to ask for it."""
        if self.processes == 1:
            return np.asarray(value)
        with self.telling_of_lost_processes():
            return add_up([tf.convert_to_tensor(value, tf.float32)], self.processes)[0].numpy() / self.processes

    def in_turn(self, work: Callable[[], Any]) -> Any:
        """Let the first process do the work before the others do the same, so that they find what it has cached."""
        if self.chief:
            done = work()
            self.average(0.0)
            return done
        self.average(0.0)
        return work()

    @contextlib.contextmanager
    def telling_of_lost_processes(self) -> Iterator[None]:
        """Turn TensorFlow's error about another process that is gone into a sentence."""
        try:
            yield
        except LOST as error:
            if self.processes == 1:
                raise
            raise DeviceError(
                "Another process of this training is gone or can't be reached. The last checkpoint is unharmed: start "
                f"all {self.processes} processes again with --resume. ({type(error).__name__})"
            ) from error


ALONE = Devices()


def choose(wanted: str = "1") -> Devices:
    """Take the devices that the command line asks for; call it before anything else of TensorFlow runs.

    Args:
        wanted: "all" GPUs of this machine, or a number: of GPUs, or of parts of the processor where there is no GPU.
            Where the environment's TF_CONFIG lists two or more workers, this process is one of them, with one device.

    Returns:
        What was found.

    Raises:
        DeviceError: not so many GPUs, no number, or a TF_CONFIG that can't be used.
    """
    if wanted != "all" and not (wanted.isdigit() and int(wanted) > 0):
        raise DeviceError(f"--devices {wanted} is neither a number from 1 on nor the word all.")
    process, processes = find_processes()
    gpus = tf.config.list_physical_devices("GPU")
    if processes > 1:
        if wanted not in ("1", "all") or (len(gpus) > 1 and wanted == "all"):
            raise DeviceError(
                f"--devices {wanted} does not go together with TF_CONFIG, where each process has one device: start a "
                "process for each GPU, list them all in TF_CONFIG, and give each its own CUDA_VISIBLE_DEVICES."
            )
        # Keras' own training under this strategy fails or goes wrong (docs/training.md): it is only asked to connect
        # the processes, and `SharedAdamW` adds up what they found.
        return Devices(None, process, processes, tf.distribute.MultiWorkerMirroredStrategy())
    count = max(1, len(gpus)) if wanted == "all" else int(wanted)
    if count == 1:
        return ALONE
    if gpus and count > len(gpus):
        raise DeviceError(f"--devices {wanted}, but there are {len(gpus)} GPUs: give a smaller number, or all.")
    if not gpus:
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * count)
    kind = "GPU" if gpus else "CPU"
    return Devices(tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(count)]))

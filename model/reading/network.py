"""A LiteRT model file, ready to run; the one place that touches LiteRT's interpreter."""

from __future__ import annotations

import struct
import threading
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

_INPUT, _SIGNATURE = "image", "serving_default"
# Places in the tables of the file's format (schema.fbs of TensorFlow Lite): of a model, and of a subgraph.
_SUBGRAPHS, _OUTPUTS = 2, 2


class Network:
    """One interpreter, used by one thread at a time; the others wait.

    Attributes:
        input_shape: (1, S, S, 1) of the input "image".
        output_shapes: by name.
    """

    def __init__(self, model: bytes, outputs: Collection[str], threads: int = 2, *, keep_tensors: bool = False) -> None:
        """Build the interpreter.

        Args:
            model: content of the file.
            outputs: names that it must have.
            threads: of the interpreter.
            keep_tensors: keep all values of a forward pass for `tensor`, which is slower and takes more memory.

        Raises:
            ValueError: it is no such network.
        """
        # Here and not above: it costs 0.1 s that reading a card alone need not pay.
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()
        try:
            self._interpreter = Interpreter(
                model_content=model, num_threads=threads, experimental_preserve_all_tensors=keep_tensors
            )
            self._interpreter.allocate_tensors()
            signature = self._interpreter.get_signature_runner(_SIGNATURE)
            inputs, found = signature.get_input_details(), signature.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ValueError("it can't be loaded by LiteRT") from error
        if _INPUT not in inputs or not set(outputs) <= set(found):
            raise ValueError(f"it has {sorted(inputs)} and {sorted(found)}, not {_INPUT} and {', '.join(outputs)}")
        self.input_shape = tuple(int(length) for length in inputs[_INPUT]["shape"])
        self.output_shapes = {name: tuple(int(n) for n in details["shape"]) for name, details in found.items()}
        # Set and read by number: the signature's own call looks every name up and copies every output once more.
        self._input: int = inputs[_INPUT]["index"]
        self._outputs: dict[str, int] = {name: details["index"] for name, details in found.items()}
        height, width = (self.input_shape[1:3] * 2)[:2]
        if self.input_shape != (1, height, width, 1) or height != width:
            raise ValueError(f"its input has the shape {self.input_shape}, not that of one grey square")

    @property
    def size(self) -> int:
        """Pixels a side of its input."""
        return self.input_shape[1]

    def run(self, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """One forward pass.

        Args:
            image: (1, S, S, 1) float32 grey, 0-255.

        Returns:
            The outputs by name, each a copy.

        Raises:
            ValueError: the shape is another.
        """
        if image.shape != self.input_shape:
            raise ValueError(f"expected an image of shape {self.input_shape}, got {image.shape}")
        with self._lock:
            self._interpreter.set_tensor(self._input, np.ascontiguousarray(image, dtype=np.float32))
            self._interpreter.invoke()
            return {name: self._interpreter.get_tensor(number) for name, number in self._outputs.items()}

    def tensors(self) -> list[dict[str, Any]]:
        """LiteRT's description of every tensor of the file."""
        details: list[dict[str, Any]] = self._interpreter.get_tensor_details()
        return details

    def tensor(self, details: dict[str, Any]) -> NDArray[np.float32]:
        """A tensor's values in the last forward pass; only for outputs, or with `keep_tensors`.

        Args:
            details: one of `tensors`. What is kept in 8 bits has one scale and one zero point.
        """
        values = self._interpreter.get_tensor(details["index"])
        if values.dtype == np.float32:
            return np.asarray(values)
        scale, zero = details["quantization"]
        return np.asarray((values.astype(np.float32) - zero) * scale, np.float32)


def tensors(model: bytes) -> list[dict[str, Any]]:
    """LiteRT's description of every tensor of a file, which is not made ready to run: that takes little memory.

    Raises:
        ValueError: it is no model file.
    """
    from ai_edge_litert.interpreter import Interpreter

    details: list[dict[str, Any]] = Interpreter(model_content=model).get_tensor_details()
    return details


def feature_maps(model: bytes, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The feature maps between a network's stages: run once, in an interpreter of its own that is gone afterwards.

    LiteRT frees what lies between a network's inputs and its outputs. Here the list of outputs in a copy of the file
    is replaced by a longer one, so that the very same computation hands out the last maps of each stage too; the
    interpreter's switch that preserves every value would run the network in another, slower way and keep all of them.

    Args:
        model: content of a bundle's model file.
        image: (1, S, S, 1) float32 grey, 0-255.

    Returns:
        The last maps of each size that the picture is halved to, (h, w, K) each, from the picture up.

    Raises:
        ValueError: the file is no such network, or the picture has another size.
    """
    try:
        stages = _last_of_each_size(tensors(model), image.shape[1])
        network = Network(with_outputs(model, [stage["index"] for stage in stages]), (), threads=1)
    except (RuntimeError, ValueError, struct.error) as error:
        raise ValueError("The model file has no feature maps that LiteRT can hand out.") from error
    network.run(image)
    return [network.tensor(stage)[0] for stage in stages]


def with_outputs(model: bytes, more: list[int]) -> bytes:
    """A model file whose first subgraph has further outputs.

    The new list is put behind everything else, and the place that tells where the list lies is changed; FlatBuffers
    allows its parts in any order.

    Args:
        model: the file.
        more: numbers of the values to hand out too.

    Returns:
        The changed copy.

    Raises:
        ValueError: the file has no list of outputs.
        struct.error: it ends too early.
    """
    subgraphs = _follow(model, _field(model, _number(model, 0), _SUBGRAPHS))
    place = _field(model, _follow(model, subgraphs + 4), _OUTPUTS)
    old = _follow(model, place)
    outputs = [*struct.unpack_from(f"<{_number(model, old)}i", model, old + 4), *more]
    padding = b"\0" * (-len(model) % 4)
    moved = len(model) + len(padding) - place
    added = struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    return b"".join([model[:place], struct.pack("<I", moved), model[place + 4 :], padding, added])


def _last_of_each_size(details: list[dict[str, Any]], side: int) -> list[dict[str, Any]]:
    """The last values of every size that the picture is halved to; padded ones have other sizes."""
    last: dict[int, dict[str, Any]] = {}
    # The class maps at the end are as large as the last stage; what it hands on has far more channels.
    for tensor in details:
        shape = tuple(tensor["shape"])
        if len(shape) == 4 and shape[0] == 1 and shape[1] == shape[2] and tensor["dtype"] in (np.float32, np.int8):
            height, channels = int(shape[1]), int(shape[3])
            halved = 1 < height < side and side % height == 0
            if halved and (height not in last or channels >= last[height]["shape"][3]):
                last[height] = tensor
    return [last[height] for height in sorted(last, reverse=True)]


def _number(model: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", model, place)[0])


def _follow(model: bytes, place: int) -> int:
    return place + _number(model, place)


def _field(model: bytes, table: int, number: int) -> int:
    """Where a table keeps one of its fields."""
    layout = table - struct.unpack_from("<i", model, table)[0]
    size = struct.unpack_from("<H", model, layout)[0]
    offset = struct.unpack_from("<H", model, layout + 4 + 2 * number)[0] if 4 + 2 * number < size else 0
    if not offset:
        raise ValueError("the model file has no list of outputs")
    return int(table + offset)

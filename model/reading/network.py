"""A LiteRT model file, ready to run; the one place that touches LiteRT's interpreter."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

_INPUT, _SIGNATURE = "image", "serving_default"


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

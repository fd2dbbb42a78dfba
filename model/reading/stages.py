"""The feature maps between a network's stages: the bundle's own file, asked for values that it keeps to itself.

LiteRT frees what lies between a network's inputs and its outputs. Here the list of outputs in a copy of the file is
replaced by a longer one, so that the very same computation hands out the last maps of each stage too; the
interpreter's switch that preserves every value would run the network in another, slower way and keep all of them.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Places in the tables of the file's format (schema.fbs of TensorFlow Lite): of a model, and of a subgraph.
_SUBGRAPHS, _OUTPUTS = 2, 2


def look(model: bytes, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Run the network once, in an interpreter of its own that is gone afterwards.

    Args:
        model: content of a bundle's model file.
        image: (1, S, S, 1) float32 grey, 0-255.

    Returns:
        The last maps of each size that the picture is halved to, (h, w, K) each, from the picture up.

    Raises:
        ValueError: the file is no such network, or the picture has another size.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        # It is not allocated, so this first one takes no more memory than the list of its values.
        details = Interpreter(model_content=model).get_tensor_details()
        wanted = _last_of_each_size(details, image.shape[1])
        interpreter = Interpreter(model_content=with_outputs(model, [one["index"] for one in wanted]), num_threads=1)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError, struct.error) as error:
        raise ValueError("The model file has no feature maps that LiteRT can hand out.") from error
    given = interpreter.get_input_details()[0]
    if tuple(given["shape"]) != image.shape:
        raise ValueError(f"expected an image of shape {tuple(given['shape'])}, got {image.shape}")
    interpreter.set_tensor(given["index"], np.ascontiguousarray(image, dtype=np.float32))
    interpreter.invoke()
    return [_numbers(interpreter.get_tensor(one["index"])[0], one) for one in wanted]


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


def _numbers(values: NDArray[Any], described: dict[str, Any]) -> NDArray[np.float32]:
    """Values as they are meant: those that are kept in 8 bits have one scale and one zero."""
    if values.dtype == np.float32:
        return values
    scale, zero = described["quantization"]
    return np.asarray((values.astype(np.float32) - zero) * scale, np.float32)


def _last_of_each_size(details: list[dict[str, Any]], side: int) -> list[dict[str, Any]]:
    """The last values of every size that the picture is halved to; padded ones have other sizes."""
    found: dict[int, dict[str, Any]] = {}
    # The class maps at the end are as large as the last stage; what it hands on has far more channels.
    for one in details:
        shape = tuple(one["shape"])
        if len(shape) == 4 and shape[0] == 1 and shape[1] == shape[2] and one["dtype"] in (np.float32, np.int8):
            height, channels = int(shape[1]), int(shape[3])
            halved = 1 < height < side and side % height == 0
            if halved and (height not in found or channels >= found[height]["shape"][3]):
                found[height] = one
    return [found[height] for height in sorted(found, reverse=True)]


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

"""The feature maps between the stages of a network, which its file does not give: a copy of the file with more outputs.

LiteRT frees what lies between a network's inputs and its outputs. Here the list of outputs in a copy of the file is
replaced by a longer one, so that the very same computation hands out the last maps of each stage too; the
interpreter's switch that preserves every value would run the network in another, slower way and keep all of them.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.reading.network import Network, tensors

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

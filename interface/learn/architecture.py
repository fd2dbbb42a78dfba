"""Arithmetic of ResNets as Keras builds them: sizes, parameters, multiplications and receptive fields by stage."""

from __future__ import annotations

from dataclasses import dataclass

# Blocks in the stages conv2 to conv5 (He et al. 2015, table 1).
BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3)}


@dataclass(frozen=True)
class Convolution:
    """One convolution, or the pooling (`inputs` 0): kernel and stride in pixels of its own input, channels."""

    kernel: int
    stride: int
    inputs: int
    outputs: int
    shortcut: bool = False


@dataclass(frozen=True)
class Stage:
    """What one stage of a ResNet gives.

    Attributes:
        name: "conv1" to "conv5".
        blocks: residual blocks in it.
        side: pixels a side of its feature maps.
        channels: number of its feature maps.
        receptive_field: side, in pixels of the picture, of the square that one value can depend on.
        step: pixels of the picture from one value's square to the next one's.
        before: pixels by which the first value's square begins before the picture, where there are only zeros.
    """

    name: str
    blocks: int
    side: int
    channels: int
    receptive_field: int
    step: int
    before: int

    def square(self, cell: int) -> tuple[int, int]:
        """From where to where a value depends on the picture along one side.

        Args:
            cell: 0 to `side` - 1.

        Returns:
            First pixel, and the one behind the last; both may lie outside the picture.
        """
        start = cell * self.step - self.before
        return start, start + self.receptive_field


@dataclass(frozen=True)
class Backbone:
    """A whole ResNet without its last, fully connected layer.

    Attributes:
        name: "resnet50", "resnet101" or "resnet152".
        size: pixels a side of the picture.
        layers: layers with weights as its name counts them (the last, fully connected one included).
        parameters: weights, biases and the four numbers a channel of each batch norm.
        multiplications: multiply-adds of the convolutions for one picture.
        stages: conv1 to conv5.
    """

    name: str
    size: int
    layers: int
    parameters: int
    multiplications: int
    stages: tuple[Stage, ...]


def describe(name: str, size: int = 224) -> Backbone:
    """Work a ResNet out by arithmetic.

    Args:
        name: a key of `BLOCKS`.
        size: pixels a side of the picture.

    Returns:
        The network's figures.

    Raises:
        KeyError: an unknown name.
    """
    parameters = multiplications = 0
    stages = []
    side, below = size, []
    for number, blocks in enumerate((0, *BLOCKS[name]), start=1):
        layers = [Convolution(7, 2, 3, 64)] if number == 1 else _stage(number, blocks)
        for layer in layers:
            output = -(-side // layer.stride)
            if layer.inputs:
                parameters += layer.outputs * (layer.kernel**2 * layer.inputs + 1 + 4)
                multiplications += output**2 * layer.kernel**2 * layer.inputs * layer.outputs
            if not layer.shortcut:
                side = output
                below.append((layer.kernel, layer.stride))
        field, step, before = reach(below)
        stages.append(Stage(f"conv{number}", blocks, side, layers[-1].outputs, field, step, before))
    return Backbone(name, size, 2 + 3 * sum(BLOCKS[name]), parameters, multiplications, tuple(stages))


def receptive_field(layers: list[tuple[int, int]]) -> int:
    """Side of the input square that one output depends on (Araujo et al. 2019, doi:10.23915/distill.00021).

    Args:
        layers: (kernel, stride) of each layer from the input up.

    Returns:
        Pixels; the square may be larger than the picture.
    """
    field = jump = 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def reach(layers: list[tuple[int, int]]) -> tuple[int, int, int]:
    """Where the squares of `receptive_field` lie, with the padding that Keras' ResNets have: half a kernel all around.

    Args:
        layers: (kernel, stride) of each layer from the input up.

    Returns:
        Side of the square, pixels from one square to the next, and pixels by which the first begins before the input.
    """
    step, before = 1, 0
    for kernel, stride in layers:
        before += kernel // 2 * step
        step *= stride
    return receptive_field(layers), step, before


def _stage(number: int, blocks: int) -> list[Convolution]:
    """The blocks of a stage; conv2 begins with the pooling (He et al. 2015, table 1).

    Keras puts a stage's stride on the first 1x1 convolution and on the shortcut.
    """
    narrow = 64 * 2 ** (number - 2)
    wide = 4 * narrow
    layers = [Convolution(3, 2, 0, 64)] if number == 2 else []
    for block in range(blocks):
        inputs = wide if block else (64 if number == 2 else wide // 2)
        stride = 2 if block == 0 and number > 2 else 1
        if block == 0:
            layers.append(Convolution(1, stride, inputs, wide, shortcut=True))
        layers += [
            Convolution(1, stride, inputs, narrow),
            Convolution(3, 1, narrow, narrow),
            Convolution(1, 1, narrow, wide),
        ]
    return layers

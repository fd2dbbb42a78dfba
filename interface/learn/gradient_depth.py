"""A small experiment: how large is the gradient at each layer of a deep network before any training?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interface.components.charts import BLUE, GREY, ORANGE, SYMBOLS, Option
from interface.core.language import tr

Array = NDArray[np.float64]
WIDTH, BATCH = 48, 64
# Keeps batch norm from dividing by zero; Keras' own value is 1e-3.
EPSILON = 1e-3
KINDS = ("plain", "normalised", "residual")


@dataclass(frozen=True)
class Trace:
    """Gradient norms of one network.

    Attributes:
        kind: "plain", "normalised" or "residual".
        layers: (K,) number of weight layers below each measured signal, ascending.
        norms: (K,) norm of the loss' gradient at that signal, divided by its norm at the last one.
    """

    kind: str
    layers: tuple[int, ...]
    norms: tuple[float, ...]

    @property
    def first(self) -> float:
        """What is left of the gradient at the bottom, as a share of that at the top."""
        return self.norms[0]


def trace(kind: str, depth: int, seed: int = 0) -> Trace:
    """Build a network with random weights, run it forwards and backwards, and measure.

    A stack of fully connected layers of `WIDTH` units on a batch of random inputs stands in for a ResNet's
    convolutions: what happens to the gradient depends on the depth and on the shortcut, not on the kernel. Weights
    are drawn as Keras draws them (Glorot and Bengio 2010). Layers, by `kind`:

    - "plain": relu(W x), as networks were built before 2015.
    - "normalised": relu(batch norm(W x)) (Ioffe and Szegedy 2015).
    - "residual": relu(x + batch norm(W2 relu(batch norm(W1 x)))), ResNet's block (He et al. 2015, arXiv:1512.03385).

    Args:
        kind: one of `KINDS`.
        depth: number of weight layers, 2 or more; an odd one is rounded down.
        seed: of the weights and inputs.

    Returns:
        The gradient's norm at the input of every second layer and at the top.

    Raises:
        ValueError: an unknown `kind`, or a `depth` below 2.
    """
    if kind not in KINDS or depth < 2:
        raise ValueError(f"expected a kind of {KINDS} and a depth of 2 or more, got {kind} and {depth}")
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((BATCH, WIDTH))
    blocks = []
    for _ in range(depth // 2):
        weights = rng.standard_normal((2, WIDTH, WIDTH)) / np.sqrt(WIDTH)
        block = _Block(kind, weights)
        signal = block.forward(signal)
        blocks.append(block)
    gradient = rng.standard_normal(signal.shape)
    top = np.linalg.norm(gradient)
    norms = [1.0]
    for block in reversed(blocks):
        gradient = block.backward(gradient)
        norms.append(float(np.linalg.norm(gradient) / top))
    return Trace(kind, tuple(range(0, 2 * len(blocks) + 1, 2)), tuple(reversed(norms)))


class _Block:
    """Two weight layers, with what backpropagation needs kept from the way forwards."""

    def __init__(self, kind: str, weights: Array) -> None:
        self.weights, self.shortcut, self.normalised = weights, kind == "residual", kind != "plain"

    def forward(self, x: Array) -> Array:
        first, self.scale1, self.unit1 = self._layer(x, 0)
        self.on1 = first > 0
        second, self.scale2, self.unit2 = self._layer(first * self.on1, 1)
        total = second + x if self.shortcut else second
        self.on2 = total > 0
        return total * self.on2

    def backward(self, gradient: Array) -> Array:
        gradient = gradient * self.on2
        below = self._unlayer(gradient, 1, self.scale2, self.unit2) * self.on1
        below = self._unlayer(below, 0, self.scale1, self.unit1)
        return below + gradient if self.shortcut else below

    def _layer(self, x: Array, index: int) -> tuple[Array, Array, Array]:
        z = x @ self.weights[index]
        if not self.normalised:
            return z, np.ones(1), z
        scale = 1 / np.sqrt(z.var(axis=0) + EPSILON)
        unit = (z - z.mean(axis=0)) * scale
        return unit, scale, unit

    def _unlayer(self, gradient: Array, index: int, scale: Array, unit: Array) -> Array:
        if self.normalised:
            # Batch norm's own gradient: the parts along the mean and along the spread are projected away.
            gradient = scale * (gradient - gradient.mean(axis=0) - unit * (gradient * unit).mean(axis=0))
        return gradient @ self.weights[index].T


def chart(traces: Sequence[Trace], names: dict[str, str]) -> Option:
    """Gradient norm against layer, on a logarithmic axis.

    Args:
        traces: one a network.
        names: what to call each kind of network.
    """
    series = []
    for trace, colour, symbol in zip(traces, (ORANGE, GREY, BLUE), SYMBOLS, strict=False):
        # Powers of ten on an even axis: a logarithmic one would write 0.0000000001.
        points = [[layer, round(math.log10(norm), 2)] for layer, norm in zip(trace.layers, trace.norms, strict=True)]
        series.append(
            {
                "type": "line",
                "name": names[trace.kind],
                "data": points,
                "symbol": symbol,
                "symbolSize": 7,
                "showAllSymbol": len(points) < 30,
                "lineStyle": {"color": colour, "width": 2},
                "itemStyle": {"color": colour},
            }
        )
    return {
        "animation": False,
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis", "valueFormatter": "10^%.1f"},
        "grid": {"left": 8, "right": 24, "top": 60, "bottom": 36, "containLabel": True},
        "xAxis": {
            "type": "value",
            "name": tr("weight layers above the image"),
            "nameLocation": "middle",
            "nameGap": 28,
            "max": traces[0].layers[-1],
        },
        "yAxis": {
            "type": "value",
            "axisLabel": {"formatter": "10{up|{value}}", "rich": {"up": {"fontSize": 9, "padding": [0, 0, 8, 1]}}},
            "minInterval": 1,
        },
        "series": series,
    }

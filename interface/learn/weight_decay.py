"""A small experiment: what weight decay makes of a residual block that is needed, and of one that is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interface.components.charts import Option
from interface.components.curve_charts import axes, line
from interface.core.language import tr

Array = NDArray[np.float64]
# Few noisy examples, as in medicine: a block without decay then learns the noise by heart.
WIDTH, EXAMPLES, NEW, NOISE = 12, 64, 512, 0.4
STEPS, RATE, EVERY = 600, 0.4, 10
NEEDED, USELESS, PLAIN = "needed", "useless", "plain"
KINDS = (NEEDED, USELESS, PLAIN)


@dataclass(frozen=True)
class Training:
    """How one block fared.

    Attributes:
        kind: one of `KINDS`.
        steps: (K,) steps of training, ascending from 0.
        shares: (K,) norm of the branch's result as a share of its input's norm, on new examples.
        error: mean squared error on new examples at the end, without their noise, as a share of what answering
            nothing at all (zeros) would have.
    """

    kind: str
    steps: tuple[int, ...]
    shares: tuple[float, ...]
    error: float

    @property
    def last(self) -> float:
        """The branch's share at the end."""
        return self.shares[-1]


def train(kind: str, decay: float, seed: int = 0) -> Training:
    """Train one block of two fully connected layers by gradient descent with weight decay (Krogh and Hertz 1992).

    The block gets x and gives x + F(x), F(x) = relu(x W1) W2, as a residual block does; what it is to learn is, by
    `kind`:

    - "needed": x + G(x), with a G of the same form, so the branch has work to do.
    - "useless": x itself, so the best branch is none at all.
    - "plain": x itself too, but for a block without a shortcut, which gives F(x) alone.

    Args:
        kind: one of `KINDS`.
        decay: the L2 term's weight; each step takes this share times the learning rate off every weight.
        seed: of the examples and the first weights, which are the same for all kinds.

    Returns:
        The branch's share while it was trained, and the error on new examples.

    Raises:
        ValueError: an unknown `kind`, or a negative `decay`.
    """
    if kind not in KINDS or decay < 0:
        raise ValueError(f"expected a kind of {KINDS} and a decay of 0 or more, got {kind} and {decay}")
    rng = np.random.default_rng(seed)
    wanted = rng.standard_normal((2, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    weights = rng.standard_normal((2, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    seen, new = rng.standard_normal((EXAMPLES, WIDTH)), rng.standard_normal((NEW, WIDTH))
    noise = NOISE * rng.standard_normal(seen.shape)
    shortcut = 0.0 if kind == PLAIN else 1.0

    def goal(x: Array) -> Array:
        return x + _branch(x, wanted) if kind == NEEDED else x

    aim = goal(seen) + noise
    steps, shares = [], []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            steps.append(step)
            shares.append(float(np.linalg.norm(_branch(new, weights)) / np.linalg.norm(new)))
        hidden = np.maximum(seen @ weights[0], 0)
        gap = (shortcut * seen + hidden @ weights[1] - aim) / EXAMPLES
        below = (gap @ weights[1].T) * (hidden > 0)
        weights = weights - RATE * (np.stack([seen.T @ below, hidden.T @ gap]) + decay * weights)
    answer = shortcut * new + _branch(new, weights)
    error = float(((answer - goal(new)) ** 2).sum() / (goal(new) ** 2).sum())
    return Training(kind, tuple(steps), tuple(shares), error)


def _branch(x: Array, weights: Array) -> Array:
    return np.asarray(np.maximum(x @ weights[0], 0) @ weights[1])


def chart(trainings: Sequence[Training], names: Mapping[str, str]) -> Option:
    """What a block's branch adds, by step of training.

    Args:
        trainings: one a block.
        names: what to call each kind.
    """
    lines = [
        line(
            names[training.kind],
            [[step, round(share, 4)] for step, share in zip(training.steps, training.shares, strict=True)],
            number,
            showSymbol=False,
        )
        for number, training in enumerate(trainings)
    ]
    option = axes(lines, tr("step of training"), tr("size of F(x) (x = 1)"), x_max=trainings[0].steps[-1], y_min=0)
    # Three names, which a phone has room for one under the other.
    option["legend"] |= {"type": "plain"}
    option["grid"] |= {"top": 72}
    return option

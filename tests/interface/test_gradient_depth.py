"""The gradient experiment: its backpropagation is right, and it shows what the page says it shows."""

from __future__ import annotations

import numpy as np
import pytest

from interface.learn import gradient_depth


@pytest.mark.parametrize("kind", gradient_depth.KINDS)
def test_backpropagation_agrees_with_finite_differences(kind: str) -> None:
    rng = np.random.default_rng(3)
    blocks = [gradient_depth._Block(kind, rng.standard_normal((2, 6, 6)) / np.sqrt(6)) for _ in range(3)]
    x = rng.standard_normal((8, 6))
    towards = rng.standard_normal((8, 6))

    def loss(value: np.ndarray) -> float:
        for block in blocks:
            value = block.forward(value)
        return float((value * towards).sum())

    loss(x)
    gradient = towards
    for block in reversed(blocks):
        gradient = block.backward(gradient)
    step = rng.standard_normal(x.shape) * 1e-6
    assert loss(x + step) - loss(x - step) == pytest.approx(2 * float((gradient * step).sum()), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_plain_vanishes_batch_norm_explodes_and_shortcuts_stay_between(seed: int) -> None:
    plain, normalised, residual = (gradient_depth.trace(kind, 152, seed).first for kind in gradient_depth.KINDS)
    assert plain < 1e-15
    assert normalised > 1e9
    assert 1 < residual < 1e4


def test_the_shallow_networks_are_alike() -> None:
    firsts = [gradient_depth.trace(kind, 4).first for kind in gradient_depth.KINDS]
    assert max(firsts) < 20 * min(firsts)


def test_layers_are_counted_from_the_picture_up() -> None:
    found = gradient_depth.trace("plain", 50)
    assert found.layers[0] == 0
    assert found.layers[-1] == 50
    assert found.norms[-1] == 1


@pytest.mark.parametrize(("kind", "layers"), [("dense", 10), ("plain", 1)])
def test_nonsense_is_refused(kind: str, layers: int) -> None:
    with pytest.raises(ValueError, match="expected a kind"):
        gradient_depth.trace(kind, layers)

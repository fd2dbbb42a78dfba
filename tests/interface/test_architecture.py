"""The page's arithmetic against Keras and against counting pixel by pixel."""

from __future__ import annotations

import keras
import pytest

from interface.learn import architecture


@pytest.mark.parametrize("name", architecture.BLOCKS)
def test_parameters_and_maps_are_those_of_keras(name: str) -> None:
    maker = {"resnet50": "ResNet50", "resnet101": "ResNet101", "resnet152": "ResNet152"}[name]
    network = getattr(keras.applications, maker)(include_top=False, weights=None, input_shape=(96, 96, 3))
    found = architecture.describe(name, 96)
    assert found.parameters == network.count_params()
    assert network.output_shape[1:] == (found.stages[-1].side, found.stages[-1].side, found.stages[-1].channels)


def test_the_names_count_the_layers() -> None:
    assert [architecture.describe(name).layers for name in architecture.BLOCKS] == [50, 101, 152]


def test_published_figures_come_out() -> None:
    # Receptive fields: Araujo et al. 2019, table of the slim ResNets; multiplications: He et al. 2015, table 1.
    networks = [architecture.describe(name) for name in architecture.BLOCKS]
    assert [network.stages[-1].receptive_field for network in networks] == [483, 1027, 1507]
    published = [3.8e9, 7.6e9, 11.3e9]
    assert [network.multiplications for network in networks] == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize(
    "layers", [[(3, 1)], [(7, 2), (3, 2)], [(7, 2), (3, 2), (1, 2), (3, 1), (1, 1), (3, 2), (3, 1)]]
)
def test_receptive_field_by_counting(layers: list[tuple[int, int]]) -> None:
    reached = {0}
    for kernel, stride in reversed(layers):
        reached = {position * stride + offset for position in reached for offset in range(kernel)}
    assert architecture.receptive_field(layers) == max(reached) - min(reached) + 1

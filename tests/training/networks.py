"""A ResNet of four small blocks with the names of Keras' ResNet50, for tests in which the size is not the point."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

WIDTHS = (8, 12, 16, 24)


def tiny_resnet(include_top: bool = False, weights: str | None = None, input_tensor: Any = None) -> keras.Model:
    """Called as `keras.applications.ResNet50` is; goes into `network.BACKBONES`."""
    assert not include_top and weights is None
    x = layers.ZeroPadding2D(3, name="conv1_pad")(input_tensor)
    x = layers.Conv2D(WIDTHS[0], 7, 2, name="conv1_conv")(x)
    x = layers.ReLU(name="conv1_relu")(layers.BatchNormalization(epsilon=1.001e-5, name="conv1_bn")(x))
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1_pool")(x)
    for stage, width in enumerate(WIDTHS, 2):
        x = _block(x, width, 1 if stage == 2 else 2, f"conv{stage}_block1")
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x)


def _block(x: Any, width: int, stride: int, name: str) -> Any:
    shortcut = layers.Conv2D(2 * width, 1, stride, name=f"{name}_0_conv")(x)
    shortcut = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_0_bn")(shortcut)
    x = layers.Conv2D(width, 3, stride, "same", name=f"{name}_1_conv")(x)
    x = layers.ReLU(name=f"{name}_1_relu")(layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_1_bn")(x))
    x = layers.Conv2D(2 * width, 1, name=f"{name}_3_conv")(x)
    x = layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_3_bn")(x)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))

"""A real network that finds lungs, made without training: what is dark in the middle of a drawn chest."""

from __future__ import annotations

import keras
import numpy as np

from model.reading.lungs import Segmenter
from model.training.export import convert

SIDE = 64


def dark_middle() -> Segmenter:
    """A segmenter for `tests.conftest.draw_chest`, whose lungs are its only dark parts inside."""
    image = keras.Input((SIDE, SIDE, 1), name="image")
    smooth = keras.layers.AveragePooling2D(5, 1, "same")(image)
    inside = keras.layers.ZeroPadding2D(8)(keras.layers.Cropping2D(8)(255 - smooth))
    lungs = keras.layers.Conv2D(1, 1, activation="sigmoid")
    model = keras.Model(image, {"lungs": lungs(inside)})
    lungs.set_weights([np.full((1, 1, 1, 1), 0.2, np.float32), np.array([-0.2 * 150], np.float32)])
    return Segmenter(convert.convert(model))

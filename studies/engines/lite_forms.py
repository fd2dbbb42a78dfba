"""One TFLite file -> the quantised ones that are compared with it."""

from __future__ import annotations

import numpy as np
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager

from model.training.quantize import convert

# What full int8 leaves in float: the normalisation in front, whose squares no 8 bits hold, and the head.
IN_INT8 = ("CONV_2D", "ADD", "MAX_POOL_2D", "PAD", "PADV2")


def dynamic_int8(exact: bytes) -> bytes:
    """All weights int8, activations rounded picture by picture, the outputs in float.

    Args:
        exact: float32 TFLite file.

    Returns:
        The new file.
    """
    return convert.store(exact, convert.Storage("dynamic-range int8", 8, "no layer at all"))


def full_int8(exact: bytes, calibration: np.ndarray) -> bytes:
    """Weights and activations int8 with fixed ranges, from the backbone's first convolution to its last addition.

    Args:
        exact: float32 TFLite file.
        calibration: (n, S, S, 1) pictures whose activations give the ranges.

    Returns:
        The new file.
    """
    recipe = RecipeManager()
    for name in IN_INT8:
        recipe.add_static_config(".*", TFLOperationName[name], activation_num_bits=8, weight_num_bits=8)
    outputs = f".*{convert.OUTPUT_LAYERS}.*"
    recipe.add_weight_only_config(outputs, TFLOperationName.CONV_2D, num_bits=8)
    quantizer = Quantizer(bytearray(exact), recipe.get_quantization_recipe())
    ranges = quantizer.calibrate({"serving_default": [{"image": picture[None]} for picture in calibration]})
    return bytes(quantizer.quantize(ranges).quantized_model)

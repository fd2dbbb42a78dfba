"""A ResNet -> a LiteRT file that computes in 8 bits throughout, but for the normalisation, the stem and the head.

Weights have one scale an output channel, activations one fixed range a layer, as Jacob et al. 2018 (arXiv:1712.05877)
do it. A range is chosen so that nine in ten pictures fit wholly: the few of nearly no contrast, whose extremes are
several times as large, would make the steps coarse for all others.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from keras import ops
from tqdm import tqdm

from model.training import network
from model.training.quantize import convert as conversion

NAME = "int8, activations too, in fixed ranges; stem and head in float"
CALIBRATED_ON = 384
# Of the pictures, how many lie wholly in an activation's range. 80, 85 and 95 % moved the scores a little more on the
# validation part, the whole range five times as much.
WITHIN = 90.0
# The stem stays in float: of what 8 bits cost, rounding the normalised picture itself cost nearly half.
STAGES, POOL = ".*conv[2-5]_.*", ".*pool1.*"
IN_INT8 = {"CONV_2D": STAGES, "ADD": STAGES, "MAX_POOL_2D": POOL, "PAD": POOL, "PADV2": POOL}
# What the second channel of the folded stem holds, about as large as the differences of the means it stands for.
ONES = 20.0


def fits(model: keras.Model) -> bool:
    """Whether a network is one of `network.build`'s, whose layers' names this form is written for."""
    return {"conv1_pad", "conv1_conv", "pool1_pad", "conv5_block1_out"} <= {layer.name for layer in model.layers}


def fold_input(model: keras.Model) -> keras.Model:
    """The same network with a stem of two channels in place of three, which is a third less work.

    The three channels are one grey value less three means, so that the convolution is one of the grey value and one of
    the constants. These can't become its bias, as they end at the picture's edge, where zeros are padded.

    Args:
        model: as `network.build` or, of such a one, `network.with_maps` returns it.

    Returns:
        A model with the same inputs and outputs; what lies behind the stem is `model`'s own.
    """
    pad, stem = model.get_layer("conv1_pad"), model.get_layer("conv1_conv")
    joined = next(one for one in model.operations if one.output is pad.input)
    first = joined.input[0]
    kernel, bias = stem.get_weights()
    means = np.array(network.IMAGENET_BGR_MEAN, np.float32)
    shifts = (means[0] - means) / ONES
    folded = np.stack([kernel.sum(axis=2), (kernel * shifts[:, None]).sum(axis=2)], axis=2)
    two = ops.concatenate([first, ops.full_like(first, ONES)], axis=-1)
    padded = keras.layers.ZeroPadding2D(pad.padding, name="conv1_folded_pad")(two)
    layer = keras.layers.Conv2D(stem.filters, stem.kernel_size, stem.strides, name="conv1_folded")
    behind = keras.Model(stem.output, model.output)(layer(padded))
    layer.set_weights([folded, bias])
    return keras.Model(model.input, behind)


def convert(model: keras.Model, pictures: np.ndarray) -> bytes:
    """Convert a network that `fits`.

    Args:
        model: as `network.build` returns it, in float32.
        pictures: (n, S, S, 1) float32 grey, 0-255, whose activations give the ranges.

    Returns:
        Content of the TFLite file, with outputs as `network.with_maps` names them.
    """
    exact = conversion.convert(fold_input(network.with_maps(model)))
    recipe = RecipeManager()
    for name, pattern in IN_INT8.items():
        recipe.add_static_config(pattern, TFLOperationName[name], activation_num_bits=8, weight_num_bits=8)
    quantizer = Quantizer(bytearray(exact), recipe.get_quantization_recipe())
    return bytes(quantizer.quantize(_ranges(exact, pictures)).quantized_model)


def _ranges(exact: bytes, pictures: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """By activation, the range that holds all values of `WITHIN` % of the pictures, as the quantiser takes it."""
    interpreter = Interpreter(model_content=exact, num_threads=2, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    image = interpreter.get_input_details()[0]["index"]
    kept = [one for one in interpreter.get_tensor_details() if _is_activation(one)]
    extremes: dict[str, list[tuple[float, float]]] = {one["name"]: [] for one in kept}
    for picture in tqdm(pictures, "ranges of activations", disable=None):
        interpreter.set_tensor(image, np.ascontiguousarray(picture[None]))
        interpreter.invoke()
        for one in kept:
            values = interpreter.get_tensor(one["index"])
            extremes[one["name"]].append((float(values.min()), float(values.max())))
    ranges = {}
    for name, found in extremes.items():
        lowest, highest = np.array(found).T
        low, high = np.percentile(lowest, 100 - WITHIN), np.percentile(highest, WITHIN)
        ranges[name] = {"min": np.full((1, 1, 1, 1), low, np.float32), "max": np.full((1, 1, 1, 1), high, np.float32)}
    return ranges


def _is_activation(tensor: dict[str, Any]) -> bool:
    """Kernels, whose ranges the quantiser finds channel by channel unless told, have many outputs in front."""
    return tensor["dtype"] is np.float32 and len(tensor["shape"]) == 4 and tensor["shape"][0] == 1

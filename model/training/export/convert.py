"""Convert a Keras network to a LiteRT file; store its weights in 8 or 16 bits, or quantise all of it.

Full-integer quantisation of a ResNet: 8 bits throughout except normalisation, stem and head.

Weights have one scale per output channel, activations one fixed range per layer (Jacob et al. 2018,
arXiv:1712.05877). A range holds all values of nine in ten images: the few of nearly no contrast, whose extremes are
several times as large, would make the steps coarse for all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from keras import ops
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tqdm import tqdm

from model.reading.network import Network
from model.training import network


def convert(model: keras.Model) -> bytes:
    """Convert a network with named outputs to a float32 TFLite file.

    Args:
        model: with one input and a dictionary of outputs, such as `network.with_maps` returns.

    Returns:
        The content of the file; its signature "serving_default" has the input "image" and the named outputs.
    """
    shape = (None, *model.input.shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(model(image, training=False))

    # Frozen first: the converter leaves Keras' variables as variables in the file, which LiteRT reads as NaN.
    frozen = convert_variables_to_constants_v2(serve.get_concrete_function())
    names = sorted(model.output)  # TensorFlow flattens a dictionary by its sorted keys

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="image")])
    def serve_frozen(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(names, frozen(image), strict=True))

    holder = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve_frozen.get_concrete_function()], holder)
    return bytes(converter.convert())


@dataclass(frozen=True)
class Storage:
    """How weights are stored and computed.

    Attributes:
        name: in the card.
        bits: of a stored weight, 8 or 16.
        in_float: layers (a regular expression) whose activations stay float32; ".*" for all. Elsewhere
            activations are rounded to 8 bits with a range per image, which is four times as fast.
    """

    name: str
    bits: int
    in_float: str


# In the order of speed and memory; the first that keeps the scores is chosen. Measured layer by layer, 8-bit
# activations cost accuracy in the stem and where a stage begins, and nearly none elsewhere.
STORAGES = (
    Storage("int8, stem and head computed in float", 8, "conv1_"),
    Storage("int8, stem, first blocks and head computed in float", 8, "conv1_|conv2_block[12]_|conv[34]_block1_"),
    Storage(
        "int8, stem, two blocks of stages 2 and 3, first ones of 4 and 5 and head computed in float",
        8,
        "conv1_|conv[23]_block[12]_|conv[45]_block1_",
    ),
    Storage("int8, stages 1 and 2, first blocks and head computed in float", 8, "conv[12]_|conv[345]_block1_"),
    Storage("int8, all but stage 5 computed in float", 8, "conv[1234]_"),
    Storage("int8, computed in float", 8, ".*"),
    Storage("float16", 16, ".*"),
)
# The converter's name of the layers that compute the network's outputs. They always stay in float: rounding the
# layer of the logits changes the scores more than all others together.
OUTPUT_LAYERS = "PartitionedCall"


def store(model: bytes, storage: Storage) -> bytes:
    """Rewrite a float32 TFLite file with smaller weights.

    Args:
        model: the file's content.
        storage: how to store them.

    Returns:
        The new content.
    """
    recipe = RecipeManager()
    cast = AlgorithmName.FLOAT_CASTING if storage.bits == 16 else AlgorithmName.MIN_MAX_UNIFORM_QUANT
    for layer in (TFLOperationName.CONV_2D, TFLOperationName.FULLY_CONNECTED):
        if storage.bits == 8:
            recipe.add_dynamic_config(regex=".*", operation_name=layer, num_bits=8)
        # Later entries win where both match.
        pattern = f".*({storage.in_float}|{OUTPUT_LAYERS}).*"
        recipe.add_weight_only_config(pattern, layer, num_bits=storage.bits, algorithm_key=cast)
    return bytes(Quantizer(bytearray(model), recipe.get_quantization_recipe()).quantize().quantized_model)


FULL_INT8 = "int8, activations too, in fixed ranges; stem and head in float"
# Training images whose activations give the ranges.
CALIBRATION_IMAGES = 384
# Percentage of images that lie wholly in an activation's range. 80, 85 and 95 % changed the scores a little more on
# the validation split, the whole range five times as much.
WITHIN = 90.0
# The stem stays in float: rounding the normalised image alone caused nearly half of the error of 8 bits.
STAGES, POOL = ".*conv[2-5]_.*", ".*pool1.*"
IN_INT8 = {"CONV_2D": STAGES, "ADD": STAGES, "MAX_POOL_2D": POOL, "PAD": POOL, "PADV2": POOL}
# Value of the second channel of the folded stem, about as large as the differences of the means that it replaces.
ONES = 20.0


def fits(model: keras.Model) -> bool:
    """Whether a network has the layer names of `network.build`, which this scheme relies on."""
    return {"conv1_pad", "conv1_conv", "pool1_pad", "conv5_block1_out"} <= {layer.name for layer in model.layers}


def fold_input(model: keras.Model) -> keras.Model:
    """Replace the stem of three input channels by an equal one of two, which computes a third less.

    The three channels are one grey value minus three means, so the convolution is the sum of one over the grey value
    and one over constants. The constants can't become a bias, because the padding at the edges is zero.

    Args:
        model: as `network.build` returns it, or `network.with_maps` of that.

    Returns:
        A model with the same inputs and outputs, which shares the layers behind the stem with `model`.
    """
    pad, stem = model.get_layer("conv1_pad"), model.get_layer("conv1_conv")
    joined = next(operation for operation in model.operations if operation.output is pad.input)
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


def convert_to_int8(model: keras.Model, images: np.ndarray) -> bytes:
    """Convert a network that `fits`.

    Args:
        model: as `network.build` returns it, in float32.
        images: (n, S, S, 1) float32 grey, 0-255, whose activations give the ranges.

    Returns:
        Content of the TFLite file, with outputs as `network.with_maps` names them.
    """
    exact = convert(fold_input(network.with_maps(model)))
    recipe = RecipeManager()
    for name, pattern in IN_INT8.items():
        recipe.add_static_config(pattern, TFLOperationName[name], activation_num_bits=8, weight_num_bits=8)
    quantizer = Quantizer(bytearray(exact), recipe.get_quantization_recipe())
    return bytes(quantizer.quantize(_ranges(exact, images)).quantized_model)


def _ranges(exact: bytes, images: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """The range of each activation that holds all values of `WITHIN` % of the images, in the quantiser's form."""
    exact_network = Network(exact, (), keep_tensors=True)
    activations = [tensor for tensor in exact_network.tensors() if _is_activation(tensor)]
    extremes: dict[str, list[tuple[float, float]]] = {tensor["name"]: [] for tensor in activations}
    for image in tqdm(images, "ranges of activations", disable=None):
        exact_network.run(image[None])
        for tensor in activations:
            values = exact_network.tensor(tensor)
            extremes[tensor["name"]].append((float(values.min()), float(values.max())))
    ranges = {}
    for name, pairs in extremes.items():
        lowest, highest = np.array(pairs).T
        low, high = np.percentile(lowest, 100 - WITHIN), np.percentile(highest, WITHIN)
        ranges[name] = {"min": np.full((1, 1, 1, 1), low, np.float32), "max": np.full((1, 1, 1, 1), high, np.float32)}
    return ranges


def _is_activation(tensor: dict[str, Any]) -> bool:
    """Whether a tensor is an activation; kernels have their number of outputs as the first size."""
    return tensor["dtype"] is np.float32 and len(tensor["shape"]) == 4 and tensor["shape"][0] == 1

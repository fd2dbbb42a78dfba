"""Convert a Keras network to a LiteRT file and store its weights in 8 or 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


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

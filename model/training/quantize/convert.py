"""A Keras network -> the LiteRT file that is shipped: frozen, converted, its weights stored small."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def convert(three: keras.Model) -> bytes:
    """A network with three outputs (`network.with_maps`) -> float32 TFLite bytes with signature "serving_default"."""
    shape = (None, *three.input.shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(three(image, training=False))

    # Frozen first: the converter leaves Keras' variables as variables of the file, which LiteRT reads as NaN.
    frozen = convert_variables_to_constants_v2(serve.get_concrete_function())
    names = sorted(three.output)  # TensorFlow flattens a dictionary by its sorted keys

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="image")])
    def serve_frozen(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(names, frozen(image), strict=True))

    holder = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve_frozen.get_concrete_function()], holder)
    return bytes(converter.convert())


@dataclass(frozen=True)
class Storage:
    """A way to store and run the weights.

    Attributes:
        name: as the card says it.
        bits: of a stored weight, 8 or 16.
        in_float: layers (a regular expression) whose activations stay float32; ".*" for all. Elsewhere
            activations are rounded to 8 bits picture by picture, which is four times as fast.
    """

    name: str
    bits: int
    in_float: str


# In the order of speed and memory; the first that keeps the scores is shipped. Measured layer by layer, 8-bit
# activations cost nearly nothing but in the stem and where a stage begins.
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
# What the converter calls the layers that give the network's outputs, whatever their own names are. They stay in
# float always: rounding the logits' own layer moves scores more than all others together.
OUTPUT_LAYERS = "PartitionedCall"


def store(model: bytes, storage: Storage) -> bytes:
    """Rewrite a float32 TFLite file with smaller weights.

    Args:
        model: the file's content.
        storage: the form.

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

"""The files that are compared with the shipped one: TFLite and ONNX, quantised by each library's tools.

Each ONNX step runs in a process, because PyTorch and TensorFlow can't be loaded together, and a converter that dies
must not end the others: `python -m studies.engines.forms STEP FOLDER`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# What full int8 leaves in float: the normalisation in front, whose squares no 8 bits hold, and the head.
IN_INT8 = ("CONV_2D", "ADD", "MAX_POOL_2D", "PAD", "PADV2")
LARGEST_LOGIT_DIFFERENCE, COMPARED = 1e-3, 8


def dynamic_int8(exact: bytes) -> bytes:
    """All weights int8, activations rounded picture by picture, the outputs in float.

    Args:
        exact: float32 TFLite file.

    Returns:
        The new file.
    """
    from model.training.quantize import convert

    return convert.store(exact, convert.Storage("dynamic-range int8", 8, "no layer at all"))


def full_int8(exact: bytes, calibration: np.ndarray) -> bytes:
    """Weights and activations int8 with fixed ranges, from the backbone's first convolution to its last addition.

    Args:
        exact: float32 TFLite file.
        calibration: (n, S, S, 1) pictures whose activations give the ranges.

    Returns:
        The new file.
    """
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer
    from ai_edge_quantizer.recipe_manager import RecipeManager

    from model.training.quantize import convert

    recipe = RecipeManager()
    for name in IN_INT8:
        recipe.add_static_config(".*", TFLOperationName[name], activation_num_bits=8, weight_num_bits=8)
    outputs = f".*{convert.OUTPUT_LAYERS}.*"
    recipe.add_weight_only_config(outputs, TFLOperationName.CONV_2D, num_bits=8)
    quantizer = Quantizer(bytearray(exact), recipe.get_quantization_recipe())
    ranges = quantizer.calibrate({"serving_default": [{"image": picture[None]} for picture in calibration]})
    return bytes(quantizer.quantize(ranges).quantized_model)


class FormError(RuntimeError):
    """An exported network does not do what Keras does."""


def onnx(files: Path) -> None:
    """ONNX from torchvision's ResNet50 with the Keras weights.

    Args:
        files: holds torch.npz; gets network.onnx.

    Raises:
        FormError: PyTorch's logits are not Keras'.
    """
    import torch

    from studies.engines import pytorch

    some = np.load(files / "pictures.npy")[:COMPARED]
    with np.load(files / "reference.npz") as reference:
        expected = reference["logits"][:COMPARED]
    with np.load(files / "torch.npz") as stored:
        made = pytorch.from_keras(dict(stored), expected.shape[1])
    with torch.inference_mode():
        logits = made(torch.from_numpy(some))[0].numpy()
    if (moved := float(np.abs(logits - expected).max())) > LARGEST_LOGIT_DIFFERENCE:
        raise FormError(f"the logits of PyTorch differ from Keras' by {moved:.2g}")
    torch.onnx.export(
        made,
        (torch.from_numpy(some[:2]),),
        str(files / "network.onnx"),
        input_names=["image"],
        output_names=["logits", "maps"],
        dynamic_shapes={"image": {0: torch.export.Dim("n", min=1, max=1024)}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def onnx_dynamic(files: Path) -> None:
    """ONNX Runtime's dynamic quantisation: weights int8, activations rounded picture by picture."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(files / "network.onnx", files / "dynamic.onnx", weight_type=QuantType.QUInt8)


def onnx_static(files: Path) -> None:
    """ONNX Runtime's static quantisation of the convolutions and additions, with ranges from pictures."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    calibration = np.load(files / "calibration.npy")

    class Pictures(CalibrationDataReader):
        def __init__(self) -> None:
            self._left: Iterator[dict[str, Any]] = iter({"image": picture[None]} for picture in calibration)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._left, None)

    prepared = files / "prepared.onnx"
    quant_pre_process(str(files / "network.onnx"), str(prepared))
    quantize_static(
        prepared,
        files / "static.onnx",
        Pictures(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        op_types_to_quantize=["Conv", "Add", "MaxPool"],
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=_outside_backbone(prepared),
    )


def _outside_backbone(path: Path) -> list[str]:
    """Nodes before the first convolution and after the last addition: the normalisation and the head stay in float."""
    import onnx as format_

    nodes = list(format_.load(str(path)).graph.node)
    kinds = [node.op_type for node in nodes]
    first = kinds.index("Conv")
    last = max(number for number, kind in enumerate(kinds) if kind == "Relu")
    return [node.name for number, node in enumerate(nodes) if number < first or number > last]


STEPS = {
    "ONNX": onnx,
    "ONNX dynamic int8": onnx_dynamic,
    "ONNX static int8": onnx_static,
}


def main() -> int:
    """Make one file; exit code 1 and a sentence on stderr where it can't be made."""
    try:
        STEPS[sys.argv[1]](Path(sys.argv[2]))
    except ImportError as error:
        print(f"{error.name} is not installed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The files that the engines read, made once from the Keras weights, and the pictures that they are judged on.

Each step runs in a process of its own, because PyTorch and TensorFlow can't be loaded together, and a converter that
dies must not end the others.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import ReaderError
from studies.engines.ways import KERAS_FILE

SOURCE, JUDGED, CALIBRATED = "siim", 300, 128
# What full int8 leaves in float: the normalisation in front, whose squares no 8 bits hold, and the head.
IN_INT8 = ("CONV_2D", "ADD", "MAX_POOL_2D", "PAD", "PADV2")
LARGEST_LOGIT_DIFFERENCE, COMPARED = 1e-3, 8


class FormError(ReaderError):
    """An exported network does not do what Keras does."""


def prepare(files: Path, bundle: Path, weights: Path) -> dict[str, Any]:
    """Make every file that is not there yet.

    Args:
        files: folder for them; kept from run to run while the weights are the same.
        bundle: the shipped one.
        weights: Keras weights of its network, in the folder of their run.

    Returns:
        The facts: "size", "classes", "positive", "temperature", "pictures", "calibrated_on", and "not_made", a sentence
        for each form that could not be made.
    """
    path, sha256 = files / "facts.json", hashlib.sha256(weights.read_bytes()).hexdigest()
    if path.exists():
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if facts["weights_sha256"] == sha256:
            return facts
    facts = _apart(by_tensorflow, files, bundle, weights) | {"weights_sha256": sha256, "not_made": {}}
    for name, step in {"ONNX": onnx, "ONNX dynamic int8": onnx_dynamic, "ONNX static int8": onnx_static}.items():
        try:
            _apart(step, files)
        # A converter's own errors are of any kind; the others are made without it.
        except Exception as error:
            facts["not_made"][name] = f"{type(error).__name__}: {str(error)[:300]}"
        print(f"{name}: {facts['not_made'].get(name, 'made')}", flush=True)
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def _apart(step: Callable[..., Any], *arguments: Path) -> Any:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(step, *arguments).result()


def by_tensorflow(files: Path, bundle_folder: Path, weights: Path) -> dict[str, Any]:
    """Pictures with Keras' answers, the TFLite files, and the weights as Keras and PyTorch take them; the facts."""
    from model.reading import bundle as bundles
    from model.training import config, network
    from model.training.data import dataset
    from model.training.export import bundle as export
    from model.training.export import convert
    from model.training.export.calibration import fit_temperature

    bundle = bundles.load(bundle_folder)
    card = bundle.card
    plan, settings = config.read(weights.parent)
    data = dataset.load(plan, settings, weights.parent)
    positive = data.classes.index(card.positive)
    both = (data.classes.index("normal"), positive)
    chosen = np.concatenate([data.indices("validation", SOURCE, data.classes[label]) for label in both])
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(chosen)[:JUDGED])
    drawn = rng.permutation(data.indices("train"))[:CALIBRATED]
    images, calibration = (export.read_pictures(data, some, card.framing, bundle.segmenter) for some in (chosen, drawn))
    model = network.load(settings, len(card.classes), weights)
    network.centre_head(model)
    # Without the optimiser's state, which no engine needs.
    model.save_weights(files / KERAS_FILE)
    parts = {f"{layer.name}/{i}": part for layer in model.layers for i, part in enumerate(layer.get_weights())}
    np.savez(files / "torch.npz", allow_pickle=False, **parts)
    expected, labels = network.with_maps(model).predict(images, batch_size=16, verbose=0), data.labels(chosen)
    np.savez(files / "reference.npz", logits=expected["logits"], maps=expected["maps"], labels=labels)
    np.save(files / "pictures.npy", images)
    np.save(files / "calibration.npy", calibration)
    exact = convert.convert(network.with_maps(model))
    # All weights int8, activations rounded picture by picture, the outputs in float.
    dynamic = convert.Storage("dynamic-range int8", 8, "no layer at all")
    for name, content in (
        ("float32", exact),
        ("float16", convert.store(exact, convert.STORAGES[-1])),
        ("dynamic", convert.store(exact, dynamic)),
        ("full_int8", full_int8(exact, calibration)),
    ):
        (files / f"{name}.tflite").write_bytes(content)
    return {
        "size": card.size,
        "classes": len(card.classes),
        "positive": positive,
        "temperature": fit_temperature(expected["logits"], labels, np.ones(len(labels))),
        "pictures": {data.classes[label]: int((labels == label).sum()) for label in reversed(both)},
        "calibrated_on": len(calibration),
    }


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

    from model.training.export import convert

    recipe = RecipeManager()
    for name in IN_INT8:
        recipe.add_static_config(".*", TFLOperationName[name], activation_num_bits=8, weight_num_bits=8)
    outputs = f".*{convert.OUTPUT_LAYERS}.*"
    recipe.add_weight_only_config(outputs, TFLOperationName.CONV_2D, num_bits=8)
    quantizer = Quantizer(bytearray(exact), recipe.get_quantization_recipe())
    ranges = quantizer.calibrate({"serving_default": [{"image": picture[None]} for picture in calibration]})
    return bytes(quantizer.quantize(ranges).quantized_model)


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
    import onnx as format_
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
    nodes = list(format_.load(str(prepared)).graph.node)
    kinds = [node.op_type for node in nodes]
    # Before the first convolution is the normalisation, after the last addition the head: both stay in float.
    first, last = kinds.index("Conv"), max(number for number, kind in enumerate(kinds) if kind == "Relu")
    quantize_static(
        prepared,
        files / "static.onnx",
        Pictures(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        op_types_to_quantize=["Conv", "Add", "MaxPool"],
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[node.name for number, node in enumerate(nodes) if not first <= number <= last],
    )

"""Every way that is compared: its name, the module that runs it, its file and the packages that it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
THREADS = 2
FORWARD, GRADIENT, NONE = "the same forward pass", "gradients", "none"


@dataclass(frozen=True)
class Facts:
    """What every engine has to know of the network.

    Attributes:
        size: pixels a side of the picture.
        classes: number of logits.
        positive: number of the class whose heatmap is asked for.
        bundle: folder of the shipped bundle.
    """

    size: int
    classes: int
    positive: int
    bundle: Path


class Engine(Protocol):
    """A loaded network."""

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """Read one picture.

        Args:
            image: (1, S, S, 1) float32 grey, 0-255.

        Returns:
            (C,) logits, where the way gives them, and the (h, w) map of the positive class, where it gives one.
        """
        ...

    def batch(self, images: Array) -> Array | None:
        """Logits (N, C) of pictures (N, S, S, 1), as fast as the engine gives them; None where it gives none."""
        ...


@dataclass(frozen=True)
class Way:
    """One row of the table.

    Attributes:
        name: as people know it.
        module: in this folder; its `load` makes the engine.
        packages: that have to be installed.
        file: in the folder of prepared files; "bundle" for the shipped one.
        heatmap: where it comes from.
        form: what the module needs to know beside the file.
        quick: a bare forward pass that competes for "the fastest engine".
    """

    name: str
    module: str
    packages: tuple[str, ...]
    file: str
    heatmap: str = FORWARD
    form: str = ""
    quick: bool = True

    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [package for package in self.packages if not installed(package)]

    def path(self, files: Path, facts: Facts) -> Path:
        """Where its model file lies."""
        return facts.bundle / "model.tflite" if self.file == "bundle" else files / self.file

    def load(self, files: Path, facts: Facts) -> Engine:
        """Import its engine and load the network."""
        module = import_module(f"studies.engines.{self.module}")
        loader: Callable[[Way, Path, Facts], Engine] = module.load
        return loader(self, self.path(files, facts), facts)


READER = "this project's reader"
BARE, FULL_INT8, KERAS = "LiteRT, the shipped file", "LiteRT full int8", "Keras model.predict"
VIS, TORCH_CAM = "tf-keras-vis Grad-CAM", "pytorch-grad-cam"
_LITERT, _TF = ("ai-edge-litert", "numpy"), ("tensorflow", "keras")
_KERAS_FILE = "network.weights.h5"
# What `python -m model read` imports.
_DECODERS = ("imagecodecs", "simplejpeg", "tifffile")
_READER = (*_LITERT, "opencv-python-headless", "Pillow", "pydicom", *_DECODERS)
WAYS = (
    Way(READER, "runtimes", _READER, "bundle", form="reader", quick=False),
    Way(BARE, "runtimes", _LITERT, "bundle", form="litert"),
    Way("LiteRT float32", "runtimes", _LITERT, "float32.tflite", form="litert"),
    Way("LiteRT float16", "runtimes", _LITERT, "float16.tflite", form="litert"),
    Way("LiteRT dynamic-range int8", "runtimes", _LITERT, "dynamic.tflite", form="litert"),
    Way(FULL_INT8, "runtimes", _LITERT, "full_int8.tflite", form="litert"),
    Way("ONNX Runtime float32", "runtimes", ("onnxruntime",), "network.onnx", form="onnx"),
    Way("ONNX Runtime dynamic int8", "runtimes", ("onnxruntime",), "dynamic.onnx", form="onnx"),
    Way("ONNX Runtime static int8", "runtimes", ("onnxruntime",), "static.onnx", form="onnx"),
    Way("OpenVINO float32", "runtimes", ("openvino",), "network.onnx", form="f32"),
    Way("OpenVINO bfloat16", "runtimes", ("openvino",), "network.onnx", form="bf16"),
    Way("OpenVINO int8", "runtimes", ("openvino",), "static.onnx", form="f32"),
    Way("PyTorch, torchvision's ResNet50", "pytorch", ("torch", "torchvision"), "torch.npz"),
    Way(TORCH_CAM, "pytorch", ("torch", "torchvision", "grad-cam"), "torch.npz", GRADIENT, "cam", quick=False),
    Way(KERAS, "keras_ways", _TF, _KERAS_FILE, NONE, "predict"),
    Way("GradientTape Grad-CAM, tf.function", "keras_ways", _TF, _KERAS_FILE, GRADIENT, "graph", quick=False),
    Way("GradientTape Grad-CAM, eager", "keras_ways", _TF, _KERAS_FILE, GRADIENT, "eager", quick=False),
    Way(VIS, "keras_ways", (*_TF, "tf-keras-vis"), _KERAS_FILE, GRADIENT, "vis", quick=False),
)


def named(name: str) -> Way:
    """The way of that name."""
    return next(way for way in WAYS if way.name == name)


def installed(package: str) -> bool:
    """Whether a package is there."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True

"""Every way that is compared: its name, its engine, its file and the packages that it needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Protocol

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

    @staticmethod
    def read(files: Path, bundle: Path) -> Facts:
        """From what prepare.py wrote into its folder."""
        facts = json.loads((files / "facts.json").read_text(encoding="utf-8"))
        return Facts(facts["size"], facts["classes"], facts["positive"], bundle)


class Engine(Protocol):
    """A loaded network."""

    def __init__(self, path: Path, facts: Facts, form: str) -> None:
        """Load the file; `form` is that of the way."""
        ...

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
        engine: "module.Class" in this folder.
        packages: that have to be installed.
        file: in the folder of prepared files; "bundle" for the shipped one.
        heatmap: where it comes from.
        form: what the engine needs to know beside the file.
        quick: a bare forward pass that competes for "the fastest engine".
    """

    name: str
    engine: str
    packages: tuple[str, ...]
    file: str
    heatmap: str = FORWARD
    form: str = ""
    quick: bool = True

    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [package for package in self.packages if not installed(package)]

    def path(self, files: Path, bundle: Path) -> Path:
        """Where its model file lies."""
        return bundle / "model.tflite" if self.file == "bundle" else files / self.file

    def load(self, files: Path, facts: Facts) -> Engine:
        """Import its engine and load the network."""
        module, name = self.engine.split(".")
        kind: Any = getattr(import_module(f"studies.engines.{module}"), name)
        engine: Engine = kind(self.path(files, facts.bundle), facts, self.form)
        return engine


READER, BARE = "this project's reader", "LiteRT, the shipped file"
VIS = "tf-keras-vis Grad-CAM"
LITERT, ORT, OPENVINO, TF = ("ai-edge-litert", "numpy"), ("onnxruntime",), ("openvino",), ("tensorflow", "keras")
TORCH = ("torch", "torchvision")
# The name tells Keras' loader that it is a whole network.
KERAS_FILE = "network.final.weights.h5"
# What `python -m model read` imports.
_READER = (*LITERT, "opencv-python-headless", "Pillow", "pydicom", "imagecodecs", "simplejpeg", "tifffile")
WAYS = (
    Way(READER, "runtimes.ProjectReader", _READER, "bundle", quick=False),
    Way(BARE, "runtimes.LiteRT", LITERT, "bundle"),
    Way("LiteRT float32", "runtimes.LiteRT", LITERT, "float32.tflite"),
    Way("LiteRT float16", "runtimes.LiteRT", LITERT, "float16.tflite"),
    Way("LiteRT dynamic-range int8", "runtimes.LiteRT", LITERT, "dynamic.tflite"),
    Way("LiteRT full int8", "runtimes.LiteRT", LITERT, "full_int8.tflite"),
    Way("ONNX Runtime float32", "runtimes.OnnxRuntime", ORT, "network.onnx"),
    Way("ONNX Runtime dynamic int8", "runtimes.OnnxRuntime", ORT, "dynamic.onnx"),
    Way("ONNX Runtime static int8", "runtimes.OnnxRuntime", ORT, "static.onnx"),
    Way("OpenVINO float32", "runtimes.OpenVino", OPENVINO, "network.onnx", form="f32"),
    Way("OpenVINO bfloat16", "runtimes.OpenVino", OPENVINO, "network.onnx", form="bf16"),
    Way("OpenVINO int8", "runtimes.OpenVino", OPENVINO, "static.onnx", form="f32"),
    Way("PyTorch, torchvision's ResNet50", "pytorch.PyTorch", TORCH, "torch.npz"),
    Way("pytorch-grad-cam", "pytorch.PyTorch", (*TORCH, "grad-cam"), "torch.npz", GRADIENT, "cam", quick=False),
    Way("Keras model.predict", "runtimes.Keras", TF, KERAS_FILE, NONE, "predict"),
    Way("GradientTape Grad-CAM, tf.function", "runtimes.Keras", TF, KERAS_FILE, GRADIENT, "graph", quick=False),
    Way("GradientTape Grad-CAM, eager", "runtimes.Keras", TF, KERAS_FILE, GRADIENT, "eager", quick=False),
    Way(VIS, "runtimes.Keras", (*TF, "tf-keras-vis"), KERAS_FILE, GRADIENT, "vis", quick=False),
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

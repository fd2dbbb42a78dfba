"""How long one reading takes, against its networks alone and gradient-based Grad-CAM on the same weights.

Usage: python -m benchmarks.reading [--weights RUN/final.weights.h5] [--rounds 60]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks import images, machine
from model.reading import bundle as bundles
from model.reading.card import DEFAULT_BUNDLE
from model.reading.radiograph import Radiograph, decode, to_input
from model.reading.reader import Reader, Reading

THREADS = 2
# A reading is timed this often in each round: it takes a hundredth of what the gradient takes.
READINGS_A_ROUND = 5
LIMITS = {
    "reading of 640 px / its networks alone": 1.15,
    "reading of 3.6 megapixels / its networks alone": 1.6,
    "networks alone / ResNet50 alone": 1.1,
    "tf-keras-vis / reading of 640 px": 20,
}


def main() -> None:
    """Measure and write `results/reading.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="Keras weights of the bundle's network (.weights.h5 or .keras)")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    before = machine.describe()
    cv2.setNumThreads(THREADS)

    reader = Reader(bundles.load(options.bundle, threads=THREADS))
    pictures = {"640 px": decode(images.as_png(images.sample(), 640)), "3.6 megapixels": decode(images.sample())}
    small = pictures["640 px"]
    image = reader.bundle.look(small).image
    gradients, compared = _gradients(options.weights, reader, small, image)
    bare = {name: _bare(options.bundle / name, at) for name, at in _inputs(reader, small).items()}
    cheap: dict[str, Callable[[], object]] = {
        "ResNet50 alone": bare["model.tflite"],
        "networks alone": lambda: [run() for run in bare.values()],
        **{f"reading, {name}": partial(_read, reader, picture) for name, picture in pictures.items()},
    }
    seconds = _time(cheap, gradients, options.rounds)
    ratios = {
        f"reading of {name} / its networks alone": machine.ratio(seconds[f"reading, {name}"], seconds["networks alone"])
        for name in pictures
    }
    ratios["networks alone / ResNet50 alone"] = machine.ratio(seconds["networks alone"], seconds["ResNet50 alone"])
    for name in gradients:
        ratios[f"{name} / reading of 640 px"] = machine.ratio(seconds[name], seconds["reading, 640 px"])
    machine.write(
        "reading",
        {
            "what": "one decoded radiograph -> Reading: input check, lungs, heart's side, quality, scores and heatmap; "
            "runs interleaved in one process, in random order",
            "machine": before,
            "threads": THREADS,
            "bundle": reader.bundle.card.title,
            "pictures": {name: list(picture.pixels.shape) for name, picture in pictures.items()},
            "keras_weights": options.weights.name if options.weights else "random: for timing only",
            "maps_compared": compared,
            "milliseconds": {name: machine.spread(found) for name, found in seconds.items()},
            "ratios": ratios,
            "targets": {
                name: {
                    "limit": f"at {'least' if name.startswith('tf') else 'most'} {limit}",
                    "found": ratios[name]["value"],
                    "met": (ratios[name]["value"] >= limit) == name.startswith("tf"),
                }
                for name, limit in LIMITS.items()
                if name in ratios
            },
        },
    )


def _inputs(reader: Reader, radiograph: Radiograph) -> dict[str, np.ndarray]:
    """What each network of the bundle gets in a reading, by the name of its file."""
    bundle = reader.bundle
    inputs = {"model.tflite": bundle.look(radiograph).image}
    if bundle.segmenter:
        inputs[bundles.LUNGS_FILE] = radiograph.to_input(bundle.segmenter.size)
    if bundle.side:
        inputs[bundles.SIDE_FILE] = to_input(radiograph.overview, bundle.side.size)
    return inputs


def _read(reader: Reader, radiograph: Radiograph) -> Reading:
    """Read a picture as `decode` leaves it, with its preview alone."""
    again = replace(radiograph)
    again.__dict__["preview"] = radiograph.preview
    return reader.read(again)


def _bare(path: Path, image: np.ndarray) -> Callable[[], object]:
    """The least that any caller of a model file pays: set the input, run, take the outputs."""
    interpreter = Interpreter(model_path=str(path), num_threads=THREADS)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    results = [output["index"] for output in interpreter.get_output_details()]

    def run() -> list[np.ndarray]:
        interpreter.set_tensor(place, image)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in results]

    return run


def _gradients(
    weights: Path | None, reader: Reader, radiograph: Radiograph, image: np.ndarray
) -> tuple[dict[str, Callable[[], np.ndarray]], dict[str, Any]]:
    """Both gradient-based Grad-CAMs on the Keras network, and how well their maps agree with the reader's."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from model.training import network
    from model.training.network import gradcam

    card = reader.bundle.card
    if weights and weights.suffix == ".keras":
        keras_model = keras.saving.load_model(weights)
    else:
        arch = card.architecture.name
        keras_model = network.build(arch, classes=len(card.classes), image_size=card.size)
        if weights:
            keras_model.load_weights(weights)
            # As export does; it moves no score and makes the maps comparable.
            network.centre_head(keras_model)
    chosen = card.classes.index(card.positive)
    last = keras_model.get_layer(network.FEATURES_LAYER).input._keras_history.operation.name
    ways: dict[str, Callable[[], np.ndarray]] = {"GradientTape": lambda: gradcam(keras_model, image)[0, ..., chosen]}
    if importlib.util.find_spec("tf_keras_vis"):  # requirements/bench.txt
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.scores import CategoricalScore

        visualiser = Gradcam(keras_model)
        ways["tf-keras-vis"] = lambda: np.asarray(
            visualiser(CategoricalScore([chosen]), image, penultimate_layer=last, seek_penultimate_conv_layer=False)
        )[0]
    if weights is None:
        return ways, {"compared": False}
    ours = np.maximum(reader.read(radiograph).cells[..., chosen], 0)
    compared: dict[str, Any] = {"compared": True, "class": card.positive}
    for name, way in ways.items():
        theirs = cv2.resize(way(), ours.shape[::-1], interpolation=cv2.INTER_AREA)
        compared[f"correlation_with_{name}"] = round(float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]), 4)
    return ways, compared


def _time(
    cheap: dict[str, Callable[[], object]], dear: dict[str, Callable[[], np.ndarray]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of every way in every round; the cheap ways' are the round's median of several runs."""
    for run in [*cheap.values(), *dear.values()] * 3:
        run()
    seconds: dict[str, list[float]] = {name: [] for name in (*cheap, *dear)}
    order = random.Random(0)
    for _ in range(rounds):
        found: dict[str, list[float]] = {name: [] for name in cheap}
        for name in order.sample([*cheap] * READINGS_A_ROUND, len(cheap) * READINGS_A_ROUND):
            found[name].append(_once(cheap[name]))
        for name in found:
            seconds[name].append(float(np.median(found[name])))
        for name in order.sample([*dear], len(dear)):
            seconds[name].append(_once(dear[name]))
    return seconds


def _once(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


if __name__ == "__main__":
    main()

"""The network: grey radiograph -> normalisation -> ResNet -> pooling -> logits, as ONE flat Keras graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf
from keras import ops

from model.training.config import Settings, TrainingError

BACKBONES = {
    "resnet50": keras.applications.ResNet50,
    "resnet101": keras.applications.ResNet101,
    "resnet152": keras.applications.ResNet152,
}
# What Keras' ResNet v1 weights expect ("caffe" mode): blue, green, red minus these means (He et al. 2015).
IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)
# Mean and standard deviation of the grey values of natural images, which pretrained filters expect.
GREY_MEAN, GREY_SPREAD = 118.0, 58.0
# Avoids division by zero for a blank image; 2 grey levels are less than any radiograph's standard deviation.
LEAST_SPREAD = 2.0
# File name of the weights of a whole network, as `fit.fit` writes it.
WHOLE_SUFFIX = "final.weights.h5"
FEATURES_LAYER, MAPS_LAYER, LOGITS_LAYER = "pooled", "class_maps", "logits"


def build(
    arch: str = "resnet50",
    classes: int = 3,
    image_size: int | None = 224,
    weights: str | Path | None = None,
) -> keras.Model:
    """Build the classifier.

    The normalisation is part of the graph, so that no caller can get it wrong: the grey values are standardised, then
    shifted to what ImageNet weights expect.

    Args:
        arch: "resnet50", "resnet101" or "resnet152" (He et al. 2016, arXiv:1512.03385).
        classes: number of logits.
        image_size: pixels a side; None for a network that takes any size (training in growing sizes).
        weights: "imagenet" (Keras downloads them), None for random ones, or a path: the final.weights.h5 of an earlier
            run, or backbone weights that `keras.applications` can load.

    Returns:
        A functional model: "image" (N, S, S, 1) float32 grey 0-255 -> (N, classes) float32 logits.

    Raises:
        TrainingError: an unknown `arch`, or a weights file that does not exist.
    """
    if arch not in BACKBONES:
        raise TrainingError(f"Unknown --arch {arch}: choose one of {', '.join(BACKBONES)}.")
    if weights not in (None, "imagenet") and not Path(str(weights)).is_file():
        raise TrainingError(f"The weights file {weights} does not exist: give a path, imagenet or none.")
    whole = is_whole(weights)
    image = keras.Input((image_size, image_size, 1), name="image", dtype="float32")
    backbone = BACKBONES[arch](
        include_top=False,
        weights=str(weights) if weights and not whole else None,
        input_tensor=normalise(image),
    )
    features = keras.layers.GlobalAveragePooling2D(name=FEATURES_LAYER, dtype="float32")(backbone.output)
    # float32 under mixed precision too: a softmax over bfloat16 logits would round the scores to 2-3 digits.
    logits = keras.layers.Dense(classes, name=LOGITS_LAYER, dtype="float32")(features)
    model = keras.Model(image, logits, name=arch)
    if whole:
        model = _load_whole(model, str(weights))
    for layer in model.layers:
        # In inference mode unless `freeze_below` says otherwise: small batches can spoil pretrained statistics.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    return model


def is_whole(weights: str | Path | None) -> bool:
    """Whether weights to start from are those of an earlier run's whole network, its head included."""
    return weights is not None and Path(str(weights)).name.endswith(WHOLE_SUFFIX)


def _load_whole(model: keras.Model, weights: str) -> keras.Model:
    """Load an earlier run's weights, whether its BatchNorms were folded or not."""
    sizes: list[int] = []
    with h5py.File(weights) as file:
        file.visititems(lambda name, group: sizes.append(len(group)) if name.endswith("/vars") else None)
    # A BatchNorm has four variables, all other layers have two.
    if max(sizes) < 4:
        model = fold_norms(model)
    model.load_weights(weights)
    return model


def fold_norms(model: keras.Model) -> keras.Model:
    """The same network without BatchNorm layers: each is folded into the convolution before it.

    A frozen BatchNorm is a pass over every activation: without it a step on a processor takes a third less time.

    Args:
        model: as `build` returns it; every BatchNorm follows a convolution with a bias, as in Keras' ResNets.

    Returns:
        A network with the same names of layers and the same outputs up to rounding; an `Identity` stands where a
        BatchNorm was. `model` itself where there is none.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return model

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.BatchNormalization):
            return keras.layers.Identity(name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    def call(operation: Callable, *args: Any, mask: object = None, **kwargs: Any) -> Any:
        # Keras passes a mask to every operation, and plain ones such as `ops.mean` take none.
        return operation(*args, **kwargs)

    folded = keras.models.clone_model(model, clone_function=replace, call_function=call)
    kernels = {layer.name: layer.get_weights() for layer in model.layers if layer.weights and layer not in norms}
    for norm in norms:
        gamma, beta, mean, variance = norm.get_weights()
        name = norm.name.removesuffix("_bn") + "_conv"
        kernel, bias = kernels[name]
        scale = gamma / np.sqrt(variance + norm.epsilon)
        kernels[name] = [kernel * scale, (bias - mean) * scale + beta]
    for name, values in kernels.items():
        folded.get_layer(name).set_weights(values)
    return folded


def load(settings: Settings, classes: int, weights: Path) -> keras.Model:
    """The trained network of a run, without BatchNorm layers where it was trained so.

    Args:
        settings: of the run.
        classes: number of logits.
        weights: its `final.weights.h5`.

    Returns:
        As `build`.
    """
    return _load_whole(build(settings.arch, classes, settings.image_size), str(weights))


def normalise(image: keras.KerasTensor) -> keras.KerasTensor:
    """Remove differences of the grey scale between hospitals' exports, then shift to ImageNet's BGR input.

    Args:
        image: (N, S, S, 1) grey 0-255; each is standardised by its mean and standard deviation.

    Returns:
        (N, S, S, 3).
    """
    mean = ops.mean(image, axis=(1, 2, 3), keepdims=True)
    spread = ops.sqrt(ops.mean(ops.square(image - mean), axis=(1, 2, 3), keepdims=True))
    grey = (image - mean) / ops.maximum(spread, LEAST_SPREAD) * GREY_SPREAD + GREY_MEAN
    return ops.concatenate([grey - channel for channel in IMAGENET_BGR_MEAN], axis=-1)


def freeze_below(model: keras.Model, stage: int) -> None:
    """Freeze the stem and the stages before conv<stage>.

    Args:
        model: as `build` returns it.
        stage: 1 (everything is trained) to 6 (only the head).
    """
    for layer in model.layers:
        name = layer.name
        in_backbone = name.startswith("conv") and name[4:5].isdigit()
        learns = not in_backbone or int(name[4]) >= stage
        # BatchNorms stay in inference mode: small batches can spoil pretrained statistics.
        layer.trainable = learns and not isinstance(layer, keras.layers.BatchNormalization)


def with_maps(model: keras.Model) -> keras.Model:
    """The same network with three outputs from one forward pass: logits, class maps and pooled features.

    With global average pooling and one Dense layer the class activation map (Zhou et al. 2016) equals Grad-CAM
    before its ReLU (Selvaraju et al. 2017, section 3.1). Maps are scaled so that the cells of a class' map and its
    bias add up to its logit.

    Args:
        model: any functional model that ends in a (N, h, w, K) layer, pooling named `FEATURES_LAYER` and a Dense
            layer named `LOGITS_LAYER`.

    Returns:
        A model with outputs {"logits": (N, C), "maps": (N, h, w, C), "features": (N, K)}.
    """
    pooling, head = model.get_layer(FEATURES_LAYER), model.get_layer(LOGITS_LAYER)
    last = pooling.input
    cells = last.shape[1] * last.shape[2]
    maps_layer = keras.layers.Conv2D(head.units, 1, use_bias=False, name=MAPS_LAYER, dtype="float32")
    maps = maps_layer(last)
    kernel, _ = head.get_weights()
    maps_layer.set_weights([kernel[None, None] / cells])
    return keras.Model(model.input, {"logits": model.output, "maps": maps, "features": pooling.output})


def gradcam(model: keras.Model, images: np.ndarray, *, relu: bool = True) -> np.ndarray:
    """Grad-CAM of every class at the last convolution (Selvaraju et al. 2017, equations 1 and 2), from the logits.

    Args:
        model: as `network.build` returns it; the layer before the pooling is looked at.
        images: (N, S, S, 1) float32 grey, 0-255.
        relu: keep positive evidence alone, as the paper does.

    Returns:
        (N, h, w, C) float32: sum over channels of the activations, each weighted by its mean gradient.
    """
    looker = keras.Model(model.input, [model.get_layer(FEATURES_LAYER).input, model.output])
    with tf.GradientTape(persistent=True) as tape:
        activations, logits = looker(tf.convert_to_tensor(images, tf.float32), training=False)
        each = [logits[:, c] for c in range(logits.shape[-1])]
    maps = []
    for logit in each:
        gradient = tape.gradient(logit, activations)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        maps.append(tf.reduce_sum(weights * activations, axis=-1))
    stacked = tf.stack(maps, axis=-1)
    return np.asarray(tf.nn.relu(stacked) if relu else stacked)


def centre_head(model: keras.Model) -> None:
    """Subtract the mean over classes from the head's weights and biases, in place.

    The scores stay: a softmax does not change when the same number is added to all logits. But each class' map now
    shows the evidence for it against the others, without what all classes have in common.
    """
    head = model.get_layer(LOGITS_LAYER)
    kernel, bias = head.get_weights()
    head.set_weights([kernel - kernel.mean(axis=1, keepdims=True), bias - bias.mean()])


def round_to_int8(model: keras.Model) -> None:
    """Round every kernel to 255 steps per channel, in place, so that storing it as int8 is lossless.

    Symmetric, one scale per output channel (Krishnamoorthi 2018, arXiv:1806.08342); folding the BatchNorm behind a
    convolution scales whole output channels, so a rounded kernel stays on its grid.
    """
    for layer in kernel_layers(model):
        kernel, *rest = layer.get_weights()
        scale = abs(kernel).max(axis=tuple(range(kernel.ndim - 1)), keepdims=True) / 127
        scale[scale == 0] = 1.0
        layer.set_weights([(kernel / scale).round() * scale, *rest])


def kernel_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers whose kernels are stored as int8: convolutions and the head."""
    return [layer for layer in model.layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))]

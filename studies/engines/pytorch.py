"""PyTorch with torchvision's ResNet50, which is given the Keras weights; pytorch-grad-cam on top where asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torchvision.models import resnet50

from studies.engines.ways import THREADS, Array, Facts

# As in model/training/network.py, which can't be imported without TensorFlow; prepare.py holds the two equal.
BGR_MEAN, GREY_MEAN, GREY_SPREAD, LEAST_SPREAD = (103.939, 116.779, 123.68), 118.0, 58.0, 2.0
BATCH_NORM_EPSILON = 1.001e-5


class Network(nn.Module):
    """Grey pictures (N, S, S, 1) -> logits (N, C), and the class maps (N, h, w, C) where `maps` is set."""

    def __init__(self, classes: int, maps: bool = True) -> None:
        super().__init__()
        self.maps = maps
        self.resnet = resnet50(num_classes=classes)
        for stage in (self.resnet.layer2, self.resnet.layer3, self.resnet.layer4):
            # Keras' ResNet50 halves the picture in a block's first convolution, torchvision's in the second.
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = BATCH_NORM_EPSILON
        self.register_buffer("shift", torch.tensor(BGR_MEAN).reshape(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Normalise, run the backbone and weigh its last maps by the head."""
        # pytorch-grad-cam takes the picture's size from where PyTorch has it: (N, 1, S, S) is taken too.
        grey = image.permute(0, 3, 1, 2) if image.shape[-1] == 1 else image
        mean = grey.mean((1, 2, 3), keepdim=True)
        spread = ((grey - mean) ** 2).mean((1, 2, 3), keepdim=True).sqrt()
        grey = (grey - mean) / spread.clamp(min=LEAST_SPREAD) * GREY_SPREAD + GREY_MEAN
        net = self.resnet
        last = net.maxpool(net.relu(net.bn1(net.conv1(grey - self.shift))))
        last = net.layer4(net.layer3(net.layer2(net.layer1(last))))
        logits = net.fc(last.mean((2, 3)))
        if not self.maps:
            return logits
        cells = last.shape[2] * last.shape[3]
        return logits, nn.functional.conv2d(last, net.fc.weight[:, :, None, None] / cells).permute(0, 2, 3, 1)


def from_keras(weights: dict[str, NDArray[np.float32]], classes: int, maps: bool = True) -> Network:
    """The network with Keras' weights.

    Args:
        weights: "LAYER/NUMBER" -> array, for every layer of Keras' network with weights.
        classes: number of logits.
        maps: give the class maps too.

    Returns:
        The network, in evaluation mode.
    """
    made = Network(classes, maps).eval()
    net = made.resnet
    _put(weights, "conv1_conv", "conv1_bn", net.conv1, net.bn1)
    for number, stage in enumerate((net.layer1, net.layer2, net.layer3, net.layer4), 2):
        for block_number, block in enumerate(stage.children(), 1):
            name = f"conv{number}_block{block_number}"
            for part in (1, 2, 3):
                pair = getattr(block, f"conv{part}"), getattr(block, f"bn{part}")
                _put(weights, f"{name}_{part}_conv", f"{name}_{part}_bn", *pair)
            if block.downsample is not None:
                _put(weights, f"{name}_0_conv", f"{name}_0_bn", block.downsample[0], block.downsample[1])
    net.fc.weight.data = torch.tensor(weights["logits/0"].T.copy())
    net.fc.bias.data = torch.tensor(weights["logits/1"])
    return made


def _put(weights: dict[str, NDArray[np.float32]], at: str, norm: str, conv: nn.Conv2d, bn: nn.BatchNorm2d) -> None:
    conv.weight.data = torch.tensor(weights[f"{at}/0"].transpose(3, 2, 0, 1).copy())
    bias = torch.tensor(weights[f"{at}/1"])
    ones, zeros = torch.ones_like(bias), torch.zeros_like(bias)
    if f"{norm}/0" in weights:
        gamma, beta, mean, variance = (torch.tensor(weights[f"{norm}/{part}"]) for part in range(4))
    else:  # folded into the convolution: the norm does nothing
        gamma, beta, mean, variance = ones, zeros, zeros, ones - BATCH_NORM_EPSILON
    bn.weight.data, bn.bias.data, bn.running_var = gamma, beta, variance
    # Keras' convolutions have biases, torchvision's none: what is added before the norm is taken off its mean.
    bn.running_mean = mean - bias


class PyTorch:
    """The network in inference mode, memory laid out channels last, which is faster on processors."""

    def __init__(self, path: Path, facts: Facts, form: str) -> None:
        gradients = form == "cam"
        torch.set_num_threads(THREADS)
        with np.load(path) as stored:
            self._network = from_keras(dict(stored), facts.classes, maps=not gradients)
        self._network = self._network.to(memory_format=torch.channels_last)
        self._positive = facts.positive
        self._cam = None
        if gradients:
            from pytorch_grad_cam import GradCAM

            self._cam = GradCAM(model=self._network, target_layers=[self._network.resnet.layer4[-1]])

    def run(self, image: Array) -> tuple[Array | None, Array | None]:
        """One forward pass, and with Grad-CAM its gradient."""
        if self._cam is not None:
            from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

            heatmaps = self._cam(torch.from_numpy(image[:, None, :, :, 0]), [ClassifierOutputTarget(self._positive)])
            return self._cam.outputs.detach().numpy()[0], heatmaps[0]
        with torch.inference_mode():
            logits, maps = self._network(torch.from_numpy(image))
        return logits.numpy()[0], maps.numpy()[0, :, :, self._positive]

    def batch(self, images: Array) -> Array | None:
        """All in one pass, logits alone with Grad-CAM."""
        with torch.inference_mode():
            outputs = self._network(torch.from_numpy(images))
        return np.asarray((outputs if self._cam is not None else outputs[0]).numpy())

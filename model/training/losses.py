"""What a training asks for: classes, NIH's findings by a head of their own, the same answer to views of a picture."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.training.data.targets import FINDINGS
from model.training.network import FEATURES_LAYER, LOGITS_LAYER

FINDINGS_LAYER = "findings"


@keras.saving.register_keras_serializable("radiographs")
class PackedLoss(keras.losses.Loss):
    """Cross-entropy over the classes, binary cross-entropy over the findings that are known, and consistency.

    Consistency is half the symmetric Kullback-Leibler divergence between the scores of the two views of a picture.
    """

    def __init__(
        self, classes: int = 3, findings: float = 0.5, consistency: float = 0.5, name: str = "packed", **more: Any
    ) -> None:
        """Set the weights of the terms.

        Args:
            classes: number of the first columns of the logits, which are the classes'; the rest are the findings'.
            findings: weight beside 1 for the classes.
            consistency: weight beside 1 for the classes.
            name: of the loss.
            more: Keras' own.
        """
        super().__init__(name=name, **more)
        self.classes, self.findings, self.consistency = classes, findings, consistency

    def get_config(self) -> dict[str, Any]:
        """For loading a checkpoint."""
        values = {"classes": self.classes, "findings": self.findings, "consistency": self.consistency}
        return {**super().get_config(), **values}

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Loss of each row.

        Args:
            y_true: (B, C + F + 1): distributions over the classes, findings (0, 1, or -1 for unknown), and 1 where the
                rows come in pairs of views, else 0.
            y_pred: (B, C) or (B, C + F) logits.

        Returns:
            (B,).
        """
        logits = y_pred[:, : self.classes]
        loss = ops.categorical_crossentropy(y_true[:, : self.classes], logits, from_logits=True)
        if y_pred.shape[1] > self.classes:
            stated, asked = y_true[:, self.classes : -1], y_pred[:, self.classes :]
            known = ops.cast(stated >= 0, asked.dtype)
            each = ops.binary_crossentropy(ops.maximum(stated, 0.0), asked, from_logits=True) * known
            loss += 2.0 * self.findings * ops.mean(each, axis=1)
        if self.consistency:
            log = ops.log_softmax(logits, axis=1)
            even = ops.expand_dims(ops.arange(ops.shape(log)[0]) % 2 == 0, 1)
            other = ops.where(even, ops.roll(log, -1, axis=0), ops.roll(log, 1, axis=0))
            apart = ops.sum((ops.exp(log) - ops.exp(other)) * (log - other), axis=1) / 2
            loss += self.consistency * apart * y_true[:, -1]
        return loss


@keras.saving.register_keras_serializable("radiographs")
def accuracy(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Whether the largest of a row's class logits is its class, (B,); targets as `PackedLoss` takes them."""
    classes = y_true.shape[1] - 1 - len(FINDINGS)
    right = ops.argmax(y_true[:, :classes], axis=1) == ops.argmax(y_pred[:, :classes], axis=1)
    return ops.cast(right, "float32")


def with_findings(model: keras.Model, findings: int) -> keras.Model:
    """The same network with an auxiliary head beside its own, for training alone.

    Args:
        model: as `build` returns it, with C logits.
        findings: logits of the auxiliary head.

    Returns:
        A model with (N, C + findings) logits, the network's own first.
    """
    head = keras.layers.Dense(findings, name=FINDINGS_LAYER, dtype="float32", kernel_initializer="zeros")
    asked = head(model.get_layer(FEATURES_LAYER).output)
    both = keras.layers.Concatenate(dtype="float32")([model.output, asked])
    return keras.Model(model.input, both, name=model.name)


def without_findings(model: keras.Model) -> keras.Model:
    """The network of a model that `with_findings` may have extended; it shares its weights."""
    return keras.Model(model.input, model.get_layer(LOGITS_LAYER).output, name=model.name)

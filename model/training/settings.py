"""Everything that decides what a training run gives, in one frozen place."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from model.training.augment import STRENGTHS, Augmentation


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a run gives; written to the run's folder and into the bundle's card.

    Attributes:
        arch, weights, harmonise: see `network.build`.
        image_size: pixels a side of the shipped network's input.
        start_size, start_epochs: the first epochs may see smaller pictures, which is several times faster.
        epochs: of the second stage, the `start_epochs` included.
        head_epochs: of the first stage (on cached features: seconds).
        batch_size, learning_rate, weight_decay, warmup: AdamW with a cosine schedule (Loshchilov and Hutter 2019).
        first_stage: stages before conv<first_stage> keep their weights.
        norms: let the BatchNorm layers of the learning stages learn too.
        smoothing: label smoothing (Szegedy et al. 2016); `noisy_smoothing` holds for `noisy_sources`, whose labels
            were mined from reports.
        balance: "class", "source" (every source and class weighs the same) or "none".
        ema: momentum of the weights' moving average that is validated and kept; 0 for none.
        patience: epochs without a better validation loss before the run stops.
        within: chance that a picture is only asked to choose among the classes that its own source has, so that what
            tells the source does not tell the class; 0 for never. Not together with mixup.
        mixup: strength of mixing pairs of pictures (Zhang et al. 2018); 0 for none.
        soft_weight: weight of pictures without a label whose finding tells part of the answer
            (`batches.SOFT_TARGETS`), beside 1 for a labelled one; 0 leaves them out.
        teacher: final weights of an earlier run with the same classes, whose scores are averaged into those targets.
        strength: of the augmentation, a name in `augmentation.STRENGTHS`.
        seed: of the split, the order and the augmentation.
    """

    arch: str = "resnet50"
    weights: str | None = "imagenet"
    image_size: int = 224
    start_size: int = 128
    start_epochs: int = 0
    epochs: int = 12
    head_epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-4
    weight_decay: float = 0.05
    warmup: float = 0.05
    first_stage: int = 3
    norms: bool = False
    smoothing: float = 0.05
    noisy_smoothing: float = 0.2
    noisy_sources: tuple[str, ...] = ("nih",)
    balance: str = "source"
    ema: float = 0.99
    patience: int = 6
    harmonise: str = "standardise"
    within: float = 0.0
    mixup: float = 0.0
    soft_weight: float = 0.5
    teacher: str = ""
    strength: str = "strong"
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.within and self.mixup:
            raise ValueError("--within and --mixup do not go together: a mixed picture has two sources. Leave one out.")

    @property
    def augmentation(self) -> Augmentation:
        """The augmentation of this strength."""
        return STRENGTHS[self.strength]

    def size_in(self, epoch: int) -> int:
        """Pixels a side of the pictures in an epoch (from 0 on)."""
        return self.start_size if epoch < self.start_epochs else self.image_size

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Settings:
        """Read what `write` wrote."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["noisy_sources"] = tuple(raw["noisy_sources"])
        return Settings(**raw)

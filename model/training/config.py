"""What a run was started with: its settings and its data, kept in the run's folder for resume and export."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from model.errors import ReaderError
from model.reading.card import Framing
from model.training.augment import STRENGTHS, Augmentation


class TrainingError(ReaderError):
    """Training can't start or go on; the message says why and what to do."""


# The strength that trains on degraded views.
FORMS = "forms"
DECODE_SCALE = 8 / 7
# What a resumed run may change: the rest decides the split, the network or the optimiser's state.
RESUMABLE = ("epochs", "learning_rate", "weight_decay", "patience")


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result of a run; written to the run's folder and into the bundle's card.

    Attributes:
        arch, weights, harmonise: see `network.build`.
        image_size: pixels a side of the network's input.
        start_size, start_epochs: the first epochs may see smaller images, which is several times faster.
        epochs: of the second stage, the `start_epochs` included.
        head_epochs: of the first stage (on cached features: seconds).
        batch_size, learning_rate, weight_decay, warmup: AdamW with a cosine schedule (Loshchilov and Hutter 2019).
        first_stage: stages before conv<first_stage> keep their weights.
        norms: train the BatchNorm layers of the trainable stages too.
        smoothing: label smoothing (Szegedy et al. 2016); `noisy_smoothing` holds for `noisy_sources`, whose labels
            were mined from reports.
        balance: "class", "source" (every source and class weighs the same) or "none".
        ema: momentum of the weights' moving average, which is validated and saved; 0 for none.
        patience: epochs without a better validation loss before the run stops.
        within: probability that the loss of an image only compares the classes that its source has, so that features
            of the source do not predict the class; 0 for never. Not together with mixup.
        mixup: strength of mixing pairs of images (Zhang et al. 2018); 0 for none.
        soft_weight: weight of images without a label whose finding tells part of the answer
            (`batches.SOFT_TARGETS`), against 1 for a labelled one; 0 leaves them out.
        teacher: final weights of an earlier run with the same classes, whose scores are averaged into those targets.
        strength: of the augmentation, a key of `augment.STRENGTHS`; or "forms" for two differently degraded views of
            each picture in every batch (`degrade.Degradation`), drawn evenly by class and source.
        margin: what the network sees around the lungs' box on each side, as a share of its width and height; below 0
            it sees the whole picture.
        detail: pixels a side that pictures are brought to before they are enlarged to the network's input, so that all
            have one sharpness; 0 for those of the input.
        lungs: folder of the bundle whose lung network finds the box; empty for the bundle that ships.
        findings: with "forms", weight of an auxiliary loss on NIH's 14 findings, which no other data need have.
        consistency: with "forms", weight of the difference between the scores of the two views.
        ease: with "forms", strength of the degradations in the last epoch.
        ease_from: share of the epochs after which they are eased.
        views: with "forms", how often each picture is in a batch, every time differently degraded: 1 or 2.
        source_power: with "forms", a source is drawn by its size to this power, inside its class.
        background: with "forms" and a margin, probability that what is outside the lungs is replaced
            (`background.change`).
        steps_per_epoch: with "forms", batches an epoch; 0 for as many as the data fill.
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
    margin: float = -1.0
    detail: int = 0
    lungs: str = ""
    findings: float = 0.5
    consistency: float = 0.5
    ease: float = 0.4
    ease_from: float = 0.6
    views: int = 2
    source_power: float = 0.5
    background: float = 0.0
    steps_per_epoch: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            TrainingError: see the message.
        """
        if self.strength not in (FORMS, *STRENGTHS):
            raise TrainingError(f"Unknown --strength {self.strength}: choose one of {FORMS}, {', '.join(STRENGTHS)}.")
        if self.strength != FORMS and self.margin >= 0:
            raise TrainingError("--margin 0 or more needs --strength forms, which trains on the lungs' box.")
        if self.views not in (1, 2) or (self.batch_size % self.views and self.strength == FORMS):
            raise TrainingError(f"--batch-size {self.batch_size} does not go with --views {self.views}: give 1 or 2.")
        if self.detail > self.image_size:
            raise TrainingError(f"--detail {self.detail} is above --image-size {self.image_size}: give less, or 0.")
        if self.within and self.mixup:
            raise TrainingError(
                "--within and --mixup do not go together: a mixed image has two sources. Leave one out."
            )

    @property
    def augmentation(self) -> Augmentation:
        """The augmentation of this strength; that of "forms" is `degrade.Degradation`."""
        return STRENGTHS["none" if self.strength == FORMS else self.strength]

    @property
    def framing(self) -> Framing:
        """What the network's input is made of."""
        return Framing(self.image_size, self.detail or self.image_size, self.margin if self.margin >= 0 else None)

    @property
    def folded(self) -> bool:
        """Whether the network is trained without BatchNorm layers, folded into the convolutions."""
        return self.strength == FORMS and not self.norms

    @property
    def decoded_size(self) -> int:
        """Pixels a side of the decoded pictures: larger than the input, so that rotation and zoom lose no detail."""
        return 256 if self.strength == FORMS else round(self.image_size * DECODE_SCALE)

    def easing(self, epoch: int) -> float:
        """Strength of the degradations in an epoch (counted from 0), from 1 down to `ease`."""
        first = self.ease_from * self.epochs
        return 1.0 if epoch < first else 1.0 - (1.0 - self.ease) * (epoch + 1 - first) / (self.epochs - first)

    def size_in(self, epoch: int) -> int:
        """Pixels a side of the images in an epoch (counted from 0)."""
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


@dataclass(frozen=True)
class Plan:
    """The data of a run.

    Attributes:
        data: path of the manifest or folder.
        sources: to train on; empty for all.
        hold_out: for external testing only; None for those of `manifest.default_hold_out`.
    """

    data: str
    sources: tuple[str, ...] = ()
    hold_out: tuple[str, ...] | None = None


def write(run: Path, plan: Plan, settings: Settings) -> None:
    """Write the plan and the settings into the run's folder."""
    run.mkdir(parents=True, exist_ok=True)
    settings.write(run / "settings.json")
    (run / "plan.json").write_text(json.dumps(asdict(plan), indent=1) + "\n", encoding="utf-8")


def read(run: Path) -> tuple[Plan, Settings]:
    """Read what `write` wrote.

    Raises:
        TrainingError: the folder holds no run.
    """
    if not (run / "plan.json").exists() or not (run / "settings.json").exists():
        raise TrainingError(f"{run} holds no run: give the folder that an earlier training wrote with --run.")
    raw = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    plan = Plan(raw["data"], tuple(raw["sources"]), None if raw["hold_out"] is None else tuple(raw["hold_out"]))
    return plan, Settings.read(run / "settings.json")


def resume(run: Path, data: Path | None, changes: dict[str, Any]) -> tuple[Plan, Settings]:
    """The plan and settings with which a run goes on.

    Args:
        run: its folder.
        data: the data that were named again; None if they were not.
        changes: settings that were given; those in `RESUMABLE` replace the run's, the others have to be equal.

    Raises:
        TrainingError: the folder holds no run, or something was given that would make it another run.
    """
    plan, settings = read(run)
    if data is not None and data.resolve() != Path(plan.data).resolve():
        raise TrainingError(f"{run} was started with --data {plan.data}: leave --data out, or start a new --run.")
    for name, value in changes.items():
        if name not in RESUMABLE and value != getattr(settings, name):
            raise TrainingError(
                f"--{name.replace('_', '-')} of {run} is {getattr(settings, name)} and can't change while it resumes: "
                "leave it out, or start a new --run."
            )
    return plan, replace(settings, **changes)

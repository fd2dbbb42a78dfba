"""What a run was started with: its settings and its data, kept in the run's folder for resume and export."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from model.errors import ReaderError
from model.reading.card import Framing


class TrainingError(ReaderError):
    """Training can't start or go on; the message says why and what to do."""


# Pixels a side of decoded pictures, and of the crops that batches are made of, at least.
DECODED, CROPPED = 256, 192
# What a resumed run may change: the rest decides the split, the network or the optimiser's state.
RESUMABLE = ("epochs", "learning_rate", "weight_decay", "patience")


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result of a run; written to the run's folder and into the bundle's card.

    Attributes:
        arch: resnet50, resnet101 or resnet152.
        weights: to start from: imagenet, none, or a file, such as the final.weights.h5 of an earlier run.
        image_size: pixels a side of the network's input.
        start_size: pixels a side in the first `start_epochs`; smaller images are several times faster.
        start_epochs: epochs of that size.
        epochs: of the whole network, those of the smaller size included.
        head_epochs: of the head alone, on cached features (seconds), before those; not after an earlier run.
        batch_size: images a step, on all devices together.
        learning_rate: the largest, of AdamW with a cosine schedule (Loshchilov and Hutter 2019).
        weight_decay: of AdamW.
        warmup: share of the steps in which the learning rate rises.
        first_stage: stages before conv<first_stage> keep their weights: 1 (none) to 6 (all but the head).
        ema: momentum of the weights' moving average, which is validated and saved; 0 for none.
        patience: epochs without a better validation loss before the run stops.
        degrade: strength of the degradations of every training picture, from 0 for none to 1.
        ease: what that strength is multiplied by in the last epoch.
        ease_from: share of the epochs after which the degradations are eased.
        margin: what the network sees around the lungs' box on each side, as a share of its width and height; below 0
            it sees the whole picture.
        detail: pixels a side that pictures are brought to before they are enlarged to the network's input, so that all
            have one sharpness; 0 for those of the input.
        lungs: folder of the bundle whose lung network finds the box; empty for the bundle that ships.
        findings: weight of an auxiliary loss on NIH's 14 findings, which no other data need have.
        views: how often each picture is in a batch, every time differently degraded: 1 or 2.
        consistency: weight of the difference between the scores of two views.
        source_power: a source is drawn by its size to this power, inside its class.
        background: with a margin, probability that what is outside the lungs is replaced.
        steps_per_epoch: batches an epoch; 0 for as many as the data fill.
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
    ema: float = 0.99
    patience: int = 6
    degrade: float = 1.0
    ease: float = 0.4
    ease_from: float = 0.6
    margin: float = -1.0
    detail: int = 0
    lungs: str = ""
    findings: float = 0.5
    views: int = 1
    consistency: float = 0.5
    source_power: float = 0.5
    background: float = 0.0
    steps_per_epoch: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            TrainingError: see the message.
        """
        if self.views not in (1, 2) or self.batch_size % self.views:
            raise TrainingError(f"--batch-size {self.batch_size} does not go with --views {self.views}: give 1 or 2.")
        if self.detail > self.image_size:
            raise TrainingError(f"--detail {self.detail} is above --image-size {self.image_size}: give less, or 0.")

    @property
    def framing(self) -> Framing:
        """What the network's input is made of."""
        return Framing(self.image_size, self.detail or self.image_size, self.margin if self.margin >= 0 else None)

    @property
    def decoded_size(self) -> int:
        """Pixels a side of the decoded pictures: larger than what the network sees of them."""
        return max(DECODED, round((8 / 7 if self.margin < 0 else 2) * self.framing.detail))

    @property
    def cropped_size(self) -> int:
        """Pixels a side of the crops that batches are made of, so that rotation and jitter lose no detail."""
        return max(CROPPED, round(9 / 7 * self.framing.detail))

    def easing(self, epoch: int) -> float:
        """Strength of the degradations in an epoch (counted from 0), from `degrade` down to `ease` of it."""
        first = self.ease_from * self.epochs
        left = 1.0 if epoch < first else 1.0 - (1.0 - self.ease) * (epoch + 1 - first) / (self.epochs - first)
        return self.degrade * left

    def framing_in(self, epoch: int) -> Framing:
        """What the network's input is made of in an epoch (counted from 0)."""
        size = self.size_in(epoch)
        return Framing(size, min(size, self.framing.detail), self.framing.margin)

    def size_in(self, epoch: int) -> int:
        """Pixels a side of the images in an epoch (counted from 0)."""
        return self.start_size if epoch < self.start_epochs else self.image_size

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Settings:
        """Read what `write` wrote, in this version or an earlier one."""
        return Settings.of(json.loads(path.read_text(encoding="utf-8")))

    @staticmethod
    def of(values: dict[str, Any]) -> Settings:
        """Settings from a run's folder or a card; those that this version does not have are named and left out."""
        known = {item.name for item in fields(Settings)}
        if left_out := sorted(set(values) - known):
            print(f"Settings of an earlier version are left out: {', '.join(left_out)}.", flush=True)
        return Settings(**{name: value for name, value in values.items() if name in known})


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


def check_start(plan: Plan, settings: Settings) -> None:
    """Check that weights of an earlier run on the same data are fine-tuned on with that run's split.

    Raises:
        TrainingError: the split would be another one, so that this run would be tested on what the earlier one saw.
    """
    folder = Path(settings.weights or "").parent
    if not settings.weights or not (folder / "plan.json").exists():
        return
    earlier, before = read(folder)
    if Path(earlier.data).resolve() != Path(plan.data).resolve():
        return
    pairs = {
        "--seed": (str(before.seed), str(settings.seed)),
        "--sources": (",".join(earlier.sources), ",".join(plan.sources)),
        "--hold-out": (",".join(earlier.hold_out or ()), ",".join(plan.hold_out or ())),
    }
    for option, (was, now) in pairs.items():
        if was != now:
            raise TrainingError(
                f"The weights in {folder} were trained with {option} {was or '(none)'}, and {option} {now or '(none)'} "
                "splits the data in another way: this run would be tested on images that they were trained on. "
                "Give the same option."
            )


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

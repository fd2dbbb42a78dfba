"""A run's folder: which data and settings it was started with, so that resume and export need nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from model.training import dataset
from model.training.callbacks import FittingError
from model.training.manifest import find_records, select
from model.training.settings import Settings

# Larger than the network's input, so that augmentation can turn and zoom without losing detail.
SPARE = 8 / 7


@dataclass(frozen=True)
class Plan:
    """Which data a run uses: the path, the sources trained on (empty: all) and those for external testing alone."""

    data: str
    sources: tuple[str, ...] = ()
    hold_out: tuple[str, ...] = ()


def load(plan: Plan, settings: Settings, run: Path) -> dataset.Checked:
    """Find, decode, check and split the pictures of a plan; decoded ones are cached beside the run.

    Raises:
        DatasetError: see `records.find_records`, `records.select` and `dataset.check`.
    """
    records = find_records(Path(plan.data))
    # Pictures without a label always, though only a run with a teacher learns from them: they may tie two patients
    # together, and the split must not depend on the settings.
    chosen = select(records, sources=plan.sources, hold_out=plan.hold_out, unlabelled=True)
    size = round(settings.image_size * SPARE)
    return dataset.check(chosen, size=size, seed=settings.seed, cache=run.parent / "cache")


def write(run: Path, plan: Plan, settings: Settings) -> None:
    """Keep the plan and the settings in the run's folder."""
    run.mkdir(parents=True, exist_ok=True)
    settings.write(run / "settings.json")
    (run / "plan.json").write_text(json.dumps(asdict(plan), indent=1) + "\n", encoding="utf-8")


def read(run: Path) -> tuple[Plan, Settings]:
    """Read what `write` kept.

    Raises:
        FittingError: the folder holds no run.
    """
    if not (run / "plan.json").exists() or not (run / "settings.json").exists():
        raise FittingError(f"{run} holds no run: give the folder that an earlier training wrote with --run.")
    raw = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    plan = Plan(raw["data"], tuple(raw["sources"]), tuple(raw["hold_out"]))
    return plan, Settings.read(run / "settings.json")

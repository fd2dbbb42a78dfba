"""Fine-tune a ResNet on chest radiographs and export the bundle that the app loads: `python train.py --help`."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.training.settings import Settings

# TensorFlow's own chatter would bury what is said here.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

DEFAULT_BUNDLE = Path("model/bundles/covid_resnet50")
BENCH = Path("artefacts/train_bench.json")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed with a sentence, 2 wrong usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] not in ("fit", "export", "equip", "evaluate", "bench"):
        arguments = ["fit", *arguments]
    options = _parser().parse_args(arguments)
    from model.reading.card import BundleError
    from model.training.callbacks import FittingError
    from model.training.export import ExportError
    from model.training.manifest import DatasetError

    try:
        options.command(options)
    except (BundleError, DatasetError, FittingError, ExportError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted. What was finished is in {options.run}; {options.again}.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    from model.training.manifest import EXTERNAL_SOURCES

    parser = argparse.ArgumentParser(prog="train.py", description=__doc__)
    commands = parser.add_subparsers(required=True)
    fit = commands.add_parser("fit", help="fine-tune and export (the default command)")
    fit.set_defaults(command=_fit, again="go on with --resume")
    fit.add_argument("--data", type=Path, required=True, help="manifest CSV, or a folder with one sub-folder a class")
    fit.add_argument("--run", type=Path, default=Path("runs/latest"), help="folder of checkpoints and history")
    fit.add_argument("--out", type=Path, help="where the bundle goes (default: RUN/bundle)")
    fit.add_argument("--sources", type=_names, default=(), help="train on these sources alone (comma-separated)")
    fit.add_argument(
        "--hold-out",
        type=_names,
        default=EXTERNAL_SOURCES,
        help=f"sources for external testing alone (default: {','.join(EXTERNAL_SOURCES)})",
    )
    fit.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    fit.add_argument("--check", action="store_true", help="check the data, say what was found, and stop")
    fit.add_argument("--tensorboard", action="store_true", help="write logs for TensorBoard into the run's folder")
    fit.add_argument("--no-export", action="store_true", help="train only")
    fit.add_argument("--devices", default="1", help="all, or a number of GPUs (docs/training.md); default: 1")
    _add_settings(fit)
    export = commands.add_parser("export", help="export the bundle of a run's best weights")
    export.set_defaults(command=_export, again="run the same again")
    export.add_argument("checkpoint", type=Path, help="a run's folder, or a weights file inside it")
    export.add_argument("--out", type=Path, help="where the bundle goes (default: RUN/bundle)")
    export.add_argument("--version", default="0.1.0", help="the bundle's version")
    equip = commands.add_parser("equip", help="add the input check and the lung network to a run's bundle")
    equip.set_defaults(command=_equip, again="run the same again")
    equip.add_argument("run", type=Path, help="the run's folder")
    equip.add_argument("--bundle", type=Path, help="the bundle (default: RUN/bundle)")
    equip.add_argument("--keep-lungs", action="store_true", help="keep the lung network that the bundle has")
    equip.add_argument("--keep-side", action="store_true", help="keep its network that tells mirrored pictures")
    evaluate = commands.add_parser("evaluate", help="measure a bundle: docs/evidence.md, MODEL_CARD.md and their JSON")
    evaluate.set_defaults(command=_evaluate, again="run the same again to go on")
    evaluate.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, help=f"default: {DEFAULT_BUNDLE}")
    evaluate.add_argument("--data", type=Path, required=True, help="the manifest that the bundle was trained with")
    evaluate.add_argument("--out", type=Path, help="folder for docs/ and MODEL_CARD.md (default: here)")
    evaluate.add_argument("--cache", type=Path, dest="run", default=Path("runs/cache"), help="default: runs/cache")
    evaluate.add_argument("--quick", action="store_true", help="small samples, to try it; goes to artefacts/evidence")
    bench = commands.add_parser("bench", help="measure how fast this machine trains")
    bench.set_defaults(command=_bench, again="run the same again")
    what = bench.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, help="manifest CSV, or a folder with one sub-folder a class")
    what.add_argument("--synthetic", action="store_true", help="random pictures, so that no data is needed")
    bench.add_argument("--steps", type=int, default=10, help="batches that are measured, default: 10")
    bench.add_argument("--profile", type=Path, help="save a profile of some steps for TensorBoard into this folder")
    bench.add_argument("--out", type=Path, default=BENCH, help=f"default: {BENCH}")
    bench.add_argument("--run", type=Path, default=Path("runs/latest"), help="decoded pictures lie beside this folder")
    _add_settings(bench)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from model.training.settings import Settings

    defaults = Settings()
    for item in fields(Settings):
        value = getattr(defaults, item.name)
        kind = _names if isinstance(value, tuple) else str if value is None else type(value)
        shown = ",".join(value) if isinstance(value, tuple) else value
        option = "--" + item.name.replace("_", "-")
        if kind is bool:
            parser.add_argument(option, action="store_true", help="see model/training/settings.py")
        else:
            parser.add_argument(option, type=kind, default=value, help=f"default: {shown}")


def _settings(options: argparse.Namespace) -> Settings:
    from model.training.settings import Settings

    chosen = {item.name: getattr(options, item.name) for item in fields(Settings)}
    if chosen["weights"] in ("none", ""):
        chosen["weights"] = None
    return Settings(**chosen)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _fit(options: argparse.Namespace) -> None:
    from model.training import config, distributed, fit, precision

    # First of all: TensorFlow can't be told of other devices once it has started.
    chosen = distributed.choose(options.devices)
    settings = _settings(options)
    plan = config.Plan(str(options.data), options.sources, options.hold_out)
    if options.resume:
        plan, settings = config.read(options.run)
    data = chosen.in_turn(lambda: config.load(plan, settings, options.run))
    if chosen.chief:
        print(data.summary(), flush=True)
    if options.check:
        return
    if chosen.chief:
        config.write(options.run, plan, settings)
    print(precision.choose_device(chosen.count > 1), flush=True)
    if chosen.count > 1:
        print(chosen, flush=True)
    fit.fit(data, settings, options.run, resume=options.resume, tensorboard=options.tensorboard, devices=chosen)
    if chosen.chief and not options.no_export:
        from model.training.export import export_run

        export_run(options.run, options.out or options.run / "bundle")


def _bench(options: argparse.Namespace) -> None:
    from model.training import bench, config
    from model.training.manifest import EXTERNAL_SOURCES

    settings = _settings(options)
    data = None
    if not options.synthetic:
        # The same sources as `fit` takes, so that what it has decoded is found.
        data = config.load(config.Plan(str(options.data), (), EXTERNAL_SOURCES), settings, options.run)
    bench.run(data, settings, steps=options.steps, profile=options.profile, out=options.out)


def _export(options: argparse.Namespace) -> None:
    from model.training.export import export_run

    options.run = options.checkpoint if options.checkpoint.is_dir() else options.checkpoint.parent
    weights = None if options.checkpoint.is_dir() else options.checkpoint
    export_run(options.run, options.out or options.run / "bundle", weights=weights, version=options.version)


def _equip(options: argparse.Namespace) -> None:
    from model.training.auxiliary.add_auxiliary import equip

    kept = {"with_lungs": not options.keep_lungs, "with_side": not options.keep_side}
    equip(options.run, options.bundle or options.run / "bundle", **kept)


def _evaluate(options: argparse.Namespace) -> None:
    from model.evaluation import command

    out = options.out or Path("artefacts/evidence" if options.quick else ".")
    command.run(options.bundle, options.data, out, options.run, quick=options.quick)


if __name__ == "__main__":
    sys.exit(main())

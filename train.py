"""Fine-tune a ResNet on chest radiographs and export the bundle that the app loads."""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.training.config import Plan, Settings

# TensorFlow's log would bury the messages of this program.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

DEFAULT_BUNDLE = Path("model/bundles/covid_resnet50")
BENCH_RESULT = Path("artefacts/train_bench.json")
EPILOG = "`train.py --data DATA` is short for `train.py fit --data DATA`; `train.py COMMAND --help` lists the options."


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line; default is this process' own.

    Returns:
        The exit code: 0 done, 1 failed with a message, 2 wrong usage, 130 interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"):
        arguments = ["fit", *arguments]
    options = _parser().parse_args(arguments)
    from model.errors import ReaderError

    try:
        options.command(options)
    except ReaderError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted; {options.again}.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train.py", description=__doc__, epilog=EPILOG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fit(commands)
    export = commands.add_parser("export", help="export the bundle of a run's best weights")
    export.set_defaults(command=_export, again="run the same command again")
    export.add_argument("checkpoint", type=Path, help="a run's folder, or a weights file in it")
    export.add_argument("--out", type=Path, help="folder of the bundle (default: RUN/bundle)")
    export.add_argument("--version", default="0.1.0", help="the bundle's version")
    add = commands.add_parser("add-auxiliary", help="add the input check, lung and mirror networks to a run's bundle")
    add.set_defaults(command=_add_auxiliary, again="run the same command again")
    add.add_argument("run", type=Path, help="the run's folder")
    add.add_argument("--bundle", type=Path, help="the bundle (default: RUN/bundle)")
    add.add_argument("--keep-lungs", action="store_true", help="keep the lung network that the bundle has")
    add.add_argument("--keep-mirror", action="store_true", help="keep its network that detects mirrored radiographs")
    lungs = commands.add_parser("lungs", help="train a lung network for a copy of a bundle, taught by the one it has")
    lungs.set_defaults(command=_lungs, again="run the same command again")
    lungs.add_argument("run", type=Path, help="folder of a run, whose data and split are used")
    lungs.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, help=f"default: {DEFAULT_BUNDLE}")
    lungs.add_argument("--out", type=Path, required=True, help="folder of the copy")
    evaluate = commands.add_parser("evaluate", help="measure a bundle: docs/evidence.md, MODEL_CARD.md and their JSON")
    evaluate.set_defaults(command=_evaluate, again="run the same command again to go on")
    evaluate.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, help=f"default: {DEFAULT_BUNDLE}")
    evaluate.add_argument("--data", type=Path, required=True, help="the manifest that the bundle was trained with")
    evaluate.add_argument("--out", type=Path, help="folder for docs/ and MODEL_CARD.md (default: here)")
    evaluate.add_argument("--cache", type=Path, default=Path("runs/cache"), help="default: runs/cache")
    evaluate.add_argument("--outside", action="store_true", help="leave the sources that it learned from out")
    evaluate.add_argument("--sources", type=_names, default=(), help="of the others, these alone (comma-separated)")
    evaluate.add_argument(
        "--compare", type=Path, action="append", default=[], metavar="FOLDER", help="another bundle, for the codec"
    )
    evaluate.add_argument("--parts", type=_names, default=(), help="these alone, beside an earlier run's others")
    evaluate.add_argument("--quick", action="store_true", help="small samples, to try it; goes to artefacts/evidence")
    bench = commands.add_parser("bench", help="measure how fast this machine trains")
    bench.set_defaults(command=_bench, again="run the same command again")
    data = bench.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", type=Path, help="manifest CSV, or a folder with one sub-folder per class")
    data.add_argument("--synthetic", action="store_true", help="random images, so that no data is needed")
    bench.add_argument("--steps", type=int, default=10, help="batches that are measured, default: 10")
    bench.add_argument("--sizes", type=_numbers, default=(), help="image sizes to measure (comma-separated)")
    bench.add_argument("--stages", type=_numbers, default=(), help="first stages to measure (comma-separated)")
    bench.add_argument("--profile", type=Path, help="save a profile of some steps for TensorBoard into this folder")
    bench.add_argument("--out", type=Path, default=BENCH_RESULT, help=f"default: {BENCH_RESULT}")
    bench.add_argument("--run", type=Path, default=Path("runs/latest"), help="decoded images are cached beside it")
    _add_settings(bench)
    return parser


def _add_fit(commands: Any) -> None:
    from model.training.config import RESUMABLE
    from model.training.data.manifest import HELD_OUT_SOURCES

    fit = commands.add_parser("fit", help="fine-tune and export (the default command)")
    fit.set_defaults(command=_fit, again="go on with --resume")
    changeable = ", ".join("--" + name.replace("_", "-") for name in RESUMABLE)
    fit.add_argument("--data", type=Path, help="manifest CSV, or a folder with one sub-folder per class")
    fit.add_argument("--run", type=Path, default=Path("runs/latest"), help="folder of checkpoints and history")
    fit.add_argument("--out", type=Path, help="folder of the bundle (default: RUN/bundle)")
    fit.add_argument("--sources", type=_names, default=(), help="train on these sources only (comma-separated)")
    fit.add_argument(
        "--hold-out",
        type=_names,
        help=f"sources for external testing only (default: {','.join(HELD_OUT_SOURCES)}, where there are others)",
    )
    fit.add_argument("--resume", action="store_true", help=f"go on from the last checkpoint; may change {changeable}")
    fit.add_argument("--check", action="store_true", help="check the data, print the report, and stop")
    fit.add_argument("--write", type=Path, help="with --check: write what was found as a manifest into this CSV")
    fit.add_argument("--tensorboard", action="store_true", help="write logs for TensorBoard into the run's folder")
    fit.add_argument("--no-export", action="store_true", help="train only")
    fit.add_argument("--devices", default="1", help="all, or a number of GPUs (docs/training.md); default: 1")
    _add_settings(fit)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from model.training.config import Settings

    defaults = Settings()
    # What the class' documentation says of each setting.
    _, _, attributes = inspect.getdoc(Settings).partition("Attributes:\n")  # type: ignore[union-attr]
    described: dict[str, str] = {}
    for names, text in re.findall(r"^    ([\w, ]+): (.*(?:\n {8}.*)*)", attributes, re.M):
        described |= dict.fromkeys(names.split(", "), " ".join(text.split()).rstrip(".").replace("%", "%%"))
    for item in fields(Settings):
        value = getattr(defaults, item.name)
        kind = str if value is None else type(value)
        option, text = "--" + item.name.replace("_", "-"), f"{described[item.name]} (default: {value})"
        # Left out of the options where not given, so that --resume can tell what was asked for.
        parser.add_argument(option, type=kind, default=argparse.SUPPRESS, help=text)


def _given_settings(options: argparse.Namespace) -> dict[str, Any]:
    from model.training.config import Settings

    given = {item.name: getattr(options, item.name) for item in fields(Settings) if hasattr(options, item.name)}
    if given.get("weights") in ("none", ""):
        given["weights"] = None
    return given


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _plan_and_settings(options: argparse.Namespace) -> tuple[Plan, Settings]:
    """The data and settings of a new run, or those of the resumed one with what may change."""
    from model.training import config

    given = _given_settings(options)
    if options.resume:
        return config.resume(options.run, options.data, given)
    if options.data is None:
        raise config.TrainingError("Give --data: a manifest CSV, or a folder with one sub-folder per class.")
    return config.Plan(str(options.data), options.sources, options.hold_out), config.Settings(**given)


def _fit(options: argparse.Namespace) -> None:
    from model.training import config
    from model.training.data import dataset, manifest

    plan, settings = _plan_and_settings(options)
    if options.check:
        print(dataset.load(plan, settings, options.run).summary())
        if options.write and options.data:
            manifest.write_manifest(options.write, manifest.find_records(options.data).records)
        return
    if not options.resume:
        config.check_start(plan, settings)
    from model.training import distributed, fit

    # Before anything else of TensorFlow: it can't change its devices once it has started.
    devices = distributed.choose_devices(options.devices)
    data = devices.chief_first(lambda: dataset.load(plan, settings, options.run))
    if devices.chief:
        print(data.summary(), flush=True)
    if devices.chief:
        config.write(options.run, plan, settings)
    print(distributed.choose_precision(devices.count > 1), flush=True)
    if devices.count > 1:
        print(devices, flush=True)
    fit.fit(data, settings, options.run, resume=options.resume, tensorboard=options.tensorboard, devices=devices)
    if devices.chief and not options.no_export:
        from model.training.export.bundle import export_run

        export_run(options.run, options.out or options.run / "bundle")


def _export(options: argparse.Namespace) -> None:
    from model.training.export.bundle import export_run

    run = options.checkpoint if options.checkpoint.is_dir() else options.checkpoint.parent
    weights = None if options.checkpoint.is_dir() else options.checkpoint
    export_run(run, options.out or run / "bundle", weights=weights, version=options.version)


def _add_auxiliary(options: argparse.Namespace) -> None:
    from model.training.auxiliary.add_auxiliary import add_auxiliary

    train = {"train_lungs": not options.keep_lungs, "train_mirror": not options.keep_mirror}
    add_auxiliary(options.run, options.bundle or options.run / "bundle", **train)


def _lungs(options: argparse.Namespace) -> None:
    from model.training import config
    from model.training.auxiliary.add_auxiliary import replace_lungs

    plan, _ = config.read(options.run)
    print(replace_lungs(Path(plan.data), options.run, options.bundle, options.out))


def _evaluate(options: argparse.Namespace) -> None:
    from model.evaluation import run

    out = options.out or Path("artefacts/evidence" if options.quick else ".")
    run.run(
        options.bundle,
        options.data,
        out,
        options.cache,
        quick=options.quick,
        outside=options.outside,
        unseen=options.sources,
        compare=options.compare,
        parts=options.parts,
    )


def _bench(options: argparse.Namespace) -> None:
    from model.training import bench, config
    from model.training.data import dataset

    settings = replace(config.Settings(), **_given_settings(options))
    data = None
    if not options.synthetic:
        # The same sources as `fit` takes, so that the images that it has decoded are found.
        data = dataset.load(config.Plan(str(options.data)), settings, options.run)
    grid = {"sizes": options.sizes, "stages": options.stages}
    bench.run(data, settings, steps=options.steps, profile=options.profile, out=options.out, **grid)


if __name__ == "__main__":
    sys.exit(main())

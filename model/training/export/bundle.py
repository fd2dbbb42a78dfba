"""Export a bundle: convert, compare with Keras on the validation images, calibrate, measure, write atomically."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from model.reading import bundle as shipped
from model.reading.card import Framing, Input, read_card, read_checked
from model.reading.card import chosen as chosen_folder
from model.reading.lungs import Segmenter
from model.reading.radiograph import decode
from model.training import config, network
from model.training.data import dataset
from model.training.data.dataset import Dataset
from model.training.data.targets import make_weights
from model.training.export import calibration, choose, convert
from model.training.export import card as bundle_card

# Validation images whose Grad-CAM by gradients is compared with the class maps.
GRADCAM_IMAGES = 128
# Share of the validation images that the uncertain margin is chosen to cover.
ABSTAIN = 0.14


class ExportError(config.TrainingError):
    """The bundle can't be made; the message says why in a sentence."""


def export_run(run: Path, out: Path, *, weights: Path | None = None, version: str = "0.1.0") -> Path:
    """Export a run's best weights as a bundle, with every figure that its card holds.

    Args:
        run: folder of a training run.
        out: where the bundle goes; an older one there is replaced only when the new one is whole.
        weights: the run's `final.weights.h5` unless another file is named.
        version: of the bundle.

    Returns:
        `out`.

    Raises:
        ExportError: there are no weights, or the exported file does not do what Keras does.
        DatasetError, TrainingError: the run's data or settings are gone.
    """
    plan, settings = config.read(run)
    weights = weights or run / "final.weights.h5"
    if not weights.exists():
        raise ExportError(f"{weights} does not exist: train first, or name a weights file of the run.")
    data = dataset.load(plan, settings, run)
    keras.mixed_precision.set_global_policy("float32")
    model = network.load(settings, len(data.classes), weights)
    card = bundle_card.describe(data, settings, run, model, version)
    return write_bundle(model, card, data, out, chosen_folder(settings.lungs or None))


def write_bundle(model: keras.Model, card: dict, data: Dataset, out: Path, lungs: Path | None = None) -> Path:
    """Convert, verify, calibrate and measure a network, and write the bundle.

    Args:
        model: as `network.build` returns it, trained, in float32.
        card: what is known before measuring (see `card.describe`); completed here.
        data: its "validation" pictures calibrate, its "test" and "external" ones are measured.
        out: where the bundle goes.
        lungs: folder of the bundle whose lung and mirror networks are copied, where the card's input has a margin.

    Returns:
        `out`.

    Raises:
        ExportError: neither int8 nor float16 storage keeps the scores.
    """
    framing = _framing(card)
    network.centre_head(model)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        staged = Path(scratch) / "bundle"
        staged.mkdir()
        segmenter = _copy_auxiliary(lungs, staged, card) if framing.margin is not None else None
        validation = read_pictures(data, data.indices("validation"), framing, segmenter)
        chosen = _choose_scheme(model, staged, card, data, validation, segmenter)
        card["architecture"]["weights_stored_as"] = chosen.scheme
        step = max(1, len(validation) // GRADCAM_IMAGES)
        sample = slice(0, GRADCAM_IMAGES * step, step)
        card["export"] = {
            "compared_with": "Keras float32 with the weights that training ended with, on every validation picture",
            "pictures": len(validation),
            "largest_score_difference": round(chosen.largest, 6),
            "mean_score_difference": round(chosen.mean, 6),
            "auc_lost": round(chosen.auc_lost, 5),
            "map_rank_correlation": round(chosen.rank, 5),
            "gradcam": choose.compare_with_gradcam(model, validation[sample], chosen.maps[sample]),
        }
        reader = shipped.load(staged)
        logits = {"validation": chosen.logits}
        for split in ("test", "external"):
            logits[split] = run_bundle(reader, read_pictures(data, data.indices(split), framing, segmenter))
        _calibrate(card, data, logits["validation"])
        card["figures"] = bundle_card.measure(card, data, logits)
        seal(card, staged)
        shipped.load(staged)
        swap(staged, out)
    print(f"bundle in {out}: {(out / 'model.tflite').stat().st_size / 1e6:.1f} MB, weights stored as {chosen.scheme}")
    print(f"largest score difference from Keras on {len(validation)} pictures: {chosen.largest:.5f}")
    for figure in card["figures"]:
        print(
            f"  {figure['set']}: {figure['metric']} {figure['what']} {figure['value']:.3f} "
            f"({figure['low']:.3f} to {figure['high']:.3f}), n = {figure['n']}"
        )
    return out


def read_pictures(
    data: Dataset, indices: np.ndarray, framing: Framing, segmenter: Segmenter | None = None
) -> np.ndarray:
    """What the network sees of files, cut out exactly as the reader does it (not through the training cache).

    Args:
        data: the images.
        indices: (n,) positions.
        framing: of the network's input.
        segmenter: finds the lungs, where the framing has a margin.

    Returns:
        (n, S, S, 1) float32.
    """
    if not len(indices):
        return np.zeros((0, framing.size, framing.size, 1), np.float32)
    files = (decode(data.records[i].path.read_bytes()) for i in indices)
    return np.concatenate([shipped.look(file, framing, segmenter, find_lungs=False).image for file in files])


def _framing(card: dict) -> Framing:
    described = card["input"]
    return Input(described["size"], detail=described.get("detail"), margin=described.get("margin")).framing


def _copy_auxiliary(source: Path | None, staged: Path, card: dict) -> Segmenter:
    """Put another bundle's lung network into this one, and its mirror network if it has one.

    Raises:
        ExportError: there is no such bundle, or it has no lung network.
    """
    known = json.loads(read_card(source).json) if source else {}
    if source is None or not isinstance(known.get("lungs"), dict):
        raise ExportError("The network looks at the lungs' box, and there is no bundle with a lung network: --lungs.")
    for part, name in (("lungs", shipped.LUNGS_FILE), ("side", shipped.SIDE_FILE)):
        if isinstance(known.get(part), dict):
            card[part] = known[part]
            (staged / name).write_bytes(read_checked(source / name, str(known[part]["sha256"]), source.name))
    return Segmenter((staged / shipped.LUNGS_FILE).read_bytes())


def run_bundle(bundle: shipped.Bundle, pictures: np.ndarray) -> np.ndarray:
    """Logits (n, C) of pictures (n, S, S, 1) from the shipped file."""
    rows = [bundle.run(picture[None]).logits for picture in tqdm(pictures, "reading", disable=None)]
    return np.stack(rows) if rows else np.zeros((0, len(bundle.card.classes)))


def _choose_scheme(
    model: keras.Model, staged: Path, card: dict, data: Dataset, images: np.ndarray, segmenter: Segmenter | None
) -> choose.Comparison:
    """Write the model file with the chosen quantisation scheme; the kernels of `model` may be rounded afterwards."""

    def write(content: bytes) -> shipped.Bundle:
        (staged / "model.tflite").write_bytes(content)
        seal(card, staged)
        return shipped.load(staged)

    def read_calibration_images() -> np.ndarray:
        train = data.indices("train") if len(data.indices("train")) else data.indices("validation")
        drawn = np.random.default_rng(0).permutation(train)[: convert.CALIBRATION_IMAGES]
        return read_pictures(data, drawn, _framing(card), segmenter)

    labels, weights = _labels_and_weights(data)
    sources = np.array([data.records[i].source for i in data.indices("validation")])
    validation = choose.Validation(images, labels, weights, sources, data.classes.index(card["positive_class"]))
    chosen = choose.choose(model, write, read_calibration_images, validation)
    if chosen is None:
        raise ExportError("No quantisation scheme keeps the scores that Keras gives: the bundle is not written.")
    return chosen


def _labels_and_weights(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Labels and weights of the validation images for calibration."""
    chosen = data.indices("validation")
    return data.labels(chosen), make_weights(data, chosen).astype(float)


def _calibrate(card: dict, data: Dataset, logits: np.ndarray) -> None:
    chosen = data.indices("validation")
    groups = [data.records[i].group for i in chosen]
    labels, weights = _labels_and_weights(data)
    temperature = calibration.fit_temperature(logits, labels, weights)
    scores = calibration.scores_of(logits, temperature)
    positive = data.classes.index(card["positive_class"])
    card["calibration"] = {
        "method": "temperature",
        "temperature": round(temperature, 5),
        "chosen_on": "validation",
        "n": len(chosen),
    }
    points = calibration.choose_operating_points(labels == positive, scores[:, positive], groups)
    card["operating_points"] = {"default": calibration.DEFAULT_POINT, "points": points}
    decided, confidence = calibration.confidences(scores, positive, points[calibration.DEFAULT_POINT]["threshold"])
    card["uncertain"] = calibration.choose_margin(confidence, decided == labels, weights, ABSTAIN)


def seal(card: dict, folder: Path) -> None:
    """Write the card of a bundle with the SHA-256 of its network."""
    card["sha256"] = hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def swap(staged: Path, out: Path) -> None:
    """Put a complete bundle in the place of an older one.

    Args:
        staged: the new folder, on the same file system, so that a rename is enough.
        out: where it goes. An older bundle there is `out`.old in between; one that a kill left behind is removed.
    """
    old = out.with_name(out.name + ".old")
    if out.exists():
        if old.exists():
            shutil.rmtree(old)
        out.rename(old)
    staged.rename(out)
    shutil.rmtree(old, ignore_errors=True)

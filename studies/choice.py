"""What the rule of docs/choosing.md gives for the weights of a run and for bundles: `choice.json`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from model.evaluation.parts.robustness import FORMS
from model.evaluation.render import studies
from model.reading import bundle as bundles
from model.reading.card import Framing
from model.reading.framing import enlarge, frame, lungs_box
from model.reading.lungs import Segmenter
from model.reading.radiograph import decode, to_input
from model.training import config, network
from model.training.data import dataset
from model.training.data.dataset import Dataset
from model.training.data.manifest import CHOICE_SOURCES
from model.training.export import calibration

# Pictures whose forms are compared.
SAMPLE = 240
TEXT = [
    "Score: the mean of six AUCs less half the share of largest classes that the form of the file changes, and less a "
    "quarter of the share of RSNA's normals whose largest class is another, on hospitals that training never saw and "
    "SIIM's validation part. Networks were chosen by it, so the figures flatter the one that ships a little.",
]
COLUMNS = {
    "Score": "score",
    "Mean AUC": "mean AUC",
    "SIIM validation": "siim",
    "Hannover, normals": "hannover v normal",
    "Hannover, tuberculosis": "hannover v tb",
    "RICORD, pneumonia": "ricord v pneumonia",
    "Normals, the ill": "normal v ill",
    "Normals, COVID-19": "normal v covid",
    "Largest class changed": "flips",
    "Normals not called normal": "ill",
}


@dataclass(frozen=True)
class Chosen:
    """Pictures to choose by, framed.

    Attributes:
        pictures: (n, D, D, 1) float32, D the framing's detail.
        labels: (n,) class numbers.
        sources: (n,) names.
        places: (m,) positions of the sample whose forms are compared.
        forms: by name of a form, (m, D, D, 1) of that sample.
    """

    pictures: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    places: np.ndarray
    forms: dict[str, np.ndarray]


def gather(data: Dataset, segmenter: Segmenter, framing: Framing, seed: int = 0) -> Chosen:
    """Frame SIIM's validation part and the pictures of the hospitals to choose by; the lungs are found in each form.

    Args:
        data: the radiographs, those hospitals among the external ones.
        segmenter: finds the lungs.
        framing: of the network's input.
        seed: of the sample.
    """
    outside = [i for i in data.indices("external") if data.records[i].source in CHOICE_SOURCES]
    chosen = np.array([*data.indices("validation", "siim"), *outside])
    sources = np.array([data.records[i].source for i in chosen])
    labels = data.labels(chosen)
    pixels = [decode(data.records[i].path.read_bytes()).pixels for i in chosen]
    places = draw(sources, labels, seed)
    detail = Framing(framing.detail, framing.detail, framing.margin)

    def framed(grey: np.ndarray) -> np.ndarray:
        return frame(grey, lungs_box(segmenter.find_in(to_input(grey, segmenter.size))), detail)

    forms = {name: np.concatenate([framed(change(pixels[i])) for i in places]) for name, change in FORMS.items()}
    return Chosen(np.concatenate([framed(grey) for grey in pixels]), labels, sources, places, forms)


def draw(sources: np.ndarray, labels: np.ndarray, seed: int = 0, size: int = SAMPLE) -> np.ndarray:
    """Positions of pictures to choose by, as equal by source and class as there are pictures.

    Args:
        sources: (n,) names.
        labels: (n,) class numbers.
        seed: of the draw.
        size: pictures at most.

    Returns:
        (m,) ascending.
    """
    rng = np.random.default_rng(seed)
    outside = np.flatnonzero(np.isin(sources, CHOICE_SOURCES))
    keys = [f"{sources[i]} {labels[i]}" for i in outside]
    queues = {key: rng.permutation(outside[[k == key for k in keys]]).tolist() for key in sorted(set(keys))}
    drawn: list[int] = []
    while len(drawn) < min(size, len(outside)):
        for queue in queues.values():
            if queue and len(drawn) < size:
                drawn.append(queue.pop())
    return np.array(sorted(drawn))


def judge(
    predict: Callable[[np.ndarray], np.ndarray], chosen: Chosen, size: int, classes: tuple[str, ...]
) -> dict[str, float]:
    """The rule's number and what it is made of.

    Args:
        predict: (n, size, size, 1) float32 -> (n, C) scores that add up to 1.
        chosen: as `gather` returns it.
        size: of the network's input.
        classes: names, in the order of the scores; "normal", "other" and "covid19".

    Returns:
        "score", the six AUCs, "flips" and one a form, "ill", and shares by source: what of it is called what.
    """
    scores = predict(enlarge(chosen.pictures, size))
    normal, covid = classes.index("normal"), classes.index("covid19")
    source, label = chosen.sources, chosen.labels
    hannover, ricord, tb = source == "hannover", source == "ricord", source == "tb_nlm"
    healthy = np.isin(source, ("rsna", "rsna_normal")) & (label == normal)
    pneumonia = (source == "rsna") & (label != normal)

    def auc(ill: np.ndarray, well: np.ndarray, score: np.ndarray) -> float:
        return float(roc_auc_score(ill[ill | well], score[ill | well]))

    siim, unwell = source == "siim", 1 - scores[:, normal]
    figures = {
        "siim": auc(siim & (label == covid), siim & (label == normal), scores[:, covid]),
        "hannover v normal": auc(hannover, healthy, scores[:, covid]),
        "hannover v tb": auc(hannover, tb, scores[:, covid]),
        "ricord v pneumonia": auc(ricord, pneumonia, scores[:, covid]),
        "normal v ill": auc(pneumonia | tb, healthy, unwell),
        "normal v covid": auc(hannover | ricord, healthy, unwell),
    }
    mean = float(np.mean(list(figures.values())))
    largest = scores.argmax(axis=1)
    for name, pictures in chosen.forms.items():
        changed = predict(enlarge(pictures, size)).argmax(axis=1) != largest[chosen.places]
        figures[f"flips {name}"] = float(changed.mean())
    flips = float(np.mean([figures[f"flips {name}"] for name in chosen.forms]))
    ill = float((largest[healthy] != normal).mean())
    figures |= {"hannover covid": float((largest[hannover] == covid).mean())}
    figures |= {"ricord covid": float((largest[ricord] == covid).mean())}
    for name, members in (("healthy", healthy), ("tb", tb), ("pneumonia", pneumonia)):
        figures |= {f"{name} {c}": float((largest[members] == k).mean()) for k, c in enumerate(classes) if k != normal}
    return {"score": mean - flips / 2 - ill / 4, "mean AUC": mean, "flips": flips, "ill": ill, **figures}


def main(arguments: list[str] | None = None) -> None:
    """Judge weights files of a run, each at one size, and write or extend the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run, for data, split and settings")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="Keras weights of the run")
    parser.add_argument("--bundle", type=Path, nargs="*", default=[], help="bundles to judge as they read")
    parser.add_argument("--out", type=Path, default=Path("docs/evidence/choice.json"))
    options = parser.parse_args(arguments)
    plan, settings = config.read(options.run)
    data = dataset.load(plan, settings, options.run)
    rows: list[dict[str, Any]] = []
    segmenter = bundles.load(settings.lungs or None).segmenter
    if segmenter is None:
        raise config.TrainingError("The rule needs a bundle with a lung network: see --lungs of the run.")
    for path in options.weights:
        chosen = gather(data, segmenter, settings.framing)
        model = network.load(settings, len(data.classes), path)
        rows.append(_row(path.stem, judge(_by_keras(model), chosen, settings.image_size, data.classes)))
    for folder in options.bundle:
        bundle = bundles.load(folder)
        framing, finder = bundle.card.framing, bundle.segmenter or segmenter
        chosen = gather(data, finder, framing)
        judged = judge(_by_bundle(bundle), chosen, framing.size, bundle.card.classes)
        rows.append(_row(bundle.card.title, judged))
    cells = [[row["network"], *(f"{row[key]:.3f}" for key in COLUMNS.values())] for row in rows]
    studies.write(options.out, TEXT, ["Network", *COLUMNS], cells, figures=rows)
    for row in rows:
        print(f"{row['network']}: {row['score']:.3f}, mean AUC {row['mean AUC']:.3f}, flips {row['flips']:.3f}")


def _row(name: str, judged: dict[str, float]) -> dict[str, Any]:
    return {"network": name} | {key: round(value, 4) for key, value in judged.items()}


def _by_keras(model: keras.Model) -> Any:
    return lambda images: keras.ops.convert_to_numpy(keras.ops.softmax(model.predict(images, 32, 0)))


def _by_bundle(bundle: bundles.Bundle) -> Any:
    def predict(images: np.ndarray) -> np.ndarray:
        logits = np.stack([bundle.run(image[None]).logits for image in images])
        return calibration.scores_of(logits, bundle.card.temperature)

    return predict


if __name__ == "__main__":
    main()

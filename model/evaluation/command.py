"""`python train.py evaluate`: measure everything, write the JSON, the figures and the documents."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from model.evaluation import (
    calibration,
    controls,
    curves,
    documents,
    extras,
    failures,
    headline,
    heatmaps,
    linear,
    literature,
    model_card,
    predictive,
    robustness,
    selective,
    study,
)
from model.evaluation.plots import draw

SCHEMA = 1


def run(bundle: Path, data: Path, out: Path, cache: Path, *, quick: bool = False) -> Path:
    """Measure a bundle and write `docs/evidence/`, `docs/evidence.md` and `MODEL_CARD.md`.

    Args:
        bundle: folder of the bundle.
        data: the manifest that it was trained with.
        out: folder that gets the documents; the project's own to publish them.
        cache: folder for decoded pictures and forward passes, which a second run reads again.
        quick: small samples, for trying the machinery; marked as such in every document.

    Returns:
        The JSON's path.

    Raises:
        BundleError, DatasetError, EvidenceError: with a sentence for the user.
    """
    one = study.load(bundle, data, cache, quick=quick)
    parts = {
        "headline": headline.measure,
        "curves": curves.measure,
        "calibration": calibration.measure,
        "selective": selective.measure,
        "controls": _controls,
        "heatmaps": heatmaps.measure,
        "robustness": robustness.measure,
        "predictive": predictive.measure,
        "failures": lambda s: failures.measure(s, cache / "evidence" / "confident_errors.csv"),
    }
    evidence: dict[str, Any] = {
        "schema": SCHEMA,
        "quick": quick,
        "bundle": {name: one.card[name] for name in ("name", "version", "sha256", "classes", "positive_class")},
        "pictures": _pictures(one),
    }
    for name, measure in parts.items():
        start = time.perf_counter()
        evidence[name] = measure(one)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    evidence["literature"] = literature.read()
    folder = out / "docs" / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "evidence.json"
    path.write_text(json.dumps(evidence, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    publish(out, one.card)
    print(f"evidence in {path}, docs/evidence.md and MODEL_CARD.md beside it")
    return path


def publish(out: Path, card: dict[str, Any]) -> None:
    """Write the figures and documents anew from the JSON files in `out`, for instance when an extra was added."""
    folder = out / "docs" / "evidence"
    draw(json.loads((folder / "evidence.json").read_text(encoding="utf-8")), extras.read(folder), folder)
    for path, text in pages(out, card).items():
        path.write_text(text, encoding="utf-8")


def pages(out: Path, card: dict[str, Any]) -> dict[Path, str]:
    """What the documents should say, by path, from the JSON files in `out` and the bundle's card."""
    folder = out / "docs" / "evidence"
    evidence = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    return {
        out / "docs" / "evidence.md": documents.evidence_page(evidence, extras.read(folder)),
        out / "MODEL_CARD.md": model_card.model_card(card, evidence),
    }


def _controls(one: study.Study) -> dict[str, Any]:
    found = controls.measure(one)
    found["figures"] += linear.measure(one)["figures"]
    found["blind"] = [controls.ERASED, controls.FOUND_ERASED, controls.BORDERS, linear.THUMBNAIL]
    return found


def _pictures(one: study.Study) -> list[dict[str, Any]]:
    classes = one.bundle.card.classes
    return [
        {
            **chosen.where,
            "n": len(chosen.labels),
            "patients": len(set(chosen.groups)),
            "labels": {classes[label]: count for label, count in sorted(Counter(chosen.labels.tolist()).items())},
        }
        for chosen in one.sets("external", "test", "validation")
    ]

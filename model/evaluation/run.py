"""`python train.py evaluate`: measure everything, write the JSON, the figures and the documents."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.evaluation import curves, heatmaps, linear, robustness, selective, shortcuts, sources, study
from model.evaluation.render import evidence as evidence_page
from model.evaluation.render import literature, model_card, studies
from model.evaluation.render.plots import draw
from model.reading.card import Card

SCHEMA = 1


def run(
    bundle: Path,
    data: Path,
    out: Path,
    cache: Path,
    *,
    quick: bool = False,
    outside: bool = False,
    unseen: Sequence[str] = (),
) -> Path:
    """Measure a bundle and write `docs/evidence/`, `docs/evidence.md` and `MODEL_CARD.md`.

    Args:
        bundle: folder of the bundle.
        data: the manifest that it was trained with.
        out: folder that gets the documents; the project's own to publish them.
        cache: folder for decoded pictures and forward passes, which a second run reads again.
        quick: small samples, for trying the machinery; marked as such in every document.
        outside: leave the sources that it learned from out.
        unseen: of the sources that it never saw, these alone; empty for all.

    Returns:
        The JSON's path.

    Raises:
        BundleError, DatasetError, EvidenceError: with a sentence for the user.
    """
    measured = study.load(bundle, data, cache, quick=quick, outside=outside, sources=unseen)
    parts = {
        "headline": sources.measure,
        "curves": curves.measure,
        "calibration": curves.reliability,
        "selective": selective.measure,
        "controls": _controls,
        "heatmaps": heatmaps.measure,
        "robustness": robustness.measure,
        "predictive": sources.predictive,
        "failures": lambda s: sources.errors(s, cache / "evidence" / "confident_errors.csv"),
    }
    evidence: dict[str, Any] = {
        "schema": SCHEMA,
        "quick": quick,
        "bundle": {
            "name": measured.card.name,
            "version": measured.card.version,
            "sha256": measured.card.sha256,
            "classes": list(measured.card.classes),
            "positive_class": measured.card.positive,
        },
        "pictures": _pictures(measured),
    }
    for name, measure in parts.items():
        start = time.perf_counter()
        evidence[name] = measure(measured)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    evidence["literature"] = literature.read()
    folder = out / "docs" / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "evidence.json"
    path.write_text(json.dumps(evidence, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    publish(out, measured.card)
    print(f"evidence in {path}, docs/evidence.md and MODEL_CARD.md beside it")
    return path


def publish(out: Path, card: Card) -> None:
    """Write the figures and documents anew from the JSON files in `out`, for instance when an extra was added."""
    folder = out / "docs" / "evidence"
    draw(json.loads((folder / "evidence.json").read_text(encoding="utf-8")), studies.read(folder), folder)
    for path, text in pages(out, card).items():
        path.write_text(text, encoding="utf-8")


def pages(out: Path, card: Card) -> dict[Path, str]:
    """What the documents should say, by path, from the JSON files in `out` and the bundle's card."""
    folder = out / "docs" / "evidence"
    evidence = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    return {
        out / "docs" / "evidence.md": evidence_page.evidence_page(evidence, studies.read(folder)),
        out / "MODEL_CARD.md": model_card.model_card(card, evidence),
    }


def _controls(measured: study.Study) -> dict[str, Any]:
    part = shortcuts.measure(measured)
    part["figures"] += linear.measure(measured)["figures"]
    part["blind"] = [shortcuts.ERASED, shortcuts.FOUND_ERASED, shortcuts.BORDERS, linear.THUMBNAIL]
    return part


def _pictures(measured: study.Study) -> list[dict[str, Any]]:
    classes = measured.card.classes
    return [
        {
            **chosen.where,
            "n": len(chosen.labels),
            "patients": len(set(chosen.groups)),
            "labels": {classes[label]: count for label, count in sorted(Counter(chosen.labels.tolist()).items())},
        }
        for chosen in measured.sets("external", "test", "validation")
    ]

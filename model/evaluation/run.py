"""`python train.py evaluate`: measure everything, write the JSON, the figures and the documents."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.evaluation import loading, study
from model.evaluation.parts import codec, curves, heatmaps, linear, robustness, selective, shortcuts, sources
from model.evaluation.render import documents, model_card, studies
from model.evaluation.render.plots import draw
from model.reading import bundle as bundles
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
    compare: Sequence[Path] = (),
    parts: Sequence[str] = (),
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
        compare: folders of other bundles, for the codec control.
        parts: measure these parts alone and keep the others of an earlier run; empty for all.

    Returns:
        The JSON's path.

    Raises:
        BundleError, DatasetError, EvidenceError: with a sentence for the user.
    """
    measured = loading.load(bundle, data, cache, quick=quick, outside=outside, sources=unseen)
    others = [bundles.load(folder) for folder in compare]
    measures: dict[str, Callable[[study.Study], dict[str, Any]]] = {
        "codec": lambda s: codec.measure(s, others),
        "elsewhere": sources.elsewhere,
        "headline": sources.measure,
        "curves": curves.measure,
        "calibration": curves.reliability,
        "selective": selective.measure,
        "controls": _controls,
        "heatmaps": heatmaps.measure,
        "robustness": robustness.measure,
        "predictive": sources.predictive,
        "failures": lambda s: selective.errors(s, cache / "evidence" / "confident_errors.csv"),
    }
    if unknown := sorted(set(parts) - set(measures)):
        raise study.EvidenceError(f"There is no part {', '.join(unknown)}; there are {', '.join(measures)}.")
    folder = out / "docs" / "evidence"
    path = folder / "evidence.json"
    evidence = _earlier(path, measured, quick=quick) if parts else _described(measured, quick=quick)
    for name, measure in measures.items():
        if not parts or name in parts:
            start = time.perf_counter()
            evidence[name] = measure(measured)
            print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(evidence, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    publish(out, measured.card)
    print(f"evidence in {path}, docs/evidence.md and MODEL_CARD.md beside it")
    return path


def _described(measured: study.Study, *, quick: bool) -> dict[str, Any]:
    return {
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
        "literature": studies.literature(),
    }


def _earlier(path: Path, measured: study.Study, *, quick: bool) -> dict[str, Any]:
    """The JSON of an earlier run on the same bundle, with the sets of this one."""
    if not path.exists():
        return _described(measured, quick=quick)
    evidence: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if evidence["bundle"]["sha256"] != measured.card.sha256 or evidence["quick"] != quick:
        raise study.EvidenceError(f"{path} holds a run of another bundle or size: measure all parts.")
    known = {row["set"] for row in evidence["pictures"]}
    evidence["pictures"] += [row for row in _pictures(measured) if row["set"] not in known]
    return evidence


def publish(out: Path, card: Card) -> None:
    """Write the figures and documents anew from the JSON files in `out`, for instance when a study was added."""
    folder = out / "docs" / "evidence"
    draw(json.loads((folder / "evidence.json").read_text(encoding="utf-8")), folder)
    for path, text in pages(out, card).items():
        path.write_text(text, encoding="utf-8")


def pages(out: Path, card: Card) -> dict[Path, str]:
    """The text of each document by its path, from the JSON files in `out` and the bundle's card."""
    folder = out / "docs" / "evidence"
    evidence = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    return {
        out / "docs" / "evidence.md": documents.evidence_page(evidence),
        folder / "tables.md": documents.tables_page(evidence, studies.read(folder)),
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

"""docs/evidence.md, one page of claims with their figures, and docs/evidence/tables.md with everything behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model.evaluation.parts import codec, heatmaps
from model.evaluation.render import evidence_tables
from model.evaluation.render.tables import Row, pick

Part = dict[str, Any]
WRITTEN = "<!-- Written by `python train.py evaluate` from docs/evidence/evidence.json; changes by hand are lost. -->"
QUICK = (
    "> **A quick run on small samples: it shows that the machinery works. Nothing here is a measurement; cite nothing "
    "of it.**"
)


@dataclass(frozen=True)
class Claim:
    """A sentence about the network, and the figure that carries it.

    Attributes:
        title: what it is about.
        sentence: the claim, with its numbers.
        figure: name of the SVG file.
        alt: what the figure shows, in words.
    """

    title: str
    sentence: str
    figure: str
    alt: str


def evidence_page(evidence: Part) -> str:
    """docs/evidence.md as Markdown; `evidence` as the JSON holds it."""
    blocks = [
        "# Evidence",
        WRITTEN,
        QUICK if evidence["quick"] else "",
        _method(evidence),
    ]
    for number, claim in enumerate(claims(evidence), 1):
        blocks += [f"## {number}. {claim.title}", claim.sentence, f"![{claim.alt}](evidence/{claim.figure})"]
    blocks.append(
        "All figures, controls, robustness, calibration, errors and studies: [evidence/tables.md](evidence/tables.md). "
        "`make evidence` measures them again."
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def tables_page(evidence: Part, results: dict[str, Part]) -> str:
    """docs/evidence/tables.md as Markdown.

    Args:
        evidence: as the JSON holds it.
        results: of studies, see `studies.read`.
    """
    blocks = ["# Evidence: tables", WRITTEN, QUICK if evidence["quick"] else "", _method(evidence)]
    for title, section in evidence_tables.sections(evidence, results).items():
        blocks += [f"## {title}", *section]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _method(evidence: Part) -> str:
    bundle = evidence["bundle"]
    return (
        f"What {bundle['name']} {bundle['version']} does on radiographs that it did not learn from, measured on the "
        f"file that ships (SHA-256 `{bundle['sha256'][:16]}…`). Each source is reported alone, with its role: "
        "*to choose by* (training never saw it, networks were chosen by it), *never trained on* (for the end alone) or "
        "*test split* of a source that it learned from. Intervals are 95 %, from 1,000 resamples of patients. For "
        "research and education, not a medical device." + _shared_sources(evidence)
    )


def _shared_sources(evidence: Part) -> str:
    """A warning where a training source collected its radiographs from the same places as an external one."""
    learned = {row["source"] for row in evidence["pictures"] if row["role"] == "internal"}
    external = [source for source in ("cohen", "darkcovid") if source not in learned]
    if "cxnet" not in learned or not external:
        return ""
    return (
        f" {' and '.join(external)} are of other patients than cxnet, which it learned from, but both were collected "
        "from the web: their figures may be better than those of another hospital."
    )


def claims(evidence: Part) -> list[Claim]:
    """The five claims, those that were measured: file format, other hospitals, healthy chests, heatmap, uncertain."""
    parts: tuple[tuple[str, Callable[[Part], Claim | None]], ...] = (
        ("codec", _file_format),
        ("headline", _other_hospitals),
        ("elsewhere", _healthy),
        ("heatmaps", _heatmap),
        ("selective", _uncertain),
    )
    made = [make(evidence[part]) for part, make in parts if part in evidence]
    return [claim for claim in made if claim]


def _share(row: Row) -> str:
    return f"{100 * row['value']:.0f} %"


def _listed(rows: list[Row]) -> str:
    return "; ".join(f"{row['set']} {_share(row)}" for row in rows)


def _range(rows: list[Row]) -> str:
    """The smallest and the largest share, each with its source."""
    low, high = (choose(rows, key=lambda row: row["value"]) for choose in (min, max))
    if low is high:
        return f"{_share(low)} ({low['source']})"
    return f"{_share(low)} ({low['source']}) to {_share(high)} ({high['source']})"


def codec_rows(part: Part) -> list[Row]:
    """The changed decisions that the claim is about: of the hospitals to choose by together, or of the first source."""
    rows = pick(part["figures"], metric=codec.CHANGED)
    together = pick(rows, source="all choice")
    return together or [row for row in rows if row["set"] == rows[0]["set"]]


def _file_format(part: Part) -> Claim | None:
    rows = codec_rows(part)
    if not rows:
        return None
    changed = []
    for title in part["bundles"]:
        shares = [f"{_share(row)} ({row['form']})" for row in pick(rows, bundle=title)]
        changed.append(f"{', '.join(shares)} of the decisions of {title}")
    sentence = f"Saving the same radiographs in another form changes {'; '.join(changed)} ({rows[0]['set']})."
    alt = "; ".join(f"{row['bundle']}, {row['set']}, {row['form']}: {_share(row)}" for row in rows)
    return Claim("The file format", sentence, "codec.svg", f"Decisions changed by the form of the file: {alt}")


def sensitivity_rows(part: Part) -> list[Row]:
    """Sensitivity of each source at the default operating point, hospitals that it never saw first."""
    rows = [row for row in part["figures"] if row["id"] == f"{row['source']}.sensitivity"]
    return sorted(rows, key=lambda row: ("choice", "external", "internal").index(row["role"]))


def _other_hospitals(part: Part) -> Claim | None:
    rows = sensitivity_rows(part)
    outside = [row for row in rows if row["role"] != "internal"]
    inside = [row for row in rows if row["role"] == "internal"]
    if not outside:
        return None
    sentence = f"In hospitals that it never saw, it finds {_range(outside)} of COVID-19"
    sentence += f", against {_range(inside)} where it was trained." if inside else "."
    return Claim("Other hospitals", sentence, "hospitals.svg", f"Sensitivity for COVID-19: {_listed(rows)}")


def healthy_rows(part: Part) -> list[Row]:
    """The share of healthy chests called ill, of each source with 20 of them or more."""
    rows = [row for row in part["figures"] if row["metric"] == "called ill" and row["n"] >= 20]
    return sorted(rows, key=lambda row: ("choice", "external", "internal").index(row["role"]))


def _healthy(part: Part) -> Claim | None:
    rows = healthy_rows(part)
    outside = [row for row in rows if row["role"] != "internal"]
    if not outside:
        return None
    sentence = f"Of healthy chests in hospitals that it never saw, it calls {_range(outside)} ill in some way."
    return Claim("Healthy chests called ill", sentence, "healthy.svg", f"Healthy chests called ill: {_listed(rows)}")


def lung_rows(part: Part) -> list[Row]:
    """The shares of heatmap, flat map and centre that lie inside the lungs."""
    return pick(part["figures"], metric="share inside the lungs")


def _heatmap(part: Part) -> Claim | None:
    rows = lung_rows(part)
    maps = pick(rows, map=heatmaps.MAP)
    if not maps:
        return None
    shares = [
        f"{_share(row)} in {row['source']}, where a flat map has {_share(flat)}"
        for row in maps
        for flat in pick(rows, map="a flat map", set=row["set"])
    ]
    alt = "; ".join(f"{row['map']}, {row['set']}: {_share(row)}" for row in rows)
    sentence = f"Of the heatmap for COVID-19, this much lies inside the lungs: {'; '.join(shares)}."
    return Claim("The heatmap and the lungs", sentence, "lungs.svg", f"Share inside the lungs: {alt}")


def _uncertain(part: Part) -> Claim | None:
    by_set: dict[str, dict[str, Row]] = {}
    for row in part["figures"]:
        by_set.setdefault(row["set"], {})[row["metric"]] = row
    if not by_set or not part["curves"]:
        return None
    # Inside first, as the margin was chosen there; without training data the first source outside.
    name, metrics = next(iter(by_set.items()))
    sentence = f"It calls {_share(metrics['abstained'])} uncertain ({name}), which lowers the error from "
    sentence += (
        f"{_share(metrics['error of all'])} of all to {_share(metrics['error of decided'])} of those decided on."
    )
    halves = [(row["set"], row["points"][len(row["points"]) // 2]) for row in part["curves"]]
    alt = "; ".join(f"{name}, {100 * half['coverage']:.0f} % decided on: {half['error']:.2f}" for name, half in halves)
    return Claim("Uncertain", sentence, "coverage.svg", f"Error by the share of pictures decided on: {alt}")

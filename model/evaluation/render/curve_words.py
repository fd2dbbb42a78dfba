"""What the curves and the confusion matrices say, in words: the paragraph beside them and their alternative texts."""

from __future__ import annotations

from typing import Any

from model.evaluation.render.tables import interval, named, pick

Part = dict[str, Any]


def explain() -> str:
    """What the curves show and how their bands were made."""
    return (
        "Curves of each source, for COVID-19 against each other class that the source holds, with pointwise 95 % bands "
        "from 1,000 resamples of patients, and where the operating points of the card lie on them: a mark far from "
        "where its name promises means that a threshold from the validation pictures does not hold there. Dashed: "
        "pure chance in the ROC curve, calling everybody ill in the precision-recall curve. Precision depends on how "
        "many of a source's pictures show the illness, so it must not be compared between sources."
    )


def alternatives(evidence: Part) -> dict[str, str]:
    """What the drawn curves and matrices say, in words, for those who can't see them: by the figure's name."""
    rows = evidence["headline"]["figures"]
    found = {
        name: "; ".join(f"{row['set']}, {named(row['what'])}: {interval(row)}" for row in pick(rows, metric=metric))
        for name, metric in (("roc", "AUC"), ("pr", "average precision"))
    }
    alts = {
        "roc": f"ROC curves with bands; areas under them: {found['roc']}",
        "pr": f"Precision-recall curves with bands; average precision: {found['pr']}",
    }
    right = [
        f"{one['set']} {sum(line[number] for number, line in enumerate(one['counts']))} of {one['n']}"
        for one in evidence["headline"]["confusion"]
    ]
    return {name: alt for name, alt in alts.items() if found[name]} | {
        "confusion": f"Confusion matrices at the default operating point; rightly called: {'; '.join(right)}"
    }

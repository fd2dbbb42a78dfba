"""Predictive values where the disease is rare or common, from what each source measured."""

from __future__ import annotations

from typing import Any

from model.evaluation.study import Study
from model.reading.prevalence import Share, predictive_values

PREVALENCES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)


def measure(study: Study) -> dict[str, Any]:
    """PPV and NPV at the default operating point; sensitivity and specificity count patients, not pictures.

    Args:
        study: the bundle and its pictures.

    Returns:
        "figures": one PPV and one NPV for each source with both kinds of picture and each prevalence.
    """
    rows = []
    for chosen in study.with_both("external", "test"):
        score = study.scores(study.read(chosen).logits)[:, study.positive]
        ill, above = chosen.labels == study.positive, score >= study.threshold
        shares = []
        for own, right in ((ill, above), (~ill, ~above)):
            people = len({group for group, here in zip(chosen.groups, own, strict=True) if here})
            shares.append(Share(float(right[own].mean()), people))
        for prevalence in PREVALENCES:
            for name, found in zip(("PPV", "NPV"), predictive_values(shares[0], shares[1], prevalence), strict=True):
                rows.append(
                    {
                        "id": f"{chosen.source}.{name.lower()}.{prevalence}",
                        **chosen.where,
                        "metric": name,
                        "what": f"at a prevalence of {100 * prevalence:.0f} %",
                        "prevalence": prevalence,
                        "value": round(found.value, 4),
                        "low": round(found.low, 4),
                        "high": round(found.high, 4),
                        "n": shares[0].n + shares[1].n,
                        "sensitivity": round(shares[0].value, 4),
                        "specificity": round(shares[1].value, 4),
                    }
                )
    return {"figures": rows}

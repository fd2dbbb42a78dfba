"""What others have published, with its sources; the rows stand in literature.json, nothing in them is measured here."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from model.evaluation.render.tables import table

Part = dict[str, Any]


def read() -> Part:
    """The content of literature.json: "people", "networks" and "public_models"."""
    text = resources.files("model.evaluation.render").joinpath("literature.json").read_text(encoding="utf-8")
    found: Part = json.loads(text)
    return found


def published(part: Part) -> str:
    """What people reach, what other networks report and what public models do, as Markdown with sources.

    Args:
        part: see `read`.

    Returns:
        Three sections.
    """

    def share(value: float | None) -> str:
        return "not given" if value is None else f"{value} %"

    people, networks, models = part["people"], part["networks"], part["public_models"]
    return "\n\n".join(
        [
            "### People",
            people["note"],
            table(
                ("Picture", "Positive is", "Sensitivity", "Specificity", "On", "Source"),
                [
                    (r["modality"], r["what"], share(r["sensitivity"]), share(r["specificity"]), r["n"], _linked(r))
                    for r in people["rows"]
                ],
            ),
            "### What others report, on what",
            networks["note"],
            table(
                ("Network", "Reported", "On", "Source"),
                [(r["name"], r["figure"], r["on"], _linked(r)) for r in networks["rows"]],
            ),
            "### Twenty public models",
            models["note"],
            table(
                ("What", "Median", "Range"),
                [(r["what"], r["median"], r["range"] or "not kept") for r in models["rows"]],
            ),
        ]
    )


def _linked(row: Part) -> str:
    return f"[{row['source']}]({row['link']})"

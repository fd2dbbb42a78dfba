"""Results of studies/ and of the literature, which the documents take in as they are."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

# File in docs/evidence -> what it shows, and how to measure it.
STUDIES = {
    "choice.json": (
        "The rule that networks are chosen by (docs/choosing.md)",
        "`python -m studies.choice --run FOLDER --bundle FOLDER ...` writes it",
    ),
    "trap.json": (
        "Trained where the source equals the class",
        "train a bundle on the radiography pictures alone, then `python -m studies.shortcut_demo --bundle FOLDER`",
    ),
    "darkcovidnet.json": (
        "DarkCovidNet's protocol on its own pictures",
        "`python -m studies.darkcovidnet --weights FILE` writes it",
    ),
    "randomisation.json": (
        "Does the heatmap depend on what was learned? (parameter randomisation, Adebayo et al. 2018)",
        "`python -m studies.randomisation --run FOLDER` writes it from the run that the bundle came from",
    ),
    "ablation.json": (
        "Ablation: one change a row, same seed and budget",
        "`python -m studies.ablation --weights FILE` writes it, in about an hour",
    ),
    "seeds.json": ("Three seeds", "the ablation writes it too"),
    "studied_errors.json": (
        "The most confident errors, looked at",
        "a person has to look at the files that `confident_errors.csv` in the cache lists",
    ),
}


def write(path: Path, text: list[str], columns: list[str], rows: list[list[Any]], **more: Any) -> None:
    """Write the result of a study in the form that the documents take in.

    Args:
        path: of the JSON.
        text: paragraphs above the table.
        columns: of the table.
        rows: its cells.
        more: whatever else the file should hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"text": text, "columns": columns, "rows": rows, **more}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The results that are there, by file name."""
    return {
        name: json.loads((folder / name).read_text(encoding="utf-8")) for name in STUDIES if (folder / name).is_file()
    }


def literature() -> dict[str, Any]:
    """What others have published, with its sources: "people", "networks" and "public_models" of literature.json."""
    text = resources.files("model.evaluation.render").joinpath("literature.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content

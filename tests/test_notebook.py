"""The notebook for Colab: its cells run from the first to the last, on a CPU with a few drawn pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT, draw_chest

NOTEBOOK = ROOT / "notebooks" / "train_on_colab.ipynb"
# As small as a training can be: it is the notebook that is tested, not the network.
OPTIONS = "--weights none --image-size 64 --batch-size 30 --head-epochs 1 --first-stage 5"


def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def program(settings: dict[str, object]) -> str:
    """The code cells one after the other, with these settings behind the cell of the settings."""
    parts = []
    for cell in cells():
        if cell["cell_type"] == "code":
            parts.append("".join(cell["source"]))
            if "parameters" in cell["metadata"].get("tags", []):
                names = [line.split(" = ")[0] for line in cell["source"] if " = " in line and line[0] != "#"]
                assert set(settings) <= set(names)
                parts += [f"{name} = {value!r}" for name, value in settings.items()]
    return "\n\n".join(parts)


def run(settings: dict[str, object]) -> subprocess.CompletedProcess[str]:
    # In the notebook's folder, as Jupyter does; a drawing that is shown goes nowhere. One thread, because threads that
    # wait for one another cost more than so few pictures.
    quick = {"MPLBACKEND": "Agg", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", program(settings)],
        cwd=NOTEBOOK.parent,
        env=os.environ | quick,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the public set's kind: its names of the classes, and two pictures of each patient in one of them."""
    folder = tmp_path_factory.mktemp("drawings")
    rng = np.random.default_rng(6)
    for name, label in (("No_findings", "normal"), ("Pneumonia", "other"), ("Covid-19", "covid19")):
        (folder / name).mkdir()
        for number in range(48 if label == "normal" else 24):
            file = f"{number // 2:08}_{number % 2:03}.png" if label == "normal" else f"{label}-{number}.png"
            cv2.imwrite(str(folder / name / file), draw_chest(rng, label))
    return folder


def test_it_was_stored_without_results() -> None:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert content["nbformat"] == 4 and content["metadata"]["accelerator"] == "GPU"
    for cell in cells():
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None
    assert len({cell["id"] for cell in cells()}) == len(cells())


def test_it_trains_measures_reads_and_packs(drawings: Path, tmp_path: Path) -> None:
    settings = {
        "DATA": str(drawings), "RUN": str(tmp_path / "run"), "EPOCHS": 1, "OPTIONS": OPTIONS, "PYTHON": sys.executable,
    }  # fmt: skip
    done = run(settings)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for said in ("normal: 42 pictures, 3 kept apart", "other: 21 pictures", "Operating points:", "covid19    called"):
        assert said in done.stdout
    rows = (tmp_path / "run" / "manifest.csv").read_text(encoding="utf-8").splitlines()
    groups = [row.rsplit(",", 1)[1] for row in rows[1:]]
    assert len(groups) == 84 and len({group for group in groups if group.startswith("normal")}) == 21
    readings = [json.loads(line) for line in (tmp_path / "run" / "trial" / "readings.jsonl").read_text().splitlines()]
    assert len(readings) == 9 and not {record["path"] for record in readings} & {row.split(",")[0] for row in rows}
    with zipfile.ZipFile(tmp_path / "run" / "bundle.zip") as packed:
        assert {"card.json", "model.tflite"} <= set(packed.namelist())
        card = json.loads(packed.read("card.json"))
    assert card["classes"] == ["normal", "other", "covid19"] and card["positive_class"] == "covid19"


def test_a_folder_without_classes_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    done = run({"DATA": str(tmp_path / "pictures"), "RUN": str(tmp_path / "run"), "PYTHON": sys.executable})
    assert done.returncode == 1
    assert "at least two classes" in done.stderr and "Traceback" not in done.stderr

"""The notebook for Colab: Jupyter runs it from the first cell to the last, on a CPU with a few drawn pictures."""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import nbformat
import numpy as np
import pytest
from ipykernel.kernelspec import install
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.conftest import ROOT, draw_chest

NOTEBOOK = ROOT / "docs" / "train_on_colab.ipynb"
# As small as a training can be: it is the notebook that is tested, not the network.
KERNEL = "notebook-under-test"
OPTIONS = "--weights none --image-size 64 --batch-size 30 --head-epochs 1 --first-stage 5"


def cells() -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return content


def run(settings: dict[str, object]) -> str:
    """Run the notebook in a kernel of its own, with these settings behind the cell of the settings.

    Returns:
        What its cells printed.

    Raises:
        CellExecutionError: a cell ended with an exception.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place, given = next(
        (number, cell) for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])
    )
    names = [line.split(" = ")[0] for line in given.source.splitlines() if " = " in line and line[0] != "#"]
    assert set(settings) <= set(names)
    changed = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(changed))
    # In the notebook's folder, as Jupyter does, and in this Python, whichever kernels the machine has.
    resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=None, kernel_name=KERNEL, resources=resources).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no curve was drawn"
    return "".join(output["text"] for output in outputs if output.output_type == "stream")


@pytest.fixture(scope="module", autouse=True)
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A kernel of this Python, named in a folder that goes with the test."""
    folder = tmp_path_factory.mktemp("jupyter")
    install(prefix=str(folder), kernel_name=KERNEL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "share" / "jupyter"))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))
        # What Jupyter shows pictures with, unless the environment names another.
        patch.delenv("MPLBACKEND", raising=False)
        # Threads that wait for one another cost more than so few pictures.
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            patch.setenv(name, "1")
        yield


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


@pytest.mark.slow
def test_it_trains_measures_reads_and_packs(drawings: Path, tmp_path: Path) -> None:
    settings = {
        "DATA": str(drawings), "RUN": str(tmp_path / "run"), "EPOCHS": 1, "OPTIONS": OPTIONS, "PYTHON": sys.executable,
    }  # fmt: skip
    printed = run(settings)
    for text in ("normal: 42 images, 3 kept apart", "other: 21 images", "Operating points:", "covid19    called"):
        assert text in printed
    with (tmp_path / "run" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = [row["group"] for row in rows]
    assert len(groups) == 84 and len({group for group in groups if group.startswith("normal")}) == 21
    readings = [json.loads(line) for line in (tmp_path / "run" / "trial" / "readings.jsonl").read_text().splitlines()]
    assert len(readings) == 9 and not {record["path"] for record in readings} & {row["path"] for row in rows}
    with zipfile.ZipFile(tmp_path / "run" / "bundle.zip") as packed:
        assert {"card.json", "model.tflite"} <= set(packed.namelist())
        card = json.loads(packed.read("card.json"))
    assert card["classes"] == ["normal", "other", "covid19"] and card["positive_class"] == "covid19"


def test_a_folder_without_classes_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(CellExecutionError) as ended:
        run({"DATA": str(tmp_path / "pictures"), "RUN": str(tmp_path / "run"), "PYTHON": sys.executable})
    # Jupyter shows a SystemExit by its message.
    assert ended.value.ename == "SystemExit" and "ended with code 1: see above" in ended.value.evalue
    assert "has no images in sub-folders" in str(ended.value)

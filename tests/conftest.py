"""Fixtures that several tests share: the shared radiographs where they are, and a real small bundle."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from filelock import FileLock

from tests.hosts import host, straight  # noqa: F401 - fixtures

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = Path(__file__).resolve().parents[1]
_MAIN = sys.modules["__main__"]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests by module for `pytest --dist loadgroup`, and all browser tests, which share a server, in one."""
    for item in items:
        in_browser = item.path.parent.name == "browser"
        item.add_marker(pytest.mark.xdist_group("browser" if in_browser else item.nodeid.partition("::")[0]))


@pytest.fixture(autouse=True)
def main_module() -> None:
    """Undo what Streamlit's AppTest leaves behind: a page as `__main__`, which every spawned process would then run."""
    sys.modules["__main__"] = _MAIN


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a function that makes a folder once for all processes of pytest-xdist; the others wait for the first."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent

    def make(name: str, write: Callable[[Path], object]) -> Path:
        folder = common / name
        with FileLock(common / f"{name}.lock"):
            if not folder.exists():
                partial = tmp_path_factory.mktemp(name) / "partial"
                write(partial)
                partial.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real radiographs beside the project; a stranger's clone has none."""
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "manifest.csv").exists():
        pytest.skip("the shared radiographs are not beside this clone")
    return folder


def draw_chest(rng: np.random.Generator, label: str, size: int = 96) -> np.ndarray:
    """Draw a stand-in for a radiograph, (size, size) uint8.

    Two dark lungs; "covid19" has haze low at both sides, "other" a dense patch high at one side. Only for tests
    of the machinery, never for a figure.
    """
    y, x = np.mgrid[0:size, 0:size] / size
    # Every patient differs in build and position, enough for the check for copies to tell them apart.
    y, x = y + rng.uniform(-0.1, 0.1) + rng.uniform(-0.2, 0.2) * x, x + rng.uniform(-0.06, 0.06)
    width, height, gap = rng.uniform(0.11, 0.19), rng.uniform(0.25, 0.38), rng.uniform(0.16, 0.24)
    picture = 0.75 - rng.uniform(-0.2, 0.3) * y + cv2.resize(rng.normal(0, 0.08, (6, 6)), (size, size))
    for centre in (0.5 - gap, 0.5 + gap):
        lung = np.exp(-((((x - centre) / width) ** 2 + ((y - 0.5) / height) ** 2) ** 3))
        picture = picture - 0.5 * lung
        if label == "covid19":
            picture = picture + 0.35 * lung * (y > 0.55)
    if label == "other":
        side = rng.choice([0.5 - gap, 0.5 + gap])
        picture = picture + 0.45 * np.exp(-(((x - side) / 0.07) ** 2 + ((y - 0.32) / 0.07) ** 2))
    picture = picture * rng.uniform(0.8, 1.1) + rng.normal(0, 0.03, picture.shape)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="session")
def drawn_folder(make_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A folder with one sub-folder a class and 40 drawn radiographs in each."""

    def write(folder: Path) -> None:
        rng = np.random.default_rng(5)
        for label in ("normal", "other", "covid19"):
            (folder / label).mkdir(parents=True)
            for number in range(40):
                cv2.imwrite(str(folder / label / f"{number}.png"), draw_chest(rng, label))

    return make_once("drawn", write)


@pytest.fixture(scope="session")
def small_bundle(make_once: Callable[[str, Callable[[Path], object]], Path], drawn_folder: Path) -> Path:
    """A real bundle of a very small network with the same head and outputs, trained on drawn radiographs (64 px)."""
    return make_once("small_bundle", lambda folder: _train_small_bundle(drawn_folder, folder))


def _train_small_bundle(drawn_folder: Path, folder: Path) -> None:
    import keras

    from model.training import network
    from model.training.config import Settings
    from model.training.data import dataset, manifest
    from model.training.export import bundle as export
    from model.training.export import card

    records = manifest.select(manifest.find_records(drawn_folder).records)
    data = dataset.check(records, size=64, seed=1)
    keras.utils.set_random_seed(1)  # before the layers, whose first weights are random
    image = keras.Input((64, 64, 1), name="image")
    x = network.normalise(image)
    for number, width in enumerate((8, 16, 16)):
        x = keras.layers.Conv2D(width, 3, 2, "same", activation="relu", name=f"conv{number + 1}")(x)
    features = keras.layers.GlobalAveragePooling2D(name=network.FEATURES_LAYER)(x)
    model = keras.Model(image, keras.layers.Dense(3, name=network.LOGITS_LAYER)(features))
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    train = data.indices("train")
    model.fit(data.pictures[train][..., None], data.labels(train), epochs=30, batch_size=16, verbose=0)
    network.round_to_int8(model)  # as a run's final weights are
    run = folder.with_name("run")
    run.mkdir()
    settings = Settings(weights=None, image_size=64)
    settings.write(run / "settings.json")
    raw_card = card.describe(data, settings, run, model, "0.0.1")
    export.write_bundle(model, raw_card, data, folder)

"""The project's own promises: two commands, a small app, pinned versions, no machine's paths in its files."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import model
from model.reading.card import DEFAULT_BUNDLE, read_card
from scripts import readme_figures

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = [
    ROOT / "requirements.txt",
    *(ROOT / "requirements" / f"{name}.txt" for name in ("archive", "bench", "test", "test-all", "train")),
]

DOCUMENTS = [ROOT / "README.md", ROOT / "MODEL_CARD.md", *sorted((ROOT / "docs").glob("*.md"))]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def required(path: Path) -> dict[str, str]:
    """Package -> range, of one requirements file without the files it includes."""
    rows = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [re.match(r"([A-Za-z0-9._-]+)(?:\[.*\])?(.*)", row) for row in rows if row and not row.startswith("-")]
    return {re.sub(r"[._]", "-", one[1].lower()): one[2] for one in found if one}


def pinned() -> dict[str, set[str]]:
    """Package -> exact versions (several where the Python version decides)."""
    found: dict[str, set[str]] = {}
    for line in read("requirements/constraints.txt").splitlines():
        if not line.startswith("#"):
            pin = re.fullmatch(r"([a-z0-9._-]+)==([\w.+]+)( ; .+)?", line)
            assert pin, f"not an exact version: {line}"
            found.setdefault(pin[1], set()).add(pin[2])
    return found


def tracked() -> list[Path]:
    """The files that are, or are about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("this copy is not under git")
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def test_readme_starts_with_exactly_two_commands() -> None:
    first_block = re.search(r"```sh\n(.*?)```", read("README.md"), re.S)
    assert first_block
    commands = [line.split("#")[0].strip() for line in first_block[1].splitlines()]
    assert commands == ["make app", "make test"]


def test_every_link_of_a_document_leads_to_a_file() -> None:
    for document in DOCUMENTS:
        targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", document.read_text(encoding="utf-8"))
        assert [target for target in targets if not (document.parent / target).exists()] == [], document.name


def test_every_file_that_contributing_names_is_there() -> None:
    names = re.findall(r"`((?:[\w.]+/)*[\w.]+(?:/|\.(?:py|txt|yaml|toml)))`", read("docs/CONTRIBUTING.md"))
    assert len(names) > 20
    beside = [ROOT, ROOT / "interface", ROOT / "model", ROOT / "model/files", ROOT / "model/evaluation"]
    places = {name: [folder for folder in beside if (folder / name).exists()] for name in names if "NAME" not in name}
    assert [name for name, found in places.items() if not found] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.M))
    named = {
        name for document in DOCUMENTS for name in re.findall(r"`make ([a-z-]+)", document.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= targets


def test_the_app_needs_no_tensorflow() -> None:
    wanted = required(ROOT / "requirements.txt")
    assert "ai-edge-litert" in wanted
    assert not {name for name in wanted if name.startswith(("tensorflow", "keras", "torch"))}
    assert "tensorflow" in required(ROOT / "requirements/train.txt")


def test_inference_comes_without_tensorflow_and_without_training() -> None:
    code = (
        "import importlib, pkgutil, sys, model.reading as package\n"
        "for module in pkgutil.iter_modules(package.__path__, 'model.reading.'):\n"
        "    importlib.import_module(module.name)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'keras')"
        " or name.startswith('model.training')])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_ranges_are_compatible_ones_and_hold_the_pins(path: Path) -> None:
    pins = pinned()
    for name, wanted in required(path).items():
        bounds = re.fullmatch(r">=([\d.]+),<([\d.]+)", wanted)
        assert bounds, f"{name} has no compatible range"
        assert name in pins, f"{name} has no exact version: run `make lock`"
        for version in pins[name]:
            assert numbers(bounds[1]) <= numbers(version) < numbers(bounds[2]), f"{name} {version} is not in {wanted}"


def test_every_installation_is_bound_by_the_exact_versions() -> None:
    assert "-c requirements/constraints.txt" in read("requirements.txt").splitlines()
    for path in REQUIREMENTS:
        while path != ROOT / "requirements.txt":
            included = re.search(r"^-r (\S+)", path.read_text(encoding="utf-8"), re.M)
            assert included, f"{path.name} includes no other file"
            path = (path.parent / included[1]).resolve()


def test_this_environment_has_the_pinned_versions() -> None:
    from importlib.metadata import version

    pins = pinned()
    for path in (ROOT / "requirements.txt", ROOT / "requirements/test.txt"):
        for name in required(path):
            assert version(name) in pins[name], (
                f"{name}: run `make test`, or install with -c requirements/constraints.txt"
            )


def test_system_packages_are_bare_names() -> None:
    # The hosting service gives every word of this file to apt-get, comments too.
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", line) for line in read("packages.txt").splitlines())


def test_versions_agree() -> None:
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == model.__version__


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    home = re.compile(
        r"(?<![\w.-])/(?:home|Users|root|work|farm)/\w|--(?:extra-)?index-url|--find-links|https?://[^\s)]*/simple\b"
    )
    found = []
    for path in tracked():
        if path.resolve() == Path(__file__).resolve():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in home.finditer(text)]
    assert found == []


def test_no_tracked_file_is_a_radiograph_or_too_large() -> None:
    kinds = {".dcm", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"}
    assert [path.name for path in tracked() if path.suffix.lower() in kinds] == []
    assert [path.name for path in tracked() if path.stat().st_size > 60 * 2**20] == []


@pytest.mark.parametrize(
    ("prints", "sentence"),
    [("3.10", "needs Python 3.11, 3.12 or 3.13 (found: "), ("3.12", "apt-get install python3-venv")],
    ids=["too old", "no venv"],
)
def test_an_unfit_python_is_told_in_a_sentence(tmp_path: Path, prints: str, sentence: str) -> None:
    # A program that answers as such a Python does: it fails to import what is asked and prints its version.
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\necho {prints}\n', encoding="utf-8")
    python.chmod(0o755)
    run = subprocess.run(
        ["sh", "scripts/find_python.sh"], cwd=ROOT, env={"PYTHON": str(python), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 1
    assert sentence in run.stderr
    assert run.stdout == ""


def test_a_fit_python_is_found_by_running_it() -> None:
    run = subprocess.run(
        ["sh", "scripts/find_python.sh"], cwd=ROOT, env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.stdout.strip() == sys.executable


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def test_readme_shows_the_figures_of_the_shipped_card() -> None:
    text = read("README.md")
    assert readme_figures.with_table(text, read_card(DEFAULT_BUNDLE)) == text
    assert text.count("(never trained on)") >= 3

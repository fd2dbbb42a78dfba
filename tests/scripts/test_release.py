"""`make release` finds what is wrong, and says it in sentences."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest

from model.evaluation.render.tables import END_OF_BLOCK
from model.reading.card import read_card
from scripts import licences, readme_figures, release
from tests.conftest import ROOT


@pytest.fixture
def project(small_bundle: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A project whose versions and figures agree with its bundle."""
    bundle = Path(shutil.copytree(small_bundle, tmp_path / "bundle"))
    root, card = tmp_path / "project", read_card(bundle)
    (root / "model").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "pyproject.toml").write_text(f'[project]\nversion = "{card.version}"\n')
    (root / "model" / "__init__.py").write_text(f'"""Words."""\n\n__version__ = "{card.version}"\n')
    (root / "docs" / "CHANGELOG.md").write_text(f"# Changes\n\n## {card.version}\n\n- Something.\n\n## 0.0.0\n")
    readme = f"# Words\n\n<!-- {readme_figures.MARK} -->\n{END_OF_BLOCK}\n"
    (root / "README.md").write_text(readme_figures.with_table(readme, card))
    (root / "requirements.txt").write_text("-c requirements/constraints.txt\npydicom>=3.0,<4\n")
    return root, bundle


def evidence(root: Path, version: str, sha256: str) -> None:
    (root / "docs" / "evidence").mkdir()
    content = {"bundle": {"version": version, "sha256": sha256}, "quick": False}
    (root / "docs" / "evidence" / "evidence.json").write_text(json.dumps(content))


def test_versions_have_to_agree(project: tuple[Path, Path]) -> None:
    root, bundle = project
    assert list(release.versions(root, bundle)) == []
    (root / "pyproject.toml").write_text('[project]\nversion = "9.0.0"\n')
    (root / "docs" / "CHANGELOG.md").write_text("# Changes\n\n## 8.0.0\n")
    assert list(release.versions(root, bundle)) == [
        "pyproject.toml says 9.0.0 and the bundle's card 0.0.1: make them one.",
        "The first section of docs/CHANGELOG.md says 8.0.0 and the bundle's card 0.0.1: make them one.",
    ]


def test_a_bundle_has_to_be_small_and_whole(project: tuple[Path, Path]) -> None:
    root, bundle = project
    assert list(release.size(root, bundle)) == list(release.soundness(root, bundle)) == []
    with (bundle / "model.tflite").open("ab") as file:
        file.truncate(31_000_000)
    assert ["limit is 30 MB" in problem for problem in release.size(root, bundle)] == [True]
    assert ["SHA-256 differs" in problem for problem in release.soundness(root, bundle)] == [True]


def test_evidence_has_to_be_about_this_bundle(project: tuple[Path, Path]) -> None:
    root, bundle = project
    assert ["There is no docs/evidence" in problem for problem in release.evidence(root, bundle)] == [True]
    evidence(root, read_card(bundle).version, "of another file")
    (root / "README.md").write_text((root / "README.md").read_text().replace("0.", "1.", 1))
    problem = list(release.evidence(root, bundle))
    assert ["README.md are not the card's" in problem[0], "or another file: run make evidence" in problem[1]] == [
        True,
        True,
    ]


def test_everything_has_to_be_committed(project: tuple[Path, Path]) -> None:
    root, bundle = project
    assert list(release.repository(root, bundle)) == [
        "This folder is not under git: a release is made from a repository."
    ]
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    assert ["not committed: commit them first" in problem for problem in release.repository(root, bundle)] == [True]


def test_the_licence_of_everything_that_the_app_installs_is_known() -> None:
    packages = licences.of_requirements(ROOT / "requirements.txt")
    names = {package.name.lower() for package in packages}
    # What requirements.txt names, and what only its packages ask for.
    assert names >= {"streamlit", "pydicom", "ai-edge-litert", "jinja2"}
    assert licences.problems(packages) == []
    assert {package.name for package in packages if not package.is_permissive} >= {"fpdf2"}
    shown = licences.table(packages)
    assert "GPL" in shown.split("Not permissive:")[1] and "streamlit" in shown.split("Not permissive:")[0]
    assert licences.stated(distribution("fpdf2")) != ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "permissive"),
    [
        ("MIT", True), ("BSD-3-Clause AND Zlib", True), ("Apache Software License", True), ("MPL-2.0 AND MIT", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False), ("LGPL-2.1", False), ("CC-BY-NC-4.0", False),
        ("Proprietary", False), ("", False),
    ],
)  # fmt: skip
def test_licences_that_ask_for_more_are_told_apart(words: str, permissive: bool) -> None:
    package = licences.Package("one", "1.0", words)
    assert package.is_permissive == permissive
    assert bool(licences.problems([package])) != permissive


def test_all_of_it_ends_in_a_code_and_in_sentences(
    project: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root, bundle = project
    assert release.main(root, bundle) == 1
    problem = capsys.readouterr().out
    assert "passes  Versions" in problem and "FAILS   Evidence" in problem and "pydicom" in problem
    assert problem.rstrip().endswith("2 problems must be fixed before a release.")
    (root / "docs" / "CHANGELOG.md").unlink()
    assert release.main(root, bundle) == 1
    assert "FAILS   Versions" in capsys.readouterr().out

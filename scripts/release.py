"""What has to be true before a release, in sentences: `make release`, or python -m scripts.release.

Versions agree, the bundle is small and whole, its figures are the published ones, nothing is left uncommitted, and the
licence of every package that the app installs is known. The exit code is 1 where something fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from model.errors import BundleError
from model.reading import bundle as bundles
from model.reading.card import DEFAULT_BUNDLE, read_card
from scripts import licences, readme_figures

ROOT = Path(__file__).resolve().parents[1]
LARGEST_MB = 30
Check = Callable[[Path, Path], Iterator[str]]


def versions(root: Path, bundle: Path) -> Iterator[str]:
    """The app and its bundle are released together, and the first section of the changes is about that version."""
    released = read_card(bundle).version
    project = tomllib.loads(_text(root, "pyproject.toml"))["project"]["version"]
    others = {
        "pyproject.toml": project,
        "model/__init__.py": _first(r'^__version__ = "(.+)"', _text(root, "model/__init__.py")),
        "The first section of docs/CHANGELOG.md": _first(r"^## (\S+)", _text(root, "docs/CHANGELOG.md")),
    }
    if not re.fullmatch(r"\d+\.\d+\.\d+", released):
        yield f"The bundle's version is {released}: semantic versions have three numbers, as in 1.2.0."
    for where, version in others.items():
        if version != released:
            yield f"{where} says {version} and the bundle's card {released}: make them one."


def size(_root: Path, bundle: Path) -> Iterator[str]:
    """A bundle has to stay a small download."""
    megabytes = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) / 1e6
    if megabytes > LARGEST_MB:
        yield f"The bundle has {megabytes:.1f} MB and the limit is {LARGEST_MB} MB: store its weights smaller."


def soundness(_root: Path, bundle: Path) -> Iterator[str]:
    """Every file is the one that the card describes, and the network runs."""
    try:
        bundles.load(bundle)
    except BundleError as error:
        yield str(error)


def evidence(root: Path, bundle: Path) -> Iterator[str]:
    """What is published was measured on this bundle."""
    card = read_card(bundle)
    text = _text(root, "README.md")
    if readme_figures.with_table(text, card) != text:
        yield "The figures in README.md are not the card's: run python -m scripts.readme_figures."
    path = root / "docs" / "evidence" / "evidence.json"
    if not path.exists():
        yield "There is no docs/evidence/evidence.json: run make evidence."
        return
    published: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    measured = published["bundle"]
    if (measured["version"], measured["sha256"]) != (card.version, card.sha256):
        yield f"The evidence is about version {measured['version']} of the bundle or another file: run make evidence."
        return
    if published["quick"]:
        yield "The evidence comes from a quick run on small samples: run make evidence."
    # Imported here: it brings the training's packages along.
    from model.evaluation.run import pages

    for page, content in pages(root, card).items():
        if not page.exists() or page.read_text(encoding="utf-8") != content:
            yield f"{page.relative_to(root)} is not what the evidence says: run make evidence."


def repository(root: Path, _bundle: Path) -> Iterator[str]:
    """What is released is what is committed."""
    done = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True)
    if done.returncode:
        yield "This folder is not under git: a release is made from a repository."
    elif done.stdout:
        yield f"{len(done.stdout.splitlines())} files are changed or new and not committed: commit them first."


def licence(root: Path, _bundle: Path) -> Iterator[str]:
    """Every package that the app installs has a licence that was looked at."""
    yield from licences.problems(licences.of_requirements(root / "requirements.txt"))


CHECKS: dict[str, Check] = {
    "Versions": versions,
    "Size of the bundle": size,
    "Soundness of the bundle": soundness,
    "Evidence": evidence,
    "Repository": repository,
    "Licences": licence,
}


def main(root: Path = ROOT, bundle: Path = DEFAULT_BUNDLE) -> int:
    """Make all checks and print what fails; returns the exit code."""
    failed = 0
    for name, check in CHECKS.items():
        try:
            problems = list(check(root, bundle))
        except (BundleError, OSError) as error:
            problems = [str(error)]
        failed += len(problems)
        print(f"{'FAILS ' if problems else 'passes'}  {name}")
        for problem in problems:
            print(f"        {problem}")
    print()
    print(licences.table(licences.of_requirements(root / "requirements.txt")))
    print()
    print(f"{failed} problems must be fixed before a release." if failed else "Ready to be released.")
    return int(failed > 0)


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.M)
    return match[1] if match else "nothing"


def _text(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

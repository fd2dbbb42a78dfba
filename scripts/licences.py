"""The licences of all packages that a requirements file installs, as the installed packages state them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Those that ask for no more than naming the authors.
_PERMISSIVE = re.compile(
    r"\b(MIT|MIT-CMU|HPND|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|Public Domain|CC0|Zlib)\b", re.I
)
# These ask for more, even where another licence stands beside them.
_DEMANDING = re.compile(r"\b(A?L?GPL|GNU|MPL|Mozilla|EPL|EUPL|CDDL|CC-BY-(?:SA|NC)|proprietary|non-?commercial)", re.I)
# Looked at by hand, with the reason why they may stay.
ACCEPTED = {
    "fpdf2": "LGPL-3.0: imported unchanged from its own package when a PDF report is asked for; an image or installer "
    "that holds it has to pass its licence on and let it be replaced",
    "certifi": "MPL-2.0: a list of certificates, installed unchanged from its own package",
    "tqdm": "MPL-2.0 and MIT: installed unchanged from its own package",
}


@dataclass(frozen=True)
class Package:
    """An installed package.

    Attributes:
        name, version: as installed.
        licence: in its own words, shortened to one line; empty where it states none.
    """

    name: str
    version: str
    licence: str

    @property
    def is_permissive(self) -> bool:
        """Whether the words name a permissive licence and no other."""
        return bool(_PERMISSIVE.search(self.licence)) and not _DEMANDING.search(self.licence)


def of_requirements(path: Path) -> list[Package]:
    """What a requirements file installs here, with everything that this needs in turn.

    Args:
        path: its lines name packages, without further files.

    Returns:
        The packages by name.

    Raises:
        PackageNotFoundError: one of the file's own packages is not installed.
    """
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    open_ends = [(Requirement(line), True) for line in lines if line and not line.startswith("-")]
    packages: dict[str, Package] = {}
    while open_ends:
        wanted, must = open_ends.pop()
        name = canonicalize_name(wanted.name)
        if name in packages or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            installed = distribution(wanted.name)
        except PackageNotFoundError:
            if must:
                raise
            continue
        packages[name] = Package(installed.metadata["Name"], installed.version, stated(installed))  # type: ignore[arg-type]
        open_ends += [(Requirement(text), False) for text in installed.requires or ()]
    return [packages[name] for name in sorted(packages)]


def stated(installed: PathDistribution) -> str:
    """A package's licence: its SPDX expression, or else its classifiers, or else the first line of the free field."""
    data = installed.metadata
    if expression := data.get("License-Expression"):
        return str(expression)
    classes = [text.rsplit(" :: ", 1)[1] for text in data.get_all("Classifier", []) if text.startswith("License :: ")]
    # "OSI Approved" alone names no licence.
    if named := [text for text in classes if text != "OSI Approved"]:
        return "; ".join(named)
    return next(iter(str(data.get("License") or "").strip().splitlines()), "")[:80]


def problems(packages: list[Package]) -> list[str]:
    """Sentences on packages whose licence is not permissive and was not accepted."""
    return [
        f"{package.name} {package.version} is under {package.licence or 'no stated licence'}: replace it, or look at "
        "the licence and give the reason why it may stay in scripts/licences.py."
        for package in packages
        if not package.is_permissive and canonicalize_name(package.name) not in ACCEPTED
    ]


def table(packages: list[Package]) -> str:
    """All packages, those that are not permissive at the end with the reason."""
    lines = [f"{package.name} {package.version}: {package.licence}" for package in packages if package.is_permissive]
    demanding = [package for package in packages if not package.is_permissive]
    lines += ["", "Not permissive:"] if demanding else []
    for package in demanding:
        reason = ACCEPTED.get(canonicalize_name(package.name), package.licence or "unknown")
        lines.append(f"{package.name} {package.version}: {reason}")
    return "\n".join(lines)

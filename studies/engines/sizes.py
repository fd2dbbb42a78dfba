"""How much disk an engine takes: its packages with all that they need, as they are installed here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def installed_megabytes(packages: Iterable[str]) -> tuple[float, float]:
    """Size of some packages and of everything that they require.

    Args:
        packages: names.

    Returns:
        Megabytes, and how many of them are CUDA libraries, which a processor does not need.
    """
    found: dict[str, Distribution] = {}
    waiting = list(packages)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # an optional one that was left out
        for line in found[name].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    sizes = {name: _megabytes(one) for name, one in found.items()}
    cuda = sum(size for name, size in sizes.items() if name.startswith(("nvidia-", "cuda-", "triton")))
    return round(sum(sizes.values()), 1), round(cuda, 1)


def _megabytes(one: Distribution) -> float:
    total = 0
    for path in one.files or []:
        if path.suffix != ".pyc":
            try:
                total += os.stat(path.locate()).st_size  # noqa: PTH116 - a package's path is no pathlib.Path
            except OSError:
                continue  # listed, and deleted since
    return total / 1e6

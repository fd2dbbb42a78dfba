"""Ask the public advisories about every pinned package: `make audit`, or python -m scripts.audit.

pip-audit (of the Python Packaging Authority) does the asking. Where no advisory service can be reached, it says
that nothing was audited. The exit code is 1 where a package has a known weakness.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PINNED = Path(__file__).resolve().parents[1] / "requirements/constraints.txt"
HOW = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]


def judge(answer: dict[str, Any]) -> tuple[list[str], bool]:
    """Put pip-audit's answer into sentences.

    Args:
        answer: its JSON.

    Returns:
        The sentences, and whether a weakness is known.
    """
    packages = answer["dependencies"]
    asked = [package for package in packages if "skip_reason" not in package]
    weak = [package for package in asked if package["vulns"]]
    lines = []
    for package in weak:
        for weakness in package["vulns"]:
            fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
            lines.append(f"{package['name']} {package['version']} has {weakness['id']}; fixed in {fixed}.")
    if not asked:
        lines.append(f"Nothing was audited: no advisory service answers here for any of {len(packages)} packages.")
    else:
        lines.append(f"{len(asked)} of {len(packages)} packages were audited, {len(weak)} have a known weakness.")
    return lines, bool(weak)


def main() -> int:
    """Audit `requirements/constraints.txt`; returns the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(PINNED), *HOW]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        lines, weak = judge(json.loads(done.stdout))
    except (json.JSONDecodeError, KeyError):
        # Without a network it ends in an exception of its own.
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"Nothing was audited: {last}")
        return 0
    print("\n".join(lines))
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())

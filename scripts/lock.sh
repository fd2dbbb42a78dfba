#!/bin/sh
# Writes requirements/constraints.txt: one exact version of every package for Python 3.11 to 3.13 on Linux, macOS
# and Windows.
set -eu
cd "$(dirname "$0")/.."
{
    echo "# The exact versions that are tested, for Python 3.11 to 3.13 on every system; written by 'make lock'."
    # The files' own -r and -c lines go: all files are read here, and the old versions must not bind the new.
    grep -hv '^-' requirements.txt requirements/archive.txt requirements/bench.txt requirements/test.txt \
        requirements/test-all.txt requirements/train.txt |
        uv pip compile - --universal --python-version 3.11 --no-header --no-annotate --quiet
} >constraints.new
mv constraints.new requirements/constraints.txt

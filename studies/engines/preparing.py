"""Runs what makes the engines' files, each step in a process of its own, and keeps what could not be made."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from studies.engines.process import LAST_WORDS, ROOT, environment

STEPS = ("ONNX", "ONNX dynamic int8", "ONNX static int8")


def prepare(files: Path, bundle: Path, weights: Path) -> dict[str, str]:
    """Make every file that is not there yet.

    Args:
        files: folder for them; kept from run to run while the weights are the same.
        bundle: the shipped one.
        weights: Keras weights of its network, in the folder of their run.

    Returns:
        A sentence for each form that could not be made, by its name.

    Raises:
        subprocess.CalledProcessError: not even TensorFlow's files could be made.
    """
    facts, notes_file = files / "facts.json", files / "notes.json"
    if facts.exists() and notes_file.exists():
        made_from = json.loads(facts.read_text(encoding="utf-8"))["weights_sha256"]
        if made_from == hashlib.sha256(weights.read_bytes()).hexdigest():
            return dict(json.loads(notes_file.read_text(encoding="utf-8")))
    command = [sys.executable, "-m", "studies.engines.prepare"]
    places = ["--weights", str(weights), "--bundle", str(bundle), "--files", str(files)]
    subprocess.run([*command, *places], cwd=ROOT, env=environment(), check=True)
    notes: dict[str, str] = {}
    for step in STEPS:
        done = subprocess.run(
            [sys.executable, "-m", "studies.engines.onnx_forms", step, str(files)],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it ended without a word"]
            notes[step] = lines[-1][-LAST_WORDS:]
        print(f"{step}: {notes.get(step, 'made')}", flush=True)
    notes_file.write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")
    return notes

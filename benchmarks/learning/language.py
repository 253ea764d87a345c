"""What the scripts on language models share: the command as a user types it, in a process of its own."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.learning.evidence import Figure, arguments, report


def measure(
    name: str, about: str, command: str, *, seconds: float, figure: str, target: float, source: str
) -> None:
    """Run `elman train generate …` for so many seconds (another number: `--seconds`) and report a figure of
    the test part beside its target, the most that is asked."""
    given = arguments(about, seconds=seconds, seed=0, precision="bf16")
    command += f" --max-seconds {given.seconds:g} --precision {given.precision} --seed {given.seed}"
    result = train(command)
    label = f"test {figure} after {result['seconds']:.0f} s"
    found = Figure(label, result["test"][figure], target, lower=True, source=source, digits=3)
    report(name, command, [found], result=result)


def train(command: str) -> dict[str, Any]:
    """What result.json says after `elman train …`, whose output is shown."""
    with TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = [sys.executable, "-m", "elman.cli", *shlex.split(command)[1:], "--out", str(run)]
        subprocess.run(words, check=True)
        return json.loads((run / "result.json").read_text())

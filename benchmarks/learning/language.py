"""What the two language-model scripts share: the command as a user types it, in a process of its own."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def train(command: str) -> dict[str, Any]:
    """What result.json says after `elman train …`, whose output is shown."""
    with TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = [sys.executable, "-m", "elman.cli", *shlex.split(command)[1:], "--out", str(run)]
        subprocess.run(words, check=True)
        return json.loads((run / "result.json").read_text())

"""What a figure depends on besides the code: the machine, the versions, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from elman import __version__
from elman.backends import native

ROOT = Path(__file__).resolve().parents[3]


def cpu() -> str:
    """The processor's name as its maker gives it, where the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def git(*arguments: str) -> str | None:
    """What git says in elman's own checkout; None for a copy that is installed, wherever that stands."""
    if not (ROOT / "csrc").is_dir():
        return None
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def commit() -> dict[str, Any]:
    """The commit, and whether files differ from it (`dirty`); both None outside a checkout."""
    head = git("rev-parse", "HEAD")
    changes = git("status", "--porcelain", "--", "src", "csrc", "CMakeLists.txt", "benchmarks/*.py")
    return {"commit": head, "dirty": None if changes is None else bool(changes)}


def engine() -> str:
    """The instruction set that elman's engine runs with, or why there is no engine."""
    return f"none: {native.missing()}" if native.missing() else native.isa()


def describe() -> dict[str, Any]:
    """All of the above as JSON values. `isa` is what torch found on the machine, `engine` what elman uses."""
    return {
        "cpu": cpu(),
        "cores": cores(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "engine": engine(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "elman": __version__,
        "threads": torch.get_num_threads(),
        "dtype": "float32",
        **commit(),
    }

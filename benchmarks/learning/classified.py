"""What the scripts on classify share: a command run as a user would run it, and its figures."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from rich.console import Console

from elman.cli import read_options
from elman.tasks.classify import TASK
from elman.tasks.jobs import train


@dataclass(frozen=True)
class Run:
    """One training. accuracy: on the test part, 0 to 1. seconds: of training and validation alone."""

    accuracy: float
    valid: float
    seconds: float
    baselines: dict[str, dict[str, float]]
    settings: dict[str, Any]

    @property
    def best_baseline(self) -> tuple[str, float]:
        """(name, accuracy) of the best simple rule on the test part."""
        name = max(self.baselines, key=lambda rule: self.baselines[rule]["accuracy"])
        return name, self.baselines[name]["accuracy"]


def run(arguments: str, *, baselines: bool = True, quiet: bool = False) -> Run:
    """`elman train classify ARGUMENTS` in a run folder of its own."""
    with TemporaryDirectory() as place, open("/dev/null", "w") as nowhere:
        given = [*shlex.split(arguments), "--out", f"{place}/run"]
        given += [] if baselines else ["--no-baselines"]
        options = read_options(TASK.options, given, command="train classify")
        train("classify", options, Console(file=nowhere) if quiet else Console())
        result = json.loads((Path(place) / "run" / "result.json").read_text())
    return Run(
        result["test"]["accuracy"],
        result["valid"]["accuracy"] if "valid" in result else float("nan"),
        result["seconds"],
        cast("dict[str, dict[str, float]]", result["baselines"]),
        result["settings"],
    )


def seeded(arguments: str, seeds: int) -> list[Run]:
    """The same command with each seed from 0; the simple rules, which have none, are trained once."""
    return [run(f"{arguments} --seed {seed}", baselines=seed == 0, quiet=seed > 0) for seed in range(seeds)]


def mean(values: Sequence[float]) -> float:
    """The mean of one value or more."""
    return sum(values) / len(values)

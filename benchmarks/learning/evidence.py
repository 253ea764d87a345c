"""Evidence: a command as a user types it, and its figures beside their targets.

A script of this folder is one `Evidence`; `run` trains it (in a process of its own, a run folder of its own),
prints the table and keeps it under benchmarks/results/learning.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from elman.bench.machine import commit, describe

RESULTS = Path(__file__).resolve().parent.parent / "results" / "learning"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    target: the least asked or, with `lower`, the most. source: where comparable figures come from.
    """

    name: str
    value: float
    target: float
    lower: bool = False
    source: str = ""
    digits: int = 4

    @property
    def reached(self) -> bool:
        """Whether the target is met, unrounded."""
        return self.value <= self.target if self.lower else self.value >= self.target


@dataclass(frozen=True)
class Wanted:
    """A figure that is asked for.

    key: where it stands in result.json, such as "test.accuracy". scale: what it is multiplied with. Others as
    in `Figure`.
    """

    name: str
    key: str
    target: float
    lower: bool = False
    source: str = ""
    scale: float = 1.0
    digits: int = 4

    def of(self, results: Sequence[dict[str, Any]]) -> Figure:
        """The mean over the runs."""
        value = self.scale * sum(_at(result, self.key) for result in results) / len(results)
        return Figure(self.name, value, self.target, self.lower, self.source, self.digits)


def _at(result: Any, key: str) -> float:
    for name in key.split("."):
        result = result[name]
    return float(result)


def accuracy(target: float, source: str = "") -> Wanted:
    """Accuracy on the test part, in percent."""
    return Wanted("test accuracy, %", "test.accuracy", target, source=source, scale=100.0, digits=2)


def seconds(most: float) -> Wanted:
    """Seconds of training and validation."""
    return Wanted("seconds of training", "seconds", most, lower=True, digits=1)


@dataclass(frozen=True)
class Evidence:
    """A command, in which {data} stands for $ELMAN_DATA, and what is asked of it.

    seeds: how many runs the figures are the mean of.
    """

    name: str
    command: str
    wanted: tuple[Wanted, ...] = ()
    seeds: int = 1


def run(evidence: Evidence) -> None:
    """Train, print and keep; the command line may change the number of seeds and add options."""
    parser = argparse.ArgumentParser(description=evidence.command)
    parser.add_argument("--seeds", type=int, default=evidence.seeds, help="runs to take the mean of")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--extra", default="", help='options to add to the command, such as "--epochs 1"')
    given = parser.parse_args()
    command = f"{evidence.command} {given.extra}".rstrip()
    results = [trained(f"{command} --seed {given.first + place}") for place in range(given.seeds)]
    figures = [wanted.of(results) for wanted in evidence.wanted]
    report(evidence.name, command, figures, results=results)


def trained(command: str) -> dict[str, Any]:
    """What result.json says after `elman train …`, whose output is shown."""
    words = shlex.split(command.format(data=os.environ.get("ELMAN_DATA", "data")))
    with TemporaryDirectory() as folder:
        place = str(Path(folder) / "run")
        subprocess.run([sys.executable, "-m", "elman.cli", *words[1:], "--out", place], check=True)
        return json.loads((Path(place) / "result.json").read_text())


def _brief(value: Any) -> Any:
    """Without long lists, such as a figure for each step."""
    if isinstance(value, dict):
        kept = {name: _brief(inner) for name, inner in value.items()}
        return {
            name: inner for name, inner in kept.items() if not (isinstance(inner, list) and len(inner) > 30)
        }
    return [_brief(inner) for inner in value] if isinstance(value, list) else value


def report(name: str, command: str, figures: Sequence[Figure], **about: Any) -> None:
    """Print the table, and write it as benchmarks/results/learning/NAME.json with machine and commit.

    about: anything else worth keeping.
    """
    table = Table(title=f"{name}: {command}", title_justify="left")
    for column in ("", "measured", "target", "", "beside it"):
        table.add_column(column, justify="left" if column in ("", "beside it") else "right")
    for f in figures:
        sign = "<=" if f.lower else ">="
        said = "[green]reached[/green]" if f.reached else "[red]missed[/red]"
        table.add_row(f.name, f"{f.value:.{f.digits}f}", f"{sign} {f.target:.{f.digits}f}", said, f.source)
    Console().print(table)
    RESULTS.mkdir(parents=True, exist_ok=True)
    record = {
        "name": name,
        "command": command,
        "commit": commit(),
        "machine": describe(),
        "threads": torch.get_num_threads(),
        "figures": [{**vars(f), "reached": f.reached} for f in figures],
        **_brief(about),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")

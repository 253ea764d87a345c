"""A figure beside its target: how the scripts of this folder print and keep what they measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
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


def report(name: str, command: str, figures: Sequence[Figure], **about: Any) -> None:
    """Print the table, and write it as benchmarks/results/learning/NAME.json with machine and commit.

    command: what a user would type for the same. about: anything else worth keeping (seeds, options).
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
        **about,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")


def arguments(about: str, **defaults: Any) -> argparse.Namespace:
    """The command line of a script: an option for each of `defaults`, of its type."""
    parser = argparse.ArgumentParser(description=about)
    for option, default in defaults.items():
        parser.add_argument(f"--{option.replace('_', '-')}", type=type(default), default=default)
    return parser.parse_args()

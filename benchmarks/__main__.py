"""Times elman.nn's layers beside their peers, in one run and interleaved.

Every case is first checked against a float64 oracle, in outputs, states and all gradients; one that does
not agree gets no figure, and the run ends with status 1. Training is forward, backward and weight gradients.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.live import Live

from benchmarks import grid
from benchmarks.context import Context
from benchmarks.sections import SECTIONS
from elman.bench import layers, machine, report, timing
from elman.bench.record import Row
from elman.bench.shapes import Shape
from elman.errors import ArgumentError

RESULTS = Path(__file__).parent / "results"


def shape(text: str) -> Shape:
    try:
        return Shape.parse(text)
    except ArgumentError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small shapes and short measurements")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, help="only these tables")
    parser.add_argument("--kind", nargs="+", choices=sorted(layers.KINDS), help="only these layers")
    parser.add_argument("--mode", nargs="+", choices=layers.MODES, help="only inference or only training")
    parser.add_argument(
        "--shape",
        nargs="+",
        type=shape,
        metavar="BxTxIxH",
        help="these shapes: sequences, steps, input, hidden",
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of all libraries (2)")
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="folder of the JSON files (benchmarks/results)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.threads < 1:
        parser.error(f"argument --threads: expected 1 or more, got {chosen.threads}")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    chosen = options(arguments)
    torch.set_num_threads(chosen.threads)
    about, mm, console = machine.describe(), timing.MatrixRate(), Console()
    found: dict[str, list[Row]] = {}
    for name in chosen.section or SECTIONS:
        found[name] = rows = list[Row]()
        section = SECTIONS[name]
        with Live(console=console, refresh_per_second=4, transient=True) as live:

            def starting(case: str, rows: list[Row] = rows, live: Live = live) -> None:
                live.update(report.screen(about, mm, [report.table(rows)], f"measuring {case} ..."))

            context = Context(
                effort=timing.QUICK if chosen.quick else timing.FULL,
                mm=mm,
                threads=chosen.threads,
                quick=chosen.quick,
                kinds=chosen.kind or tuple(layers.KINDS),
                modes=chosen.mode or layers.MODES,
                shapes=chosen.shape,
                starting=starting,
            )
            for row in section.rows(context):
                rows.append(row)
        means = grid.means(rows) if name == "layers" and len(rows) > 1 else None
        console.print(report.table(rows, means, section.title))
        console.print(section.note, style="dim")
    console.print(report.screen(about, mm, [], "Times are medians; green: the target is reached, red: not."))
    everything = [row for rows in found.values() for row in rows]
    wrong = [row for row in everything if row.wrong]
    for row in wrong:
        console.print(f"[red]{row}[/]: {row.wrong}. Not timed.", highlight=False)
    means = grid.means(found.get("layers", []))
    content = report.document(found, about, mm, chosen.quick, means={k: vars(v) for k, v in means.items()})
    path = report.save(content, chosen.out / report.name_of(content))
    console.print(f"Written to {path}", highlight=False)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

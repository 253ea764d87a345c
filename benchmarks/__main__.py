"""Times elman.nn's layers against torch.nn's, in one run and interleaved.

Every case is first checked against torch.nn in float64, in outputs, states and all gradients; one that does
not agree gets no figure, and the run ends with status 1. Training is forward, backward and weight gradients.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.live import Live

from benchmarks import cases, machine, report, timing
from benchmarks.runner import Row, run

RESULTS = Path(__file__).parent / "results"


def shape(text: str) -> cases.Shape:
    try:
        return cases.Shape.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="four small shapes and short measurements: about a minute"
    )
    parser.add_argument("--kind", nargs="+", choices=sorted(cases.KINDS), help="only these layers")
    parser.add_argument("--mode", nargs="+", choices=cases.MODES, help="only inference or only training")
    parser.add_argument(
        "--shape",
        nargs="+",
        type=shape,
        metavar="BxTxIxH",
        help="these shapes: sequences, steps, input, hidden",
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of both libraries (2)")
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
    todo = cases.cases(
        tuple(chosen.shape or (cases.QUICK if chosen.quick else cases.FULL)),
        tuple(chosen.kind or cases.KINDS),
        tuple(chosen.mode or cases.MODES),
    )
    about, mm, rows, console = machine.describe(), timing.MatrixRate(), list[Row](), Console()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        for row in run(
            todo,
            timing.QUICK if chosen.quick else timing.FULL,
            mm,
            starting=lambda case: live.update(report.screen(rows, about, mm, f"measuring {case} ...")),
        ):
            rows.append(row)
    console.print(
        report.screen(rows, about, mm, "Medians. Ratio: torch / elman, above 1 where elman is faster.")
    )
    wrong = [row for row in rows if row.wrong]
    for row in wrong:
        console.print(f"[red]{row.case}[/]: {row.wrong}. Not timed.", highlight=False)
    path = report.save(report.document(rows, about, mm, chosen.quick), chosen.out)
    console.print(f"Written to {path}", highlight=False)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

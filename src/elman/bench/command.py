"""`elman bench`: how fast the layers are on this machine, in under two minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.live import Live

from elman.bench import layers, machine, report, timing
from elman.bench.record import Figure, Row
from elman.bench.shapes import QUICK, Shape
from elman.errors import unknown, wrong

NOTE = "Medians. Ratio: torch / elman, above 1 where elman is faster; of mm: elman's rate beside torch.mm's."


def bench(
    console: Console,
    cell: Sequence[str] = (),
    shape: Sequence[str] = (),
    mode: Sequence[str] = (),
    threads: int | None = None,
    seconds: float = 100.0,
    out: str | None = None,
) -> int:
    """Times elman's RNN, GRU and LSTM beside torch.nn's and prints a table; 1 where a layer was wrong.

    Args:
        cell: "rnn", "gru", "lstm"; none: all three.
        shape: sizes as `BxTxIxH`; none: four small ones.
        mode: "inference", "training"; none: both.
        threads: of both libraries, at least 1; None: torch's own choice.
        seconds: cases that would begin later than this are left out, and named.
        out: the JSON file to write; None writes nothing.

    Raises:
        ArgumentError: an unknown cell or mode, a shape that is none, sizes or seconds that are not positive.
    """
    kinds = _named("cell", cell, {name.lower(): name for name in layers.KINDS})
    modes = _named("mode", mode, {name: name for name in layers.MODES})
    todo = layers.cases([Shape.parse(text) for text in shape] or QUICK, kinds, modes)
    if threads is not None and threads < 1:
        raise wrong("threads", expected="1 or more", got=threads)
    if not seconds > 0:
        raise wrong("seconds", expected="a number above 0", got=seconds)
    if out is not None and Path(out).is_dir():
        raise wrong(
            "out", expected="a JSON file to write", got=out, remedy="It is a folder; name a file in it."
        )
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        return _bench(console, todo, seconds, out)
    finally:
        torch.set_num_threads(before)


def _named(argument: str, given: Sequence[str], valid: dict) -> list:
    for name in given:
        if name not in valid:
            raise unknown(argument, name, valid)
    return [value for name, value in valid.items() if name in (given or valid)]


def _bench(console: Console, todo: list[layers.Case], seconds: float, out: str | None) -> int:
    about, mm, rows = machine.describe(), timing.MatrixRate(), list[Row]()
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def starting(case: str) -> None:
            live.update(report.screen(about, mm, [report.table(rows)], f"measuring {case} ..."))

        for row in within(seconds, todo, mm, starting):
            rows.append(row)
    means = {name: Figure(mean, least=1.0) for name, mean in report.geometric_means(rows).items()}
    console.print(report.screen(about, mm, [report.table(rows, means if len(todo) > 1 else None)], NOTE))
    left = todo[len(rows) :]
    if left:
        console.print(f"Left out, as {seconds:g} s were over: {', '.join(map(str, left))}.", highlight=False)
    wrongs = [row for row in rows if row.wrong]
    for row in wrongs:
        console.print(f"[red]{row}[/]: {row.wrong}. Not timed.", highlight=False)
    if out is not None:
        path = report.save(report.document({"layers": rows}, about, mm, quick=True), Path(out))
        console.print(f"Written to {path}", highlight=False)
    return 1 if wrongs else 0


def within(
    seconds: float, todo: list[layers.Case], mm: timing.MatrixRate, starting: Callable[[str], None]
) -> Iterator[Row]:
    """The rows of the cases that begin before so many seconds are over; the first begins always."""
    end = time.monotonic() + seconds
    for row in layers.rows(todo, timing.QUICK, mm, starting):
        yield row
        if time.monotonic() >= end:
            return

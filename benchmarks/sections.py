"""The sections of the benchmark by name. A new one is a function from a Context to rows, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import grid
from benchmarks.context import Context
from elman.bench.record import Row


@dataclass(frozen=True)
class Section:
    """Rows of one kind, and what their columns mean."""

    title: str
    note: str
    rows: Callable[[Context], Iterator[Row]]


SECTIONS = {
    "layers": Section(
        "Layers beside torch.nn's",
        "Ratio: torch / elman, above 1 where elman is faster; of mm: elman's rate beside torch.mm's.",
        grid.rows,
    ),
}

"""RNN, GRU and LSTM beside torch.nn's: the targets, over what `elman bench` measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.context import Context
from elman.bench import layers, report
from elman.bench.record import Figure, Row
from elman.bench.shapes import FULL, QUICK

MEANS = {
    "inference": {"RNN": 1.8, "GRU": 1.8, "LSTM": 1.1},
    "training": {"RNN": 3.0, "GRU": 3.0, "LSTM": 1.25},
}
SHARE_OF_MM = {"inference": 0.85, "training": 0.75}


def rows(context: Context) -> Iterator[Row]:
    """One row for each layer, shape and mode."""
    todo = layers.cases(context.shapes or (QUICK if context.quick else FULL), context.kinds, context.modes)
    for row in layers.rows(todo, context.effort, context.mm, context.starting):
        yield with_targets(row)


def with_targets(row: Row) -> Row:
    """Large products are to run at nearly the rate of torch.mm."""
    if row.wrong or row.shape.batch < 32 or row.shape.hidden < 128:
        return row
    share = replace(row.figures["of mm"], least=SHARE_OF_MM[row.mode])
    return replace(row, figures={**row.figures, "of mm": share})


def means(rows: Sequence[Row]) -> dict[str, Figure]:
    """The geometric means, with their targets where they are over all shapes."""
    found = {}
    for name, mean in report.geometric_means(rows).items():
        what, mode = name.split()
        whole = {row.shape for row in rows if (row.what, row.mode) == (what, mode)} >= set(FULL)
        found[name] = Figure(mean, least=MEANS[mode][what] if whole else None)
    return found

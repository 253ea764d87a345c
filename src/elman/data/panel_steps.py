"""Rows on the steps of a grid: one row for each step, others gathered into it by a named rule.

Dimensions: n rows that are looked at together, K columns of targets and covariates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from elman.data.frequency import Frequency
from elman.data.panel_order import Ordered
from elman.data.row_order import stamp_text
from elman.errors import DataError

GATHER = ("mean", "last", "sum")  # how several stamps within one step of the grid become one value
#: (whose step it is, which step of the grid, the values (n, K)), in order; the same at every call
Steps = Callable[[], Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]]


def on_grid(rows: Ordered, grid: Frequency, irregular: str) -> tuple[Steps, tuple[str, ...]]:
    """(the steps that have a row, what is to be said of it).

    irregular: "refuse", or how stamps beside the grid are gathered into its steps: mean, last, sum (of
        numbers; of categories the last).

    Raises `DataError` for the first stamp beside the grid where these are refused.
    """
    beside, first = 0, -1
    for _, stamps, places in rows.pieces():
        off = ~grid.place(stamps)[1]
        if off.any() and first < 0:
            first = int(places[off.argmax()])
        beside += int(off.sum())
    if irregular == "refuse":
        if beside:
            stamp = stamp_text(rows.table.stamps[first])
            raise DataError(
                f"{rows.table.source}: expected stamps {grid.name} apart, got {stamp} in row "
                f"{rows.table.called(first)} beside that grid ({beside:,} of {len(rows):,} stamps). Name the "
                f"frequency, or how stamps are gathered into its steps: irregular={', '.join(GATHER)}."
            )
        return lambda: _placed(rows, grid), ()
    note = f"{beside:,} of {len(rows):,} stamps lie beside the grid: gathered into its steps ({irregular})"
    return lambda: _gathered(rows, grid, irregular), (note,) if beside else ()


def _placed(rows: Ordered, grid: Frequency) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for codes, stamps, places in rows.pieces():
        yield codes, grid.place(stamps)[0].astype(np.int64), rows.table.values[places]


def _gathered(
    rows: Ordered, grid: Frequency, rule: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The same with one row for each step; a step that lies in two pieces waits for the second."""
    columns = rows.table.columns
    names = (*columns.targets, *columns.covariates)
    last = {place for place, name in enumerate(names) if name in rows.table.categories}
    rules = [_rule(place, "last" if place in last else rule) for place in range(len(names))]
    rest = None
    for codes, steps, values in _placed(rows, grid):
        piece = pl.DataFrame({"series": codes, "step": steps}).hstack(_frame(values))
        piece = piece if rest is None else pl.concat([rest, piece])
        open_ = (piece["series"] == piece["series"][-1]) & (piece["step"] == piece["step"][-1])
        rest = piece.filter(open_)
        yield from _joined(piece.filter(~open_), rules)
    if rest is not None:
        yield from _joined(rest, rules)


def _frame(values: np.ndarray) -> pl.DataFrame:
    columns = {f"column_{place}": column for place, column in enumerate(values.T)}
    return pl.DataFrame(columns).fill_nan(None)


def _rule(place: int, rule: str) -> pl.Expr:
    column = pl.col(f"column_{place}")
    if rule == "sum":  # of nothing, nothing is known
        return pl.when(column.is_not_null().any()).then(column.sum()).alias(f"column_{place}")
    return column.mean() if rule == "mean" else column.last()


def _joined(piece: pl.DataFrame, rules: list[pl.Expr]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    if len(piece):
        joined = piece.group_by("series", "step", maintain_order=True).agg(rules)
        values = joined.drop("series", "step").to_numpy()
        yield joined["series"].to_numpy(), joined["step"].to_numpy(), values

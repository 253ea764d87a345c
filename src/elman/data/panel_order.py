"""The rows of a table of series, series by series and in the order of time; bad orders are said.

Dimensions: R rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elman.data.panel_tables import SeriesTable
from elman.data.row_order import RowOrder, by_series, by_time, stamp_text
from elman.errors import DataError


@dataclass(frozen=True)
class Ordered:
    """The rows of a table in order, and their stamps (R,)."""

    table: SeriesTable
    order: RowOrder

    def __len__(self) -> int:
        return len(self.order)

    @property
    def starts(self) -> np.ndarray:
        """(N,) where each series begins."""
        return self.order.starts

    @property
    def stamps(self) -> np.ndarray:
        """(R,) in this order."""
        assert self.order.stamps is not None
        return self.order.stamps

    def pieces(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(whose row it is, its stamp, its place in the table), each (n,), of some rows at a time."""
        begin = 0
        for rows in self.order.blocks():
            yield self.table.codes[rows], np.asarray(self.stamps[begin : begin + len(rows)]), rows
            begin += len(rows)


def ordered(table: SeriesTable, *, sort: bool) -> Ordered:
    """The rows series by series; raises `DataError` for the first stamp out of order or seen twice.

    sort: stamps may come in any order; of those that are the same the error remains.
    """
    order = by_series(table.codes, table.stamps, len(table.ids), on_disk=table.on_disk)
    wrong = order.first_wrong()
    if wrong is not None and sort:
        order = by_time(order, table.stamps, on_disk=table.on_disk)
        wrong = order.first_wrong()
    found = Ordered(table, order)
    if wrong is not None:
        raise _error(found, wrong)
    return found


def _error(found: Ordered, place: int) -> DataError:
    """What is wrong with the row at a place."""
    table = found.table
    rows = [found.order.place(at) for at in (place - 1, place)]
    before, row = map(table.called, rows)
    called = table.series_called(int(table.codes[rows[1]]))
    where = f" of {called}" if called else ""
    former, stamp = found.stamps[place - 1], found.stamps[place]
    if stamp == former:
        return DataError(
            f"{table.source}: expected each stamp{where} once, got {stamp_text(stamp)} in the rows {before} "
            f"and {row}. Remove one of them, or name the column that tells the series apart (id_column)."
        )
    return DataError(
        f"{table.source}: expected the stamps{where} in order, got {stamp_text(stamp)} in row {row} "
        f"behind {stamp_text(former)}. Sort the table, or let it be done: sort=True (--sort). Where it holds "
        "several series, name the column that tells them apart (id_column)."
    )

"""The rows of a table, series by series and in the order of time, however the table has them.

Dimensions: R rows, N series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elman.data.panel_tables import SeriesTable
from elman.data.spilled import room
from elman.errors import DataError

BLOCK = 1 << 18  # rows that are looked at together


@dataclass(frozen=True)
class Ordered:
    """Rows in order.

    starts: (N,) where each series begins. stamps: (R,). rows: (R,) where each stands in the table; None where
    that is in order already.
    """

    table: SeriesTable
    starts: np.ndarray
    stamps: np.ndarray
    rows: np.ndarray | None

    def __len__(self) -> int:
        return len(self.stamps)

    def pieces(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(whose row it is, its stamp, its place in the table), each (n,), of some rows at a time."""
        for begin in range(0, len(self), BLOCK):
            stop = min(begin + BLOCK, len(self))
            rows = np.arange(begin, stop) if self.rows is None else self.rows[begin:stop]
            yield self.table.codes[rows], np.asarray(self.stamps[begin:stop]), rows


def ordered(table: SeriesTable, *, sort: bool) -> Ordered:
    """The rows series by series; raises `DataError` for the first stamp out of order or seen twice.

    sort: stamps may come in any order; of those that are the same the error remains.
    """
    counts = np.zeros(len(table.ids), dtype=np.int64)
    grouped, last = True, -1
    for begin in range(0, len(table.codes), BLOCK):
        codes = table.codes[begin : begin + BLOCK]
        counts += np.bincount(codes, minlength=len(counts))
        grouped = grouped and codes[0] >= last and bool((codes[1:] >= codes[:-1]).all())
        last = codes[-1]
    starts = np.cumsum(counts) - counts
    rows = None if grouped else _grouped(table, starts)
    found = Ordered(table, starts, _stamps(table, rows), rows)
    wrong = _out_of_order(found)
    if wrong is not None and sort:
        rows = _sorted(table, starts, rows)
        found = Ordered(table, starts, _stamps(table, rows), rows)
        wrong = _out_of_order(found)
    if wrong is not None:
        raise _error(found, wrong)
    return found


def _grouped(table: SeriesTable, starts: np.ndarray) -> np.ndarray:
    """(R,) the rows series by series, otherwise as they stand."""
    rows = room((len(table.codes),), np.int64, on_disk=table.on_disk)
    free = starts.copy()
    for begin in range(0, len(table.codes), BLOCK):
        codes = table.codes[begin : begin + BLOCK]
        by_series = np.argsort(codes, kind="stable")
        codes = codes[by_series]
        counts = np.bincount(codes, minlength=len(starts))
        within = np.arange(len(codes)) - (np.cumsum(counts) - counts)[codes]
        rows[free[codes] + within] = begin + by_series
        free += counts
    return rows


def _sorted(table: SeriesTable, starts: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    """(R,) the rows series by series and in the order of time; one series at a time is held in memory."""
    if rows is None:
        rows = room((len(table.codes),), np.int64, on_disk=table.on_disk)
        for begin in range(0, len(rows), BLOCK):
            rows[begin : begin + BLOCK] = np.arange(begin, min(begin + BLOCK, len(rows)))
    for begin, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        mine = np.array(rows[begin:stop])
        rows[begin:stop] = mine[np.argsort(table.stamps[mine], kind="stable")]
    return rows


def _stamps(table: SeriesTable, rows: np.ndarray | None) -> np.ndarray:
    if rows is None:
        return table.stamps
    stamps = room((len(rows),), table.stamps.dtype, on_disk=table.on_disk)
    for begin in range(0, len(rows), BLOCK):
        stamps[begin : begin + BLOCK] = table.stamps[rows[begin : begin + BLOCK]]
    return stamps


def _out_of_order(found: Ordered) -> int | None:
    """The first row whose stamp is not behind that of the row before it, in the same series."""
    for begin in range(0, len(found) - 1, BLOCK):
        stamps = np.asarray(found.stamps[begin : begin + BLOCK + 1])
        wrong = stamps[1:] <= stamps[:-1]
        first, last = np.searchsorted(found.starts, [begin + 1, begin + len(stamps)])
        wrong[found.starts[first:last] - begin - 1] = False
        if wrong.any():
            return begin + 1 + int(wrong.argmax())
    return None


def _error(found: Ordered, place: int) -> DataError:
    """What is wrong with the row at a place."""
    table = found.table
    rows = [place - 1, place] if found.rows is None else found.rows[[place - 1, place]].tolist()
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
        f"behind {stamp_text(former)}. Sort the table, or let it be done: sort=True (--sort)."
    )


def stamp_text(stamp: np.ndarray | np.generic) -> str:
    """A stamp as messages show it."""
    return str(stamp).replace("T", " ").removesuffix(".000000") if stamp.dtype.kind == "M" else str(stamp)

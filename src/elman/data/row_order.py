"""Rows of a table, series by series and in the order of time, however the table has them.

Dimensions: R rows, N series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elman.data.spilled import room

BLOCK = 1 << 18  # rows that are looked at together


@dataclass(frozen=True)
class RowOrder:
    """Rows in order.

    starts, counts: (N,) where each series begins, and how many rows it has. stamps: (R,) in this order; None
    where there are none. rows: (R,) where each stands in the table; None where that is in order already.
    """

    starts: np.ndarray
    counts: np.ndarray
    stamps: np.ndarray | None
    rows: np.ndarray | None

    def __len__(self) -> int:
        return int(self.counts.sum())

    def blocks(self) -> Iterator[np.ndarray]:
        """The places of the rows in the table, some at a time."""
        for begin in range(0, len(self), BLOCK):
            stop = min(begin + BLOCK, len(self))
            yield self.places(begin, stop)

    def places(self, begin: int, stop: int) -> np.ndarray:
        """Where the rows from `begin` to `stop` of this order stand in the table."""
        return np.arange(begin, stop) if self.rows is None else self.rows[begin:stop]

    def place(self, at: int) -> int:
        """Where one stands."""
        return at if self.rows is None else int(self.rows[at])

    def first_wrong(self, *, twice: bool = True) -> int | None:
        """The first place whose stamp is not behind the one before it in the same series.

        twice: whether a stamp that comes again is wrong too.
        """
        if self.stamps is None:
            return None
        for begin in range(0, len(self) - 1, BLOCK):
            stamps = np.asarray(self.stamps[begin : begin + BLOCK + 1])
            wrong = stamps[1:] <= stamps[:-1] if twice else stamps[1:] < stamps[:-1]
            first, last = np.searchsorted(self.starts, [begin + 1, begin + len(stamps)])
            wrong[self.starts[first:last] - begin - 1] = False
            if wrong.any():
                return begin + 1 + int(wrong.argmax())
        return None


def blocks_of(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Rows as they stand, some at a time."""
    return (rows[begin : begin + BLOCK] for begin in range(0, len(rows), BLOCK))


def by_series(codes: np.ndarray, stamps: np.ndarray | None, series: int, *, on_disk: bool) -> RowOrder:
    """The rows series by series, those of one as they stand.

    codes: (R,) whose row it is, below `series`. on_disk: whether what is made of them is to be there.
    """
    counts = np.zeros(series, dtype=np.int64)
    grouped, last = True, -1
    for begin in range(0, len(codes), BLOCK):
        block = codes[begin : begin + BLOCK]
        counts += np.bincount(block, minlength=series)
        grouped = grouped and block[0] >= last and bool((block[1:] >= block[:-1]).all())
        last = block[-1]
    starts = np.cumsum(counts) - counts
    rows = None if grouped else _grouped(codes, starts, on_disk=on_disk)
    return RowOrder(starts, counts, _taken(stamps, rows, on_disk=on_disk), rows)


def by_time(order: RowOrder, stamps: np.ndarray, *, on_disk: bool) -> RowOrder:
    """The rows of each series in the order of time; one series at a time is held in memory.

    stamps: (R,) in the order of the table.
    """
    rows = order.rows
    if rows is None:
        rows = room((len(order),), np.int64, on_disk=on_disk)
        for begin in range(0, len(rows), BLOCK):
            rows[begin : begin + BLOCK] = np.arange(begin, min(begin + BLOCK, len(rows)))
    for begin, stop in zip(order.starts, [*order.starts[1:], len(rows)], strict=True):
        mine = np.array(rows[begin:stop])
        rows[begin:stop] = mine[np.argsort(stamps[mine], kind="stable")]
    return RowOrder(order.starts, order.counts, _taken(stamps, rows, on_disk=on_disk), rows)


def _grouped(codes: np.ndarray, starts: np.ndarray, *, on_disk: bool) -> np.ndarray:
    """(R,) the rows series by series, otherwise as they stand."""
    rows = room((len(codes),), np.int64, on_disk=on_disk)
    free = starts.copy()
    for begin in range(0, len(codes), BLOCK):
        block = codes[begin : begin + BLOCK]
        sorted_ = np.argsort(block, kind="stable")
        block = block[sorted_]
        counts = np.bincount(block, minlength=len(starts))
        within = np.arange(len(block)) - (np.cumsum(counts) - counts)[block]
        rows[free[block] + within] = begin + sorted_
        free += counts
    return rows


def _taken(stamps: np.ndarray | None, rows: np.ndarray | None, *, on_disk: bool) -> np.ndarray | None:
    if rows is None or stamps is None:
        return stamps
    taken = room((len(rows),), stamps.dtype, on_disk=on_disk)
    for begin in range(0, len(rows), BLOCK):
        taken[begin : begin + BLOCK] = stamps[rows[begin : begin + BLOCK]]
    return taken


def stamp_text(stamp: np.ndarray | np.generic) -> str:
    """A stamp as messages show it."""
    return str(stamp).replace("T", " ").removesuffix(".000000") if stamp.dtype.kind == "M" else str(stamp)

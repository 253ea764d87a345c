"""From a table to a panel: rows in order, on the grid, with holes filled.

Dimensions: N series, S steps of all series one after the other, C targets, n rows looked at together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from elman.data.filling import fill
from elman.data.frequency import Frequency, frequency_named, infer_frequency
from elman.data.panel import Panel, pieces_of
from elman.data.panel_order import Ordered, ordered
from elman.data.panel_steps import Steps, on_grid
from elman.data.panel_tables import SeriesTable
from elman.data.row_order import stamp_text
from elman.data.spilled import room
from elman.errors import DataError

#: an array to be filled, by name, shape and kind
Make = Callable[[str, tuple[int, ...], Any], np.ndarray]


def in_memory(_: str, shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """An array that is on no disk."""
    return np.empty(shape, dtype=kind)


def build_panel(
    table: SeriesTable,
    *,
    frequency: str | Frequency | None = None,
    filling: str = "forward",
    irregular: str = "refuse",
    sort: bool = False,
    ahead: int = 0,
    make: Make = in_memory,
) -> Panel:
    """The table's series on their grid.

    frequency: a name (`frequency_named`), a grid, or None to infer it from the most frequent distance.
    filling: a rule of `elman.data.filling`. irregular: "refuse", or how stamps beside the grid are gathered
        into its steps, see `panel_steps`.
    sort: rows may come in any order. ahead: steps to be appended behind the last value of each series, for
        covariates known ahead; those that the table has already are kept.
    make: where the panel's arrays come from.

    Raises `DataError` that names the row for unsorted or duplicate stamps, stamps beside the grid, and a
    series without any value.
    """
    rows = ordered(table, sort=sort)
    grid = _grid(rows, frequency)
    steps, said = on_grid(rows, grid, irregular)
    notes = [
        *table.notes,
        f"frequency {grid.name} ({'named' if frequency else 'the most frequent distance'})",
        *said,
    ]
    first, lengths, ends, closest = _extents(table, steps, grid, ahead)
    notes += _sparse(table, closest, grid)
    starts = np.cumsum(lengths) - lengths
    laid = _laid_out(table, steps, starts, first, int(lengths.sum()))

    def called(series: int, step: int) -> str:
        stamp, name = grid.stamps(first[series : series + 1] + step)[0], table.series_called(series)
        return f"at {stamp_text(stamp)}" + (f" in {name}" if name else "")

    layout = _Layout(table, starts, ends, filling, grid.season, laid, make, notes, called)
    values, observed = layout.targets()
    numbers, categories, absent = layout.covariates()
    panel = Panel(
        table.ids, starts, lengths, ends, first, grid, values, observed, table.columns, table.time_type,
        table.source, numbers, categories, absent, tuple(notes),
    )  # fmt: skip
    panel.check_static()
    return panel


def _grid(rows: Ordered, frequency: str | Frequency | None) -> Frequency:
    if isinstance(frequency, Frequency):
        return frequency
    grid = frequency_named(frequency, rows.stamps) if frequency else infer_frequency(rows.stamps, rows.starts)
    if grid is None:
        raise DataError(
            f"{rows.table.source}: expected series of two rows or more, got one row each. "
            "Check the columns of series and time, or name the frequency."
        )
    return grid


def _extents(
    table: SeriesTable, steps: Steps, grid: Frequency, ahead: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(the grid's step of the first row, rows, rows up to the last value of a target, steps between the two
    rows that are closest; 0 of one row) of each series, each (N,)."""
    count, targets = len(table.ids), len(table.columns.targets)
    first = np.full(count, np.iinfo(np.int64).max)
    last = np.full(count, np.iinfo(np.int64).min)
    known = last.copy()
    closest = first.copy()
    rows, before, at = 0, -1, 0
    for codes, places, values in steps():
        if not len(codes):
            continue
        same = codes == np.append(before, codes[:-1])
        np.minimum.at(closest, codes[same], np.diff(places, prepend=at)[same])
        before, at = codes[-1], places[-1]
        np.minimum.at(first, codes, places)
        np.maximum.at(last, codes, places)
        there = ~np.isnan(values[:, :targets]).all(1)
        np.maximum.at(known, codes[there], places[there])
        rows += len(codes)
    ends = np.where(known < first, 0, known - first + 1)
    for series in np.flatnonzero(ends == 0):
        called = table.series_called(int(series)) or "the series"
        raise DataError(
            f"{table.source}: expected values of {table.columns.targets[0]!r}, got none for {called}."
        )
    lengths = np.maximum(last - first + 1, ends + ahead if ahead else 0)
    _check_spread(int(lengths.sum()), rows, grid, table.source)
    return first, lengths, ends, np.where(closest < np.iinfo(np.int64).max, closest, 0)


def _sparse(table: SeriesTable, closest: np.ndarray, grid: Frequency) -> list[str]:
    """A note on series whose rows all stand farther apart than the grid's steps: they have another rate."""
    apart = np.flatnonzero(closest > 1)
    if not len(apart):
        return []
    listed = ", ".join(f"{table.ids[n]} ({closest[n]} steps)".strip() for n in apart[:5])
    return [
        f"{len(apart):,} of {len(table.ids):,} series have rows farther apart than the frequency "
        f"{grid.name}, with missing values between: {listed}{' …' if len(apart) > 5 else ''}"
    ]


def _check_spread(steps: int, rows: int, grid: Frequency, source: str) -> None:
    if steps > 100 * rows + 1_000_000:
        raise DataError(
            f"{source}: expected rows about {grid.name} apart, got {rows:,} rows spread over {steps:,} "
            "steps. "
            "Look for a stray stamp, or name the frequency."
        )


def _laid_out(
    table: SeriesTable, steps: Steps, starts: np.ndarray, first: np.ndarray, count: int
) -> np.ndarray:
    """(K, S) float64: each column at its places, NaN where it has no row."""
    laid = room((table.values.shape[1], count), np.float64, on_disk=table.on_disk)
    for column in laid:
        column[:] = np.nan
    for codes, at, values in steps():
        places = starts[codes] + at - first[codes]
        for column, given in zip(laid, values.T, strict=True):
            column[places] = given
    return laid


class _Layout:
    """Columns on the grid, to be filled and put where they are kept."""

    def __init__(
        self,
        table: SeriesTable,
        starts: np.ndarray,
        ends: np.ndarray,
        filling: str,
        season: int,
        laid: np.ndarray,
        make: Make,
        notes: list[str],
        called: Callable[[int, int], str],
    ) -> None:
        self.called = called
        self.table, self.starts, self.ends = table, starts, ends
        self.filling, self.season = filling, season
        self.laid, self.make, self.notes = laid, make, notes

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """(S, C) float64, filled, and bool, whether it was there."""
        names, count = self.table.columns.targets, self.laid.shape[1]
        values = self.make("values", (count, len(names)), np.float64)
        observed = self.make("observed", (count, len(names)), bool)
        for c, name in enumerate(names):
            said = f"filled in the inputs (fill {self.filling}), never counted as truth"
            self._fill(name, self.laid[c], observed[:, c], said, self.filling)
            for rows, _, _ in self._pieces():
                values[rows, c] = self.laid[c, rows]
        return values, observed

    def covariates(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """By name (S,) float64; (S,) int32 with the texts; (S,) bool, where it was missing."""
        numbers, categories, absent = {}, {}, {}
        columns, count = self.table.columns, self.laid.shape[1]
        for place, name in enumerate(columns.covariates):
            laid = self.laid[len(columns.targets) + place]
            texts = self.table.categories.get(name)
            rule = "forward" if texts is not None and self.filling == "zero" else self.filling
            there = self.make(f"absent-{place}", (count,), bool)
            self._fill(name, laid, there, f"filled (fill {self.filling})", rule)
            kept = self.make(f"covariate-{place}", (count,), np.float64 if texts is None else np.int32)
            order = np.argsort(np.array(texts or (), dtype=object), kind="stable")
            ranks = np.append(np.argsort(order), -1).astype(np.int32)
            for rows, _, _ in self._pieces():
                there[rows] = ~there[rows]
                kept[rows] = laid[rows] if texts is None else ranks[laid[rows].astype(np.int64)]
            absent[name] = there
            if texts is None:
                numbers[name] = kept
            else:
                categories[name] = kept, tuple(texts[one] for one in order)
        return numbers, categories, absent

    def _fill(self, name: str, column: np.ndarray, there: np.ndarray, said: str, rule: str) -> None:
        """Fill a column in place, put down where a value was there, and say how often it was not."""
        missing = among = 0
        for rows, series, within in self._pieces():
            there[rows] = ~np.isnan(column[rows])
            past = within < self.ends[series]
            missing += int((~there[rows] & past).sum())
            among += int(past.sum())
        where = f"{self.table.source}: column {name!r}"
        if missing:
            self.notes.append(f"{name!r}: {missing:,} of {among:,} values missing: {said}")
        empty = -1.0 if name in self.table.categories else 0.0
        fill(
            column,
            self.starts,
            rule,
            self.season,
            where=where,
            ends=self.ends,
            empty=empty,
            called=self.called,
        )

    def _pieces(self) -> Any:
        return pieces_of(self.starts, self.laid.shape[1])

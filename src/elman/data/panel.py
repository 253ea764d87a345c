"""Panel: series on a regular grid of stamps; what is missing is filled by a named rule and remembered.

Dimensions: N series, S steps of all series one after the other, C targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from elman.data.frequency import Frequency
from elman.data.panel_columns import SeriesColumns
from elman.errors import DataError

BLOCK = 1 << 18  # steps that are looked at together


@dataclass(frozen=True)
class Panel:
    """Series on a grid; the arrays with S rows may be mapped from disk.

    ids: N names ("" for the one series of a table without a column of names).
    starts, lengths: (N,) rows of each series. ends: (N,) its steps up to the last value of a target; those
        behind are known ahead only. first: (N,) the grid's step of its first row.
    values, observed: (S, C) targets in float64, filled, and whether the value was there.
    numbers: name -> (S,) float64, filled. categories: name -> ((S,) int32, their names); -1 is missing.
    absent: name -> (S,) bool, where a covariate was missing before it was filled.
    """

    ids: tuple[str, ...]
    starts: np.ndarray
    lengths: np.ndarray
    ends: np.ndarray
    first: np.ndarray
    frequency: Frequency
    values: np.ndarray
    observed: np.ndarray
    columns: SeriesColumns
    time_type: pl.DataType
    source: str
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    categories: dict[str, tuple[np.ndarray, tuple[str, ...]]] = field(default_factory=dict)
    absent: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[str, ...]:
        """What was gathered and filled: the notes behind those on columns and frequency."""
        return self.notes[2:]

    def pieces(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """(rows, the series of each, its step within that), of some rows at a time."""
        yield from pieces_of(self.starts, len(self.values))

    def steps(self, rows: np.ndarray) -> np.ndarray:
        """The grid's steps of rows (n,)."""
        series = np.searchsorted(self.starts, rows, side="right") - 1
        return self.first[series] + rows - self.starts[series]

    def stamp_column(self, steps: np.ndarray, name: str) -> pl.Series:
        """The grid's steps as stamps, in the type that the table had."""
        stamps = self.frequency.stamps(steps)
        kind = self.time_type
        if isinstance(kind, pl.Datetime) and kind.time_zone:
            local = pl.Series(name, stamps).cast(pl.Datetime("us"))
            return local.dt.replace_time_zone(kind.time_zone, ambiguous="earliest", non_existent="null").cast(
                kind
            )
        return pl.Series(name, stamps).cast(kind if kind != pl.String else pl.Datetime("us"))

    def name_of(self, series: int) -> str:
        """What messages call a series."""
        return f"series {self.ids[series]!r}" if self.ids[series] else "the series"

    def check_static(self) -> None:
        """Raise `DataError` for a static covariate that changes within a series."""
        for name in self.columns.static:
            values = self.numbers[name] if name in self.numbers else self.categories[name][0]
            for rows, series, _ in self.pieces():
                steady = values[self.starts[series]]
                wrong = np.flatnonzero((values[rows] != steady) & ~self.absent[name][rows])
                if len(wrong):
                    raise DataError(
                        f"{self.source}: static column {name!r}: expected one value in each series, got "
                        f"several for {self.name_of(int(series[wrong[0]]))}. A covariate that changes is "
                        "known or past."
                    )


def pieces_of(starts: np.ndarray, count: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """As `Panel.pieces`, of `count` rows with series that begin at `starts`."""
    for begin in range(0, count, BLOCK):
        rows = np.arange(begin, min(begin + BLOCK, count))
        series = np.searchsorted(starts, rows, side="right") - 1
        yield slice(begin, begin + len(rows)), series, rows - starts[series]

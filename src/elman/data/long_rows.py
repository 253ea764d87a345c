"""The rows of long tables, read some at a time and kept on disk, so that nothing of each is held in memory.

Texts become numbers of the different ones, times become numbers or dates.

Dimensions: S rows, N series, F channels, V different texts of a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from elman.data.numbering import numbered
from elman.data.row_order import RowOrder, blocks_of, by_series, by_time, stamp_text
from elman.data.spilled import Growing, spilled
from elman.data.table_files import Table
from elman.errors import DataError


@dataclass(frozen=True)
class Texts:
    """A column of texts: the V different `values` as they appear, and (S,) int32, that of each row."""

    values: list[str]
    numbers: np.ndarray

    def stripped(self) -> Texts:
        """The same without spaces around them."""
        known: dict[str, int] = {}
        place = np.array([known.setdefault(value.strip(), len(known)) for value in self.values], np.int32)
        if len(known) == len(self.values):
            return Texts(list(known), self.numbers)
        return Texts(list(known), spilled((place[block] for block in blocks_of(self.numbers)), np.int32))


@dataclass(frozen=True)
class Rows:
    """What was read of the rows, on disk.

    path: of the table. first: what messages call the first row. texts: columns by name. times: (S,) numbers
    or dates; None without a column of times. values: (S, F) float32.
    series: whose row each is, by the order in which the series appear, and what these are called; one without
    a name where there is no column of ids.
    """

    path: Path
    first: int
    texts: dict[str, Texts]
    times: np.ndarray | None
    values: np.ndarray
    series: Texts

    def ordered(self) -> tuple[RowOrder, bool]:
        """(the rows series by series and by time, whether the file has them so)."""
        order = by_series(self.series.numbers, self.times, len(self.series.values), on_disk=True)
        was_so = order.rows is None
        if self.times is not None and order.first_wrong(twice=False) is not None:
            return by_time(order, self.times, on_disk=True), False
        return order, was_so

    def check_twice(self, order: RowOrder) -> None:
        """Raise `DataError` if a time comes twice in a series."""
        at = order.first_wrong()
        if at is None or order.stamps is None:
            return
        before, row = order.place(at - 1), order.place(at)
        name = self.series.values[self.series.numbers[row]]
        where = f" in series {name!r}," if name else ","
        raise DataError(
            f"{self.path}: expected each time once in a series, got {stamp_text(order.stamps[at])} twice"
            f"{where} in rows {before + self.first} and {row + self.first}. Remove one of them, or name the "
            "column that tells the series apart (--id-column)."
        )


def picked(values: np.ndarray, order: RowOrder, *, pad: bool = False) -> np.ndarray:
    """The rows of `values` (S, …) in order, on disk; `pad`: one of zeros behind them."""
    return spilled((values[rows] for rows in order.blocks()), values.dtype, pad=pad)


def read_rows(
    table: Table,
    series: str | None,
    texts: Sequence[str | None],
    time: str | None,
    channels: Sequence[str],
    whole: Sequence[str] = (),
) -> Rows:
    """Columns of a table; names that are None are left out.

    series: the column that says whose row it is. whole: columns besides `texts` that must have a value in
    every row.

    Raises `DataError` with the row for a missing text, a time that is none, and what is no number.
    """
    names = list(dict.fromkeys(name for name in (series, *texts) if name is not None))
    known: dict[str, dict[str, int]] = {name: {} for name in names}
    first, dated = 0, None
    with ExitStack() as stack:
        numbers = {name: stack.enter_context(Growing(np.int32, on_disk=True)) for name in names}
        times, values = (stack.enter_context(Growing(kind, on_disk=True)) for kind in (np.int64, np.float32))
        rows = 0
        for row, frame in table.frames():
            first, rows = first or row, rows + len(frame)
            cells = [numbers_in(frame[name], table.path, row) for name in channels]
            _check_whole(frame, [*names, *whole], table.path, row)
            for name in names:
                numbers[name].add(numbered(frame[name], known[name]))
            if time is not None:
                stamps = _times(frame[time], table.path, row, dated)
                dated = stamps.dtype.kind == "M"
                times.add(stamps.view(np.int64))
            if channels:
                values.add(np.column_stack(cells))
        found = {name: Texts(list(known[name]), numbers[name].finish()) for name in names}
        alone = Texts([""], np.broadcast_to(np.int32(0), (rows,)))
        return Rows(
            table.path,
            first,
            found,
            times.finish().view("datetime64[us]" if dated else np.float64) if time is not None else None,
            values.finish(),
            alone if series is None else found[series],
        )


def _check_whole(frame: pl.DataFrame, columns: Sequence[str], path: Path, first: int) -> None:
    for name in columns:
        stripped = frame[name].str.strip_chars()
        empty = (stripped.is_null() | (stripped == "").fill_null(True)).arg_true()
        if len(empty):
            raise DataError(
                f"{path}: expected a value of {name!r} in every row, got none in row {empty[0] + first}."
            )


def _times(column: pl.Series, path: Path, first: int, dated: bool | None) -> np.ndarray:
    """(n,) float64 or datetime64[us], something to sort by; dated None: dates where no number is."""
    stripped = column.str.strip_chars()
    times = stripped.cast(pl.Float64, strict=False)
    if dated or (dated is None and times.null_count() == len(times)):
        times = pl.Series([None] * len(stripped), dtype=pl.Datetime("us", "UTC"))
        with suppress(pl.exceptions.PolarsError):
            times = stripped.str.to_datetime(strict=False, time_zone="UTC").cast(pl.Datetime("us", "UTC"))
        times = times.dt.replace_time_zone(None)
    else:
        times = times.fill_nan(None)
    missing = times.is_null().arg_true()
    if len(missing):
        row, got = missing[0] + first, stripped[missing[0]] or "nothing"
        raise DataError(f"{path}: expected a number or a date in {column.name!r}, got {got!r} in row {row}.")
    return times.to_numpy()


def numbers_in(column: pl.Series, path: Path, first: int) -> np.ndarray:
    """(n,) float32; raises `DataError` with the row for what is no number."""
    stripped = column.str.strip_chars()
    numbers = stripped.cast(pl.Float32, strict=False)
    missing = (~numbers.is_finite().fill_null(False)).arg_true()
    if len(missing):
        got = stripped[missing[0]] or "nothing"
        raise DataError(
            f"{path}: expected a number in column {column.name!r}, got {got!r} in row {missing[0] + first}. "
            "Fill it in, leave the series out, or name the columns of numbers (--channels)."
        )
    return numbers.to_numpy()

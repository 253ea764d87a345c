"""The rows of long tables, read some at a time, so that what is held of each is a few numbers.

Texts become numbers of the different ones, times become numbers or dates, and channels go to disk.

Dimensions: S rows, F channels, V different texts of a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from elman.data.numbering import numbered
from elman.data.spilled import spilled
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
        place = [known.setdefault(value.strip(), len(known)) for value in self.values]
        return Texts(list(known), np.array(place, dtype=np.int32)[self.numbers])


@dataclass(frozen=True)
class Rows:
    """What was read of the rows.

    first: what messages call the first row. texts: columns by name. times: (S,) numbers or dates, zeros
    without a column of times. values: (S, F) float32, on disk.
    """

    first: int
    texts: dict[str, Texts]
    times: pl.Series
    values: np.ndarray

    def ordered(self, series: Texts | None) -> pl.DataFrame:
        """The columns place (whose series a row is, by the order in which they appear), time, and at (where
        the row stands in the file), sorted by them."""
        place = np.zeros(len(self.times), dtype=np.int32) if series is None else series.numbers
        frame = pl.DataFrame({"place": place, "time": self.times}).with_row_index("at")
        return frame.sort("place", "time", "at", maintain_order=True)

    def check_twice(self, ordered: pl.DataFrame, series: Texts | None, path: Path) -> None:
        """Raise `DataError` if a time comes twice in a series."""
        same = (ordered["place"].diff() == 0) & (ordered["time"].diff().cast(pl.Float64) == 0)
        twice = same.fill_null(False).arg_true()
        if len(twice):
            at = twice[0]
            before, row = (int(ordered["at"][place]) + self.first for place in (at - 1, at))
            where = "," if series is None else f" in series {series.values[ordered['place'][at]]!r},"
            raise DataError(
                f"{path}: expected each time once in a series, got {ordered['time'][at]} twice{where} in "
                f"rows {before} and {row}."
            )


def read_rows(
    table: Table,
    texts: Sequence[str | None],
    time: str | None,
    channels: Sequence[str],
    whole: Sequence[str] = (),
) -> Rows:
    """Columns of a table; names that are None are left out.

    whole: columns besides `texts` that must have a value in every row.

    Raises `DataError` with the row for a missing text, a time that is none, and what is no number.
    """
    names = list(dict.fromkeys(name for name in texts if name is not None))
    known: dict[str, dict[str, int]] = {name: {} for name in names}
    numbers: dict[str, list[np.ndarray]] = {name: [] for name in names}
    times: list[pl.Series] = []
    first = rows = 0

    def pieces() -> Iterator[np.ndarray]:
        nonlocal first, rows
        for row, frame in table.frames():
            first, rows = first or row, rows + len(frame)
            values = [numbers_in(frame[name], table.path, row) for name in channels]
            _check_whole(frame, [*names, *whole], table.path, row)
            for name in names:
                numbers[name].append(numbered(frame[name], known[name]))
            if time is not None:
                dated = times[0].dtype != pl.Float64 if times else None
                times.append(_times(frame[time], table.path, row, dated))
            if channels:
                yield np.column_stack(values)

    values = spilled(pieces())
    return Rows(
        first,
        {name: Texts(list(known[name]), np.concatenate(numbers[name])) for name in names},
        pl.concat(times) if times else pl.Series(values=np.zeros(rows)),
        values,
    )


def _check_whole(frame: pl.DataFrame, columns: Sequence[str], path: Path, first: int) -> None:
    for name in columns:
        stripped = frame[name].str.strip_chars()
        empty = (stripped.is_null() | (stripped == "").fill_null(True)).arg_true()
        if len(empty):
            raise DataError(
                f"{path}: expected a value of {name!r} in every row, got none in row {empty[0] + first}."
            )


def _times(column: pl.Series, path: Path, first: int, dated: bool | None) -> pl.Series:
    """Something to sort by: numbers, or dates; None: dates where no number is."""
    stripped = column.str.strip_chars()
    times = stripped.cast(pl.Float64, strict=False)
    if dated or (dated is None and times.null_count() == len(times)):
        times = pl.Series([None] * len(stripped), dtype=pl.Datetime("us", "UTC"))
        with suppress(pl.exceptions.PolarsError):
            times = stripped.str.to_datetime(strict=False, time_zone="UTC").cast(pl.Datetime("us", "UTC"))
    missing = times.is_null().arg_true()
    if len(missing):
        row, got = missing[0] + first, stripped[missing[0]] or "nothing"
        raise DataError(f"{path}: expected a number or a date in {column.name!r}, got {got!r} in row {row}.")
    return times.alias("time")


def numbers_in(column: pl.Series, path: Path, first: int) -> np.ndarray:
    """(n,) float32; raises `DataError` with the row for what is no number."""
    stripped = column.str.strip_chars()
    numbers = stripped.cast(pl.Float32, strict=False)
    missing = numbers.is_null().arg_true()
    if len(missing):
        got = stripped[missing[0]] or "nothing"
        raise DataError(
            f"{path}: expected a number in column {column.name!r}, got {got!r} in row {missing[0] + first}. "
            "Fill it in, or leave the series out."
        )
    return numbers.to_numpy()

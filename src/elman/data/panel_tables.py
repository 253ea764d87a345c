"""The rows of a table of series as numbers, in the order of the table, each cell checked.

Dimensions: R rows, N series, K columns of targets and covariates.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from elman.data.numbering import numbered
from elman.data.panel_columns import MISSING, Found, SeriesColumns, find_columns
from elman.data.panel_sources import SeriesSource
from elman.data.spilled import Growing
from elman.errors import DataError, nearest


@dataclass(frozen=True)
class SeriesTable:
    """Rows in the order of the table; of a file they are mapped from disk.

    ids: N names, as they appear. codes: (R,) int32, whose row it is. stamps: (R,) datetime64[us] or int64.
    time_type: the type of the time column, for tables that are given back. values: (R, K) float64, the
    targets and then the covariates, NaN where there is none; of categories the places in `categories`, which
    holds their texts by the name of the column.
    begins: (row, what messages call it, and what they add), where each of the table's files begins.
    on_disk: whether what is made of the rows is to be on disk too.
    """

    ids: tuple[str, ...]
    codes: np.ndarray
    stamps: np.ndarray
    time_type: pl.DataType
    values: np.ndarray
    categories: dict[str, tuple[str, ...]]
    columns: SeriesColumns
    source: str
    begins: tuple[tuple[int, int, str], ...]
    notes: tuple[str, ...] = ()
    on_disk: bool = False

    def called(self, row: int) -> str:
        """What messages call a row."""
        begin, first, where = next(one for one in reversed(self.begins) if one[0] <= row)
        return f"{row - begin + first}{where}"

    def series_called(self, code: int) -> str:
        """What messages call a series; empty where there is but one without a name."""
        return f"series {self.ids[code]!r}" if self.ids[code] else ""


def series_table(
    source: SeriesSource, columns: SeriesColumns, *, future: SeriesSource | None = None
) -> SeriesTable:
    """The rows with their columns found and checked.

    future: rows to come, which stand behind them: the covariates known ahead are taken from there, and static
        ones if they are there.

    Raises `DataError` for a column that is not there (the nearest offered), a stamp that cannot be read, and
    a cell that is no number.
    """
    found = find_columns(source.head, columns, source.name)
    on_disk = source.file is not None
    with ExitStack() as stack:
        kept = [stack.enter_context(Growing(kind, on_disk=on_disk)) for kind in (np.int32, np.int64, float)]
        writer = _Writer(found, source.name, *kept, on_disk=on_disk)
        writer.add(source, (*found.columns.targets, *found.columns.covariates))
        if future is not None:
            taken = found.columns
            _check_future(future, taken)
            writer.add(future, (*taken.known, *(n for n in taken.static if n in future.head.columns)))
        return writer.finish()


def _check_future(future: SeriesSource, columns: SeriesColumns) -> None:
    """Raise `DataError` for a column that the rows to come must have and lack, with the nearest name."""
    held = future.head.columns
    needed = {
        **dict.fromkeys(columns.known, ("covariate", "or train without it")),
        **dict.fromkeys(columns.time, ("time column", "with the stamps of the steps ahead")),
        **({columns.series: ("id column", "with the names of the series")} if columns.series else {}),
    }
    for name, (what, remedy) in needed.items():
        if name not in held:
            raise DataError(
                f"{future.name}: expected the {what} {name!r}, which the model was trained with, in the rows "
                f"to come, got {', '.join(map(repr, held))}.{nearest(name, held)} Add the column, {remedy}."
            )


@dataclass
class _Writer:
    """Takes up rows, some at a time."""

    found: Found
    source: str
    codes: Growing
    stamps: Growing
    values: Growing
    on_disk: bool
    ids: dict[str, int] = field(default_factory=dict)
    begins: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.texts: dict[str, dict[str, int]] = {name: {} for name in self.found.categories}
        self.rows, self.time_type, self.stamp_kind = 0, pl.DataType(), np.dtype(np.int64)

    def add(self, source: SeriesSource, taken: tuple[str, ...]) -> None:
        """All rows of a source; columns that are not `taken` count as unknown there."""
        columns, kind = self.found.columns, _time_type(source, self.found.columns.time)
        self.time_type = self.time_type if self.begins else kind
        begin = self.rows
        for first, frame in source.pieces():
            if self.rows == begin:
                self.begins.append((begin, first, f" of {source.name}" if begin else ""))
            stamps = _stamps(frame, columns.time, kind, source.name, first)
            self.stamp_kind = self.stamp_kind if self.rows else stamps.dtype
            self._check_kind(stamps, source)
            self.stamps.add(stamps.view(np.int64))
            self.codes.add(self._codes(frame, source, first))
            values = np.full((len(frame), len(columns.targets) + len(columns.covariates)), np.nan)
            for place, name in enumerate((*columns.targets, *columns.covariates)):
                if name in taken:
                    values[:, place] = self._column(frame[name], source, first)
            self.values.add(values)
            self.rows += len(frame)

    def _check_kind(self, stamps: np.ndarray, source: SeriesSource) -> None:
        if stamps.dtype != self.stamp_kind:
            called = {"M": "dates", "i": "whole numbers"}
            raise DataError(
                f"{source.name}: expected {called[self.stamp_kind.kind]} as time stamps, as in "
                f"{self.source}, got {called[stamps.dtype.kind]}."
            )

    def _codes(self, frame: pl.DataFrame, source: SeriesSource, first: int) -> np.ndarray:
        name = self.found.columns.series
        if name is None:
            self.ids[""] = 0
            return np.zeros(len(frame), dtype=np.int32)
        texts = _texts(frame[name], source)
        if texts.null_count():
            row = int(texts.is_null().arg_max() or 0) + first
            raise DataError(
                f"{source.name}: expected the name of a series in every row, got none in row {row}."
            )
        return numbered(texts, self.ids)

    def _column(self, column: pl.Series, source: SeriesSource, first: int) -> np.ndarray:
        """(n,) float64: numbers, or places of categories; NaN where there is none."""
        if column.name not in self.found.categories:
            return _numbers(column, source.name, first)
        texts = _texts(column, source)
        codes, there = np.full(len(texts), np.nan), texts.is_not_null().to_numpy()
        codes[there] = numbered(texts.drop_nulls(), self.texts[column.name])
        return codes

    def finish(self) -> SeriesTable:
        return SeriesTable(
            tuple(self.ids), self.codes.finish(), self.stamps.finish().view(self.stamp_kind), self.time_type,
            self.values.finish(),
            {name: tuple(texts) for name, texts in self.texts.items()}, self.found.columns, self.source,
            tuple(self.begins), (self.found.note,), self.on_disk,
        )  # fmt: skip


def _texts(column: pl.Series, source: SeriesSource) -> pl.Series:
    """A column as texts; null where a cell of a CSV file stands for nothing."""
    texts = column.cast(pl.String)
    return texts.set(texts.is_in(list(MISSING)).fill_null(False), None) if source.texts else texts


def _numbers(column: pl.Series, source: str, first: int) -> np.ndarray:
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    numbers = column.cast(pl.Float64, strict=False)
    given = column.is_not_null()
    if column.dtype == pl.String:
        given &= ~column.is_in(list(MISSING)).fill_null(False)
    bad = (given & numbers.is_null()) | numbers.is_infinite().fill_null(False)
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"{source}: column {column.name!r}: expected numbers, got {column[row]!r} in row {row + first}."
        )
    return numbers.to_numpy()


def _time_type(source: SeriesSource, time: tuple[str, ...]) -> pl.DataType:
    """The type of the stamps: a whole number, a date, a date with a time; a text where they are texts that
    are yet to be read."""
    kind = source.head.schema[time[0]] if len(time) == 1 else pl.Datetime("us")
    if not (kind.is_integer() or kind in (pl.Date, pl.Datetime, pl.String)):
        raise DataError(
            f"{source.name}: column {', '.join(map(repr, time))}: expected dates or whole numbers as time "
            f"stamps, got {kind}."
        )
    return kind


def _stamps(
    frame: pl.DataFrame, time: tuple[str, ...], kind: pl.DataType, source: str, first: int
) -> np.ndarray:
    """(n,) datetime64[us] or int64; raises `DataError` for the first row without one."""
    if len(time) == 1:
        column = frame[time[0]]
    else:
        parts = [pl.col(name).cast(pl.Int32, strict=False) for name in time]
        column = frame.select(pl.datetime(*parts).alias("time"))["time"]  # type: ignore[arg-type]
    if column.dtype == pl.String:
        column = _parsed(column.str.strip_chars(), kind)
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        got = ", ".join("nothing" if v is None else repr(v) for v in frame.select(time).row(row))
        raise DataError(f"{source}: expected a time stamp in every row, got {got} in row {row + first}.")
    if column.dtype.is_integer():
        return column.to_numpy().astype(np.int64)
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        column = column.dt.replace_time_zone(None)  # hours and days are those of the zone's clock
    return column.cast(pl.Datetime("us")).to_numpy()


def _parsed(column: pl.Series, kind: pl.DataType) -> pl.Series:
    """Texts as stamps of a kind; those that are none become null."""
    if kind.is_integer():
        return column.cast(pl.Int64, strict=False)
    if kind == pl.Date:
        return next(_tried(column, pl.Date()))
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        return column.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    for parsed in (*_tried(column, pl.Datetime("us")), *_tried(column, pl.Date())):
        if parsed.null_count() < len(parsed):
            return parsed
    return column.clear(len(column)).cast(pl.Datetime("us"))


def _tried(column: pl.Series, kind: pl.Date | pl.Datetime) -> Iterator[pl.Series]:
    try:
        yield column.str.strptime(kind, strict=False)
    except pl.exceptions.PolarsError:
        yield column.clear(len(column)).cast(kind)

"""Series in tables, long (a column says whose row it is) or wide (a column for each), from files or frames.

What every column is for is named by the user or found, and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from elman.data.files import check_utf8, existing, kind_of, read_bytes
from elman.errors import DataError, unknown

KINDS = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
TIME_NAMES = ("ds", "date", "time", "timestamp", "datetime", "day", "month", "year")
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")


@dataclass(frozen=True)
class SeriesColumns:
    """The columns by what they are for; None or () where they are to be found.

    time: one column, or several that together are a date: year, month, day and maybe hour, minute.
    known: covariates known ahead. past: covariates known up to now only. static: the same in all rows of a
        series. categories: those of the covariates that are categories even if they look like numbers.
    """

    series: str | None = None
    time: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def covariates(self) -> tuple[str, ...]:
        return (*self.known, *self.past, *self.static)


@dataclass(frozen=True)
class SeriesTable:
    """Rows in the order of the file, checked column by column.

    series: (S,) text, whose row it is. stamps: (S,) datetime64[us] or int64. time_type: the type of the time
    column, for tables that are given back. values: the targets (Float64) and covariates (Float64, or String
    for categories). first_row: what the first row is called in messages.
    """

    series: pl.Series
    stamps: np.ndarray
    time_type: pl.DataType
    values: pl.DataFrame
    columns: SeriesColumns
    source: str
    first_row: int = 0
    notes: tuple[str, ...] = ()

    def select(self, rows: np.ndarray) -> SeriesTable:
        """The rows at these places, in that order."""
        return replace(self, series=self.series[rows], stamps=self.stamps[rows], values=self.values[rows])


def read_frame(path: Path, *, what: str = "data") -> tuple[pl.DataFrame, int]:
    """(the table in a file, what its first row is called); raises `DataError` for anything that is no
    table.
    """
    kind = kind_of(existing(path, what=what))
    if kind not in KINDS:
        raise DataError(f"{what}: expected a file that ends in {', '.join(KINDS)} (or .gz), got '{path}'.")
    try:
        if kind == ".parquet":
            return pl.read_parquet(path), 1
        content = read_bytes(path)
        check_utf8(content, path)
        if kind in (".jsonl", ".ndjson"):
            return pl.read_ndjson(content, infer_schema_length=None), 1
        return _read_delimited(content, kind), 2
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: expected a table, got something else ({error}).") from None


def frame_of(data: Any, *, what: str = "df") -> pl.DataFrame:
    """A table from Python (polars, pandas, or a dictionary of columns) as a polars frame."""
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if not hasattr(data, "items"):
        raise DataError(
            f"{what}: expected a table (polars, pandas, a dictionary), got {type(data).__name__}."
        )
    columns = {}
    for name, column in data.items():
        values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
        columns[str(name)] = values.tolist() if values.dtype == object else values
    return pl.DataFrame(columns, strict=False)


def series_table(
    frame: pl.DataFrame,
    columns: SeriesColumns,
    source: str,
    *,
    first_row: int = 0,
    targets_needed: bool = True,
) -> SeriesTable:
    """The rows with their columns found and checked.

    targets_needed: whether a target column must be there; if not, one that is missing counts as unknown.

    Raises `DataError` for a column that is not there (the nearest offered), a stamp that cannot be read, and
    a cell that is no number.
    """
    if len(frame) == 0:
        raise DataError(f"{source}: expected at least one row, got an empty table.")
    for option in ("known", "past", "static", "categories"):
        for name in getattr(columns, option):
            _check_there(frame, name, option, source)
    for name in columns.categories:
        if name not in columns.covariates:
            raise DataError(
                f"{source}: categories: expected names among the covariates (known, past, static), got "
                f"{name!r}."
            )
    _check_one_role(columns, source)
    time = columns.time or _find_time(frame, source)
    for name in time:
        _check_there(frame, name, "time_column", source)
    stamps, time_type = _stamps(frame, time, source, first_row)
    series = columns.series or ("unique_id" if "unique_id" in frame.columns else None)
    if series is not None:
        _check_there(frame, series, "id_column", source)
    targets = columns.targets or _find_targets(frame, (*time, series, *columns.covariates), source)
    taken = replace(columns, series=series, time=time, targets=targets)
    values = {}
    for name in (*targets, *columns.covariates):
        if name in targets and not targets_needed and name not in frame.columns:
            values[name] = pl.Series(name, [None] * len(frame), dtype=pl.Float64)
            continue
        _check_there(frame, name, "target", source)
        values[name] = _cells(frame[name], name, taken, source, first_row)
    ids = frame[series].cast(pl.String) if series else pl.Series([""] * len(frame))
    if ids.null_count():
        row = int(ids.is_null().arg_max() or 0) + first_row
        raise DataError(f"{source}: expected the name of a series in every row, got none in row {row}.")
    note = _note(frame, taken, columns)
    return SeriesTable(ids, stamps, time_type, pl.DataFrame(values), taken, source, first_row, (note,))


def _check_one_role(columns: SeriesColumns, source: str) -> None:
    """Raise `DataError` for a column that is to be two things, such as forecast and known ahead."""
    roles: dict[str, str] = {}
    for role in ("targets", "known", "past", "static"):
        for name in getattr(columns, role):
            called = role.removesuffix("s")
            if name in roles:
                raise DataError(
                    f"{source}: {called}: expected columns that are nothing else, got {name!r}, which is "
                    f"named as {roles[name]} too. Leave it out of one of them."
                )
            roles[name] = called


def _read_delimited(content: bytes, kind: str) -> pl.DataFrame:
    line = content.split(b"\n", 1)[0].decode()
    separator = "\t" if kind == ".tsv" else max((",", ";", "\t"), key=line.count)
    return pl.read_csv(
        content,
        separator=separator,
        infer_schema_length=None,
        null_values=list(MISSING),
        try_parse_dates=True,
    )


def _check_there(frame: pl.DataFrame, name: str, option: str, source: str) -> None:
    if name not in frame.columns:
        raise DataError(f"{source}: {unknown(option, name, frame.columns)}")


def _find_time(frame: pl.DataFrame, source: str) -> tuple[str, ...]:
    """The column with a usual name, else the first one of dates."""
    lower = {name.lower(): name for name in reversed(frame.columns)}
    for usual in TIME_NAMES[:5]:
        if usual in lower:
            return (lower[usual],)
    parts = [name for name in ("year", "month", "day", "hour", "minute") if name in lower]
    if parts[:3] == ["year", "month", "day"]:
        return tuple(lower[name] for name in parts)
    dates = [name for name, kind in frame.schema.items() if kind.is_temporal()]
    if dates:
        return (dates[0],)
    listed = ", ".join(map(repr, frame.columns))
    raise DataError(
        f"{source}: expected a column of time stamps, found none in {listed}. Name it: time_column."
    )


def _find_targets(frame: pl.DataFrame, taken: Sequence[str | None], source: str) -> tuple[str, ...]:
    """The column y, else every column of numbers that is for nothing else (a wide table)."""
    if "y" in frame.columns:
        return ("y",)
    free = tuple(
        n for n, kind in frame.schema.items() if n not in taken and (kind.is_numeric() or kind == pl.Null)
    )
    if not free:
        raise DataError(
            f"{source}: expected a column y or columns of numbers to forecast, got none. Name it: target."
        )
    return free


def _stamps(
    frame: pl.DataFrame, time: tuple[str, ...], source: str, first_row: int
) -> tuple[np.ndarray, pl.DataType]:
    if len(time) == 1:
        column = frame[time[0]]
    else:
        parts = [pl.col(name).cast(pl.Int32, strict=False) for name in time]
        column = frame.select(pl.datetime(*parts).alias("time"))["time"]  # type: ignore[arg-type]
    named = ", ".join(map(repr, time))
    if column.dtype == pl.String:
        column = _parsed(column)
    if not (column.dtype.is_integer() or column.dtype in (pl.Date, pl.Datetime)):
        raise DataError(
            f"{source}: column {named}: expected dates or whole numbers as time stamps, got {column.dtype}."
        )
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        got = frame.select(time).row(row)
        raise DataError(
            f"{source}: expected a time stamp in every row, got {', '.join(map(repr, got))} in row "
            f"{row + first_row}."
        )
    if column.dtype.is_integer():
        return column.to_numpy().astype(np.int64), column.dtype
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        # hours and days are those of the zone's clock
        return column.dt.replace_time_zone(None).cast(pl.Datetime("us")).to_numpy(), column.dtype
    return column.cast(pl.Datetime("us")).to_numpy(), column.dtype


def _parsed(column: pl.Series) -> pl.Series:
    """Texts as dates; those that are none become null."""
    for kind in (pl.Datetime("us"), pl.Date()):
        try:
            parsed = column.str.strip_chars().str.strptime(kind, strict=False)
        except pl.exceptions.PolarsError:
            continue
        if parsed.null_count() < len(parsed):
            return parsed
    return pl.Series(column.name, [None] * len(column), dtype=pl.Datetime("us"))


def _cells(column: pl.Series, name: str, columns: SeriesColumns, source: str, first_row: int) -> pl.Series:
    """Numbers, or texts for a covariate that is a category."""
    texts = column.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
    if name in columns.categories or (texts and name not in columns.targets and not _numeric(column)):
        return column.cast(pl.String)
    numbers = column.cast(pl.Float64, strict=False) if column.dtype != pl.Date else column.cast(pl.Float64)
    given = column.is_not_null() & ~column.cast(pl.String).is_in(list(MISSING))
    bad = (given & numbers.is_null()) | numbers.is_infinite().fill_null(False)
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"{source}: column {name!r}: expected numbers, got {column[row]!r} in row {row + first_row}."
        )
    return numbers.fill_nan(None)


def _numeric(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return False
    known = column.filter(column.is_not_null() & ~column.is_in(list(MISSING)))
    return known.cast(pl.Float64, strict=False).null_count() == 0


def _note(frame: pl.DataFrame, taken: SeriesColumns, given: SeriesColumns) -> str:
    """What the columns are taken for, and how it was found."""
    found = [f"time from {', '.join(map(repr, taken.time))} ({'named' if given.time else 'found'})"]
    if taken.series:
        found.append(f"series by {taken.series!r} ({'named' if given.series else 'by its name'})")
    many = len(taken.targets)
    shown = ", ".join(map(repr, taken.targets[:8])) + (" …" if many > 8 else "")
    how = "named" if given.targets else "by its name" if taken.targets == ("y",) else "all columns of numbers"
    found.append(f"target{'s' if many > 1 else ''} {shown} ({how})")
    used = {*taken.time, taken.series, *taken.targets, *taken.covariates}
    unused = [name for name in frame.columns if name not in used]
    if unused:
        found.append(f"not used: {', '.join(map(repr, unused[:8]))}{' …' if len(unused) > 8 else ''}")
    return "; ".join(found)

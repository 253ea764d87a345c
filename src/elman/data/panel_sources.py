"""Where tables of series come from: files, read some rows at a time, and frames in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from elman.data.files import existing, kind_of
from elman.data.panel_columns import MISSING
from elman.data.table_files import KINDS, Table, json_frames, parquet_frames
from elman.errors import DataError


@dataclass(frozen=True)
class SeriesSource:
    """A table of series, before anything is known of its columns.

    name: how messages about it begin. pieces: its rows, some at a time, each time with what messages call the
    first of them. head: the first rows in their own types. texts: whether the pieces hold all cells as texts,
    as a CSV file has them, in which some stand for nothing. file: where it is read from.
    """

    name: str
    pieces: Callable[[], Iterator[tuple[int, pl.DataFrame]]]
    head: pl.DataFrame
    texts: bool = False
    file: Path | None = None


def frame_source(frame: pl.DataFrame, name: str, *, first_row: int = 0) -> SeriesSource:
    """A table in memory; raises `DataError` for an empty one."""
    if len(frame) == 0:
        raise DataError(f"{name}: expected at least one row, got an empty table.")
    return SeriesSource(name, lambda: iter([(first_row, frame)]), frame)


def file_source(path: Path, name: str, *, what: str = "data") -> SeriesSource:
    """A table in a file (CSV, TSV, Parquet, JSON lines); raises `DataError` for anything that is none."""
    kind = kind_of(existing(path, what=what))
    if kind not in KINDS:
        raise DataError(f"{what}: expected a file that ends in {', '.join(KINDS)} (or .gz), got '{path}'.")
    texts = kind in (".csv", ".tsv")
    pieces = _delimited(path) if texts else _typed(path, kind)
    first = next(islice(pieces(), 1), None)
    if first is None or len(first[1]) == 0:
        raise DataError(f"{path}: expected at least one row, got an empty table.")
    return SeriesSource(name, pieces, _in_types(first[1]) if texts else first[1], texts, path)


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


def _delimited(path: Path) -> Callable[[], Iterator[tuple[int, pl.DataFrame]]]:
    """The rows below the names of the columns, which the first row holds."""
    table = Table(path)
    given = [(name or "").strip() for name in table.head.row(0)]
    names = tuple(name or f"column_{place}" for place, name in enumerate(given, 1))
    double = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if double is not None:
        raise DataError(f"{path}: expected different names of the columns, got {double!r} twice.")
    return replace(table, names=names, skipped=1).frames


def _typed(path: Path, kind: str) -> Callable[[], Iterator[tuple[int, pl.DataFrame]]]:
    """Rows in the types of the file; those of JSON lines in types that hold all of them."""
    schema = None
    if kind != ".parquet":
        schema = pl.concat([frame.clear() for frame in json_frames(path)], how="diagonal_relaxed").schema

    def pieces() -> Iterator[tuple[int, pl.DataFrame]]:
        row = 1
        for frame in parquet_frames(path) if kind == ".parquet" else json_frames(path, schema):
            yield row, frame
            row += len(frame)

    return pieces


def _in_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts as what they say: numbers, dates, else texts."""
    return pl.read_csv(
        frame.write_csv().encode(),
        infer_schema_length=None,
        null_values=list(MISSING),
        try_parse_dates=True,
    )

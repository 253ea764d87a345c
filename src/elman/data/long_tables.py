"""Series from a long table: a row for each step of a series, with id, time, channels and label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch

from elman.data import columns as names
from elman.data.columns import Columns, by_usual_name, named
from elman.data.examples import Examples
from elman.data.labels import labels_from_texts
from elman.data.sequences import Sequences
from elman.data.spilled import in_order, spilled
from elman.data.table_files import Table
from elman.errors import DataError


@dataclass(frozen=True)
class _Taken:
    """The columns of a long table; no time where the order of the rows is the order of the steps."""

    id: str
    time: str | None
    label: str | None
    channels: tuple[str, ...]


def is_long(table: pl.DataFrame, columns: Columns) -> bool:
    """Whether a table is one of series: its columns are named by option, or have usual names of id and
    time."""
    if columns.id or columns.time or columns.channels:
        return True
    usual = by_usual_name(table, names.ID_NAMES), by_usual_name(table, names.TIME_NAMES)
    return all(usual) and columns.text is None and by_usual_name(table, names.TEXT_NAMES) is None


def read_series(table: Table, columns: Columns, *, labelled: bool) -> tuple[Examples, str, Columns]:
    """(a series for each id, in the order in which the ids appear; a note on the columns; those columns).

    The numbers are mapped from disk; ids, times and labels of the rows are in memory while they are read.

    Raises `DataError` with the row for a missing id, time or number, a time that comes twice in a series,
    and a series with two labels; with the nearest name for a column that is not there.
    """
    path = table.path
    taken = _choose(table.head, columns, str(path), labelled=labelled)
    rows, values = read_rows(table, (taken.id, taken.time, taken.label), taken.channels)
    check_whole(rows, [taken.id, *([taken.label] if taken.label else [])], path)
    data = rows.select(
        pl.col("").alias("row"),
        pl.col(taken.id).alias("id"),
        numbered_by(rows, taken.id).alias("place"),
        times_in(rows, taken.time, path).alias("time"),
    )
    order = data.select("place", "time").with_row_index("at").sort("place", "time", "at", maintain_order=True)
    was_so = order["at"].is_sorted()
    data = data[order["at"]]
    if taken.time is not None:
        check_twice(data, path)
    places, counts = np.unique(data["place"].to_numpy(), return_counts=True)
    starts = np.cumsum(counts) - counts
    steps = torch.from_numpy(in_order(values, order["at"].to_numpy()))
    sequences = Sequences(steps, torch.from_numpy(starts), torch.from_numpy(counts))
    labels = None
    if taken.label is not None:
        labels = _labels(rows[taken.label].str.strip_chars()[order["at"]], data, starts, path)
    note = f"{path.name}: {len(places):,} series by column {taken.id!r}"
    note += f", time {taken.time!r}" if taken.time else ", steps in the order of the rows"
    note += "" if was_so else " (rows were not in order: sorted)"
    note += f", channels {', '.join(map(repr, taken.channels))}"
    note += f", labels {taken.label!r}" if taken.label else ""
    kept = Columns(
        label=taken.label,
        header=columns.header,
        id=taken.id,
        time=taken.time,
        channels=",".join(taken.channels),
    )
    examples = Examples(sequences, labels, str(path), names=data["id"].to_numpy()[starts].astype(str))
    return examples, note, kept


def read_rows(
    table: Table, kept: Sequence[str | None], channels: Sequence[str]
) -> tuple[pl.DataFrame, np.ndarray]:
    """(of every row its number in messages, as the column "", and the columns `kept` that are not None; the
    numbers of the channels (S, F), which are on disk).

    Raises `DataError` with the row for what is no number.
    """
    rows: list[pl.DataFrame] = []
    names = dict.fromkeys(name for name in kept if name is not None)

    def numbers() -> Iterator[np.ndarray]:
        for row, frame in table.frames():
            numbered = frame.with_row_index("", offset=row)  # no column has that name: headers fill it in
            rows.append(numbered.select("", *names))
            if channels:
                yield np.column_stack([numbers_in(numbered, name, table.path) for name in channels])

    values = spilled(numbers())
    return pl.concat(rows), values


def _choose(table: pl.DataFrame, columns: Columns, source: str, *, labelled: bool) -> _Taken:
    def find(given: str | None, option: str, usual: tuple[str, ...]) -> str | None:
        return named(table, given, option, source) if given else by_usual_name(table, usual)

    id_ = find(columns.id, "id_column", names.ID_NAMES)
    time = find(columns.time, "time_column", names.TIME_NAMES)
    wanted = columns.label if labelled or columns.label in table.columns else None
    label = find(wanted, "label_column", names.LABEL_NAMES)
    for column, option in ((id_, "id"), (label, "label")):
        if column is None and (labelled or option == "id"):
            raise DataError(
                f"{source}: expected a column of the {option} of each series, got "
                f"{', '.join(map(repr, table.columns))}. Name it by --{option}-column."
            )
    assert id_ is not None
    if columns.channels:
        given = [name.strip() for name in columns.channels.split(",")]
        channels = tuple(named(table, name, "channels", source) for name in given)
    else:
        free = [name for name in table.columns if name not in (id_, time, label)]
        channels = tuple(name for name in free if is_numeric(table[name]))
    if not channels:
        raise DataError(
            f"{source}: expected at least one column of numbers, got none. Name them by --channels."
        )
    return _Taken(id_, time, label, channels)


def is_numeric(column: pl.Series) -> bool:
    """Whether a column of texts holds numbers, as far as its first rows say."""
    filled = column.drop_nulls().str.strip_chars()
    return len(filled) > 0 and filled.head(1000).cast(pl.Float64, strict=False).null_count() == 0


def check_whole(table: pl.DataFrame, columns: list[str], path: Path) -> None:
    """Raise `DataError` that names the first row without a value in one of the columns."""
    for name in columns:
        stripped = table[name].str.strip_chars()
        empty = (stripped.is_null() | (stripped == "").fill_null(True)).arg_true()
        if len(empty):
            raise DataError(
                f"{path}: expected a value of {name!r} in every row, got none in row {table[''][empty[0]]}."
            )


def numbered_by(table: pl.DataFrame, name: str) -> pl.Series:
    """The number of each row's series, in the order in which they appear."""
    ids = table[name]
    place = {value: number for number, value in enumerate(ids.unique(maintain_order=True).to_list())}
    return ids.replace_strict(list(place), list(place.values()), return_dtype=pl.Int64)


def times_in(table: pl.DataFrame, name: str | None, path: Path) -> pl.Series:
    """Something to sort by: numbers, or dates; zeros without a column of times."""
    if name is None:
        return pl.Series(values=np.zeros(len(table)))
    column = table[name].str.strip_chars()
    times = column.cast(pl.Float64, strict=False)
    if times.null_count() == len(times):
        with suppress(pl.exceptions.PolarsError):
            times = column.str.to_datetime(strict=False, time_zone="UTC")
    missing = times.is_null().arg_true()
    if len(missing):
        row, got = table[""][missing[0]], column[missing[0]]
        raise DataError(
            f"{path}: expected a number or a date in {name!r}, got {got or 'nothing'!r} in row {row}."
        )
    return times


def check_twice(data: pl.DataFrame, path: Path) -> None:
    """Raise `DataError` if a time comes twice in a series; `data` is sorted, with place, time, id and row."""
    same = (data["place"].diff() == 0) & (data["time"].diff().cast(pl.Float64) == 0)
    twice = same.fill_null(False).arg_true()
    if len(twice):
        at = twice[0]
        raise DataError(
            f"{path}: expected each time once in a series, got {data['time'][at]} twice in series "
            f"{data['id'][at]!r}, in rows {data['row'][at - 1]} and {data['row'][at]}."
        )


def numbers_in(table: pl.DataFrame, name: str, path: Path) -> np.ndarray:
    """(S,) float32."""
    column = table[name].str.strip_chars()
    numbers = column.cast(pl.Float32, strict=False)
    missing = numbers.is_null().arg_true()
    if len(missing):
        row, got = table[""][missing[0]], column[missing[0]]
        raise DataError(
            f"{path}: expected a number in column {name!r}, got {got or 'nothing'!r} in row {row}. "
            "Fill it in, or leave the series out."
        )
    return numbers.to_numpy()


def _labels(column: pl.Series, data: pl.DataFrame, starts: np.ndarray, path: Path) -> np.ndarray:
    """(N,): the label of each series, the same in all of its rows."""
    values = column.to_numpy()
    first = np.repeat(values[starts], np.diff([*starts, len(values)]))
    odd = (values != first).nonzero()[0]
    if len(odd):
        at = int(odd[0])
        raise DataError(
            f"{path}: expected one label for each series, got {first[at]!r} and {values[at]!r} in series "
            f"{data['id'][at]!r} (row {data['row'][at]}). A label for each step: elman train tag."
        )
    return labels_from_texts([str(value) for value in values[starts]])

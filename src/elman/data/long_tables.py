"""Series from a long table: a row for each step of a series, with id, time, channels and label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from elman.data import columns as names
from elman.data.columns import Columns, by_usual_name, named, not_used
from elman.data.examples import Examples
from elman.data.labels import labels_from_texts
from elman.data.long_rows import Rows, picked, read_rows
from elman.data.row_order import blocks_of
from elman.data.sequences import Sequences
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

    The numbers are mapped from disk.

    Raises `DataError` with the row for a missing id, time or number, a time that comes twice in a series,
    and a series with two labels; with the nearest name for a column that is not there.
    """
    path = table.path
    taken = _choose(table.head, columns, str(path), labelled=labelled)
    rows = read_rows(table, taken.id, (taken.label,), taken.time, taken.channels)
    order, was_so = rows.ordered()
    if taken.time is not None:
        rows.check_twice(order)
    sequences = Sequences.padded(picked(rows.values, order, pad=True), order.counts)
    labels = None if taken.label is None else _labels(rows, taken.label)
    note = f"{path.name}: {len(sequences):,} series by column {taken.id!r}"
    note += f", time {taken.time!r}" if taken.time else ", steps in the order of the rows"
    note += "" if was_so else " (rows were not in order: sorted)"
    note += f", channels {', '.join(map(repr, taken.channels))}"
    note += f", labels {taken.label!r}" if taken.label else ""
    if rest := not_used(table.columns, (taken.id, taken.time, taken.label, *taken.channels)):
        note += f"; {rest}"
    kept = Columns(
        label=taken.label,
        header=columns.header,
        id=taken.id,
        time=taken.time,
        channels=",".join(taken.channels),
    )
    examples = Examples(sequences, labels, str(path), names=np.array(rows.series.values))
    return examples, note, kept


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
    """Whether a column of texts holds numbers, as far as its first rows say: most of those that are filled.

    One that is no number is an error where it is read, and no reason to leave the column out.
    """
    filled = column.drop_nulls().str.strip_chars().head(1000)
    filled = filled.filter(filled != "")
    return filled.cast(pl.Float64, strict=False).null_count() < len(filled) / 2


def _labels(rows: Rows, column: str) -> np.ndarray:
    """(N,): the label of each series, the same in all of its rows."""
    given, series = rows.texts[column].stripped(), rows.series
    own = np.full(len(series.values), -1, dtype=np.int64)
    before = 0
    for codes, labels in zip(blocks_of(series.numbers), blocks_of(given.numbers), strict=True):
        found, at = np.unique(codes, return_index=True)
        own[found] = np.where(own[found] < 0, labels[at], own[found])
        odd = np.flatnonzero(labels != own[codes])
        if len(odd):
            code, label = int(codes[odd[0]]), int(labels[odd[0]])
            raise DataError(
                f"{rows.path}: expected one label for each series, got {given.values[own[code]]!r} and "
                f"{given.values[label]!r} in series {series.values[code]!r} "
                f"(row {before + int(odd[0]) + rows.first}). A label for each step: elman train tag."
            )
        before += len(codes)
    return labels_from_texts([given.values[number] for number in own.tolist()])

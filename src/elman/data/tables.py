"""Texts with labels from CSV, TSV, JSONL (also .gz) and Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from elman.data.columns import Columns, choose, with_header
from elman.data.examples import Examples
from elman.data.labels import labels_from_texts
from elman.data.table_files import Table
from elman.data.text_store import Piece, Source, file_source, stored_texts
from elman.errors import DataError


def read_table(
    path: Path, columns: Columns, *, labelled: bool = True, source: Source | None = None
) -> tuple[Examples, str, Columns]:
    """(examples, a note on the columns taken, those columns).

    labelled: whether a label column must be there; if not, one that is named or has a usual name is still
        read.
    source: what the file is known by where its path is not it.

    Raises `DataError` for a missing or damaged file or column, an empty file, text that is no UTF-8, an
    empty label.
    """
    table, columns = open_table(path, columns)
    return read_texts(table, columns, labelled=labelled, source=source)


def open_table(path: Path, columns: Columns) -> tuple[Table, Columns]:
    """(the table in a file, the columns with header as yes or no).

    Raises `DataError` for a missing, damaged or empty file, and for text that is no UTF-8.
    """
    table = Table(path)
    if not table.delimited:
        return table, columns
    table, header = with_header(table, columns)
    return table, replace(columns, header="yes" if header else "no")


def read_texts(
    table: Table, columns: Columns, *, labelled: bool, source: Source | None = None
) -> tuple[Examples, str, Columns]:
    """The same from a table that was opened, from its store in the cache if there is one.

    columns: with header as yes or no.
    """
    path, first_row = table.path, table.skipped + 1
    text, label, note = choose(table, columns, str(path), labelled=labelled)
    settings = {"text": text, "label": label, "header": columns.header}
    stored = stored_texts(source or file_source(path), settings, lambda: _cells(table, text, label))
    if table.delimited:
        note += ", with a header" if columns.header == "yes" else ", no header"
    taken = Columns(text, label, columns.header)
    examples = Examples(stored.texts, stored.labels, str(path), first_row=first_row)
    return examples, f"{path.name}: {note}", taken


def _cells(table: Table, text: str, label: str | None) -> Iterator[Piece]:
    """The texts of each piece, and its labels."""
    for row, frame in table.frames():
        labels = None if label is None else filled(frame[label], table.path, row)
        yield frame[text].fill_null("").to_list(), labels


def labels_of_column(column: pl.Series, path: Path, first_row: int) -> np.ndarray:
    """Labels as whole numbers if all are written as such, else as texts."""
    return labels_from_texts(filled(column, path, first_row))


def filled(column: pl.Series, path: Path, first_row: int) -> list[str]:
    """The labels in a column; raises `DataError` that names the first row without one."""
    stripped = column.str.strip_chars()
    empty = (stripped.is_null() | (stripped == "").fill_null(True)).to_list()
    if any(empty):
        row = empty.index(True) + first_row
        raise DataError(
            f"{path}: expected a label in every row, got an empty one in row {row} (column {column.name!r})."
        )
    return stripped.to_list()

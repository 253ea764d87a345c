"""Texts with labels from CSV, TSV, JSONL (also .gz) and Parquet files, by polars."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from elman.data.columns import Columns, choose, split_header
from elman.data.examples import Examples
from elman.data.files import check_utf8, existing, kind_of, read_bytes
from elman.data.labels import labels_from_texts
from elman.errors import DataError

KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read_table(path: Path, columns: Columns, *, labelled: bool = True) -> tuple[Examples, str, Columns]:
    """(examples, a note on the columns taken, those columns).

    labelled: whether a label column must be there; if not, one that is named or has a usual name is still
        read.

    Raises `DataError` for a missing or damaged file or column, an empty file, text that is no UTF-8, an
    empty label.
    """
    table, header = read_frame(path, columns)
    columns = with_header(columns, path, header=header)
    return read_texts(table, columns, path, first_row=2 if header else 1, labelled=labelled)


def with_header(columns: Columns, path: Path, *, header: bool) -> Columns:
    """The columns with what was found of a header; only CSV and TSV can have one."""
    if kind_of(path) not in (".csv", ".tsv"):
        return columns
    return replace(columns, header="yes" if header else "no")


def read_texts(
    table: pl.DataFrame, columns: Columns, path: Path, *, first_row: int, labelled: bool
) -> tuple[Examples, str, Columns]:
    """The same from a table that was read; columns: with header as yes or no."""
    text, label, note = choose(table, columns, str(path), labelled=labelled)
    labels = None if label is None else labels_of_column(table[label], path, first_row)
    texts = table[text].fill_null("").to_list()
    if kind_of(path) in (".csv", ".tsv"):
        note += ", with a header" if columns.header == "yes" else ", no header"
    taken = Columns(text, label, columns.header)
    return Examples(texts, labels, str(path), first_row=first_row), f"{path.name}: {note}", taken


def read_frame(path: Path, columns: Columns) -> tuple[pl.DataFrame, bool]:
    """(all cells of a table as texts, whether its first row was a header).

    Raises `DataError` for a missing, damaged or empty file, and for text that is no UTF-8.
    """
    if kind_of(existing(path)) == ".parquet":
        table, header = _read_parquet(path), False
    else:
        table, header = _read_text(path, columns)
    if len(table) == 0:
        raise DataError(f"{path}: expected at least one example, got only a header.")
    return table, header


def _read_text(path: Path, columns: Columns) -> tuple[pl.DataFrame, bool]:
    content = read_bytes(path)
    check_utf8(content, path)
    if not content.strip():
        raise DataError(f"{path}: expected at least one example, got an empty data set.")
    content = content.removeprefix(b"\xef\xbb\xbf")  # the mark that some programs put in front of UTF-8
    if kind_of(path) in (".jsonl", ".ndjson"):
        return _read_jsonl(content, path), False
    return split_header(_read_delimited(content, path), columns)


def _read_parquet(path: Path) -> pl.DataFrame:
    """All plain values as texts; lists and structures are left out."""
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: expected a Parquet file, got a damaged one ({error}).") from None
    return _plain(table, path)


def _read_delimited(content: bytes, path: Path) -> pl.DataFrame:
    """All cells as texts. Quotes mean something in .csv only: in .tsv they are part of the text."""
    quote = '"' if kind_of(path) == ".csv" else None
    separator = _separator(content) if quote else "\t"
    try:
        table = pl.read_csv(
            content,
            has_header=False,
            separator=separator,
            quote_char=quote,
            infer_schema=False,
            eol_char="\n",
        )
        return table.rename({name: f"column_{place}" for place, name in enumerate(table.columns, 1)}).select(
            pl.all().str.strip_suffix("\r")
        )
    except pl.exceptions.PolarsError as error:
        rows = csv.reader(
            io.StringIO(content.decode(), newline=""),
            delimiter=separator,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )
        widths = [len(row) for row in rows]
        odd = next((row for row, width in enumerate(widths, 1) if width > widths[0]), None)
        if odd is None:
            raise DataError(f"{path}: expected a table, got something else ({error}).") from None
        raise DataError(
            f"{path}: expected {widths[0]} columns in every row, as in row 1, "
            f"got {widths[odd - 1]} in row {odd}. "
            "A text with a separator in it needs quotes (CSV)."
        ) from None


def _separator(content: bytes) -> str:
    """Comma, or semicolon or tab where the first line has more of those."""
    line = content.split(b"\n", 1)[0].decode()
    return max((",", ";", "\t"), key=line.count)


def _read_jsonl(content: bytes, path: Path) -> pl.DataFrame:
    """All plain values as texts; lists and objects are left out."""
    try:
        table = pl.read_ndjson(content, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: {_bad_json_line(content) or f'expected JSON lines ({error})'}.") from None
    bad = _bad_json_line(content) if table.width == 0 else None
    if bad:
        raise DataError(f"{path}: {bad}.")
    return _plain(table, path)


def _plain(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    plain = [name for name, kind in table.schema.items() if not kind.is_nested() and kind != pl.Binary]
    if not plain:
        raise DataError(f"{path}: expected fields with text and label, got none with plain values.")
    return table.select(pl.col(plain).cast(pl.String))


def _bad_json_line(content: bytes) -> str | None:
    for number, line in enumerate(content.decode().split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            return f"expected one JSON object a line, got a mistake in line {number} ({error.msg})"
        if not isinstance(value, dict):
            return f"expected one JSON object a line, got {type(value).__name__} in line {number}"
    return None


def labels_of_column(column: pl.Series, path: Path, first_row: int) -> np.ndarray:
    """Labels as whole numbers if all are written as such, else as texts."""
    stripped = column.str.strip_chars()
    empty = (stripped.is_null() | (stripped == "").fill_null(True)).to_list()
    if any(empty):
        row = empty.index(True) + first_row
        raise DataError(
            f"{path}: expected a label in every row, got an empty one in row {row} (column {column.name!r})."
        )
    return labels_from_texts(stripped.to_list())

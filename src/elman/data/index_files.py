"""Tables that list files, such as recordings, with their labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from elman.data.columns import LABEL_NAMES, PATH_NAMES, Columns, by_usual_name, named
from elman.data.examples import Examples
from elman.data.folders import ENDINGS, FileSettings, read_files
from elman.data.tables import labels_of_column
from elman.errors import DataError


def is_index(table: pl.DataFrame, columns: Columns) -> bool:
    """Whether a table lists files: in a column that the option names, or one with a usual name."""
    if columns.path or columns.text:
        return columns.path is not None
    usual = by_usual_name(table, PATH_NAMES)
    return usual is not None and Path(table[usual][0] or "").suffix.lower() in ENDINGS


def read_index(
    table: pl.DataFrame,
    columns: Columns,
    path: Path,
    settings: FileSettings,
    *,
    first_row: int,
    labelled: bool,
) -> tuple[Examples, tuple[str, ...], Columns]:
    """(the examples of the files, notes, the columns taken); paths count from the folder of the table.

    Raises `DataError` with the row for a file that does not exist, and without a label column.
    """
    source = str(path)
    files = named(table, columns.path, "path_column", source) if columns.path else None
    files = files or by_usual_name(table, PATH_NAMES)
    assert files is not None
    wanted = columns.label if labelled or columns.label in table.columns else None
    label = named(table, wanted, "label_column", source) if wanted else by_usual_name(table, LABEL_NAMES)
    if label is None and labelled:
        raise DataError(
            f"{source}: expected a column of labels, got {', '.join(map(repr, table.columns))}. "
            "Name it by --label-column."
        )
    names = [(name or "").strip() for name in table[files].to_list()]
    listed = [path.parent / name for name in names]
    for row, (name, file) in enumerate(zip(names, listed, strict=True), first_row):
        if not file.is_file():
            got = f"'{file}', which does not exist," if name else "nothing"
            raise DataError(
                f"{source}: expected a file in column {files!r}, got {got} in row {row}. "
                "Paths count from the folder of the table."
            )
    labels = None if label is None else labels_of_column(table[label], path, first_row)
    examples, notes = read_files(listed, labels, source, settings)
    note = f"{path.name}: {len(listed):,} files from column {files!r}"
    note += f", labels from column {label!r}" if label else ""
    return examples, (note, *notes), replace(columns, path=files, label=label)

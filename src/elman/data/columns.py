"""Which columns hold text and label, and whether there is a header: named by option, or found and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from elman.data.table_files import Table
from elman.errors import DataError, unknown

TEXT_NAMES = ("text", "sentence", "review", "content", "document", "message", "name", "title", "input")
LABEL_NAMES = ("label", "class", "target", "category", "sentiment", "y", "language", "output")
ID_NAMES = ("id", "series_id", "case_id", "sequence_id", "unique_id", "series", "case", "sequence")
TIME_NAMES = ("time", "t", "step", "timestamp", "ds", "date", "datetime", "frame")
MOST_UNIQUE = 100_000  # different cells of a column that are counted
PATH_NAMES = ("path", "file", "filename", "file_name")


@dataclass(frozen=True)
class Columns:
    """What the user named: columns by name or, counted from 1, by number; None where they are to be found.

    header: yes, no or auto.
    id, time, channels: of a long table of series, a row for each step; channels separated by commas.
    path: the files that an index of recordings or images lists.
    """

    text: str | None = None
    label: str | None = None
    header: str = "auto"
    id: str | None = None
    time: str | None = None
    channels: str | None = None
    path: str | None = None


@dataclass
class Look:
    """What the cells of a column are like, null among them.

    unique: hashes of the different ones, up to `MOST_UNIQUE` of them and some more. numeric: whether all
    that are filled are numbers. repeated: how many are the same as that of the table's first row.
    """

    rows: int = 0
    filled: int = 0
    characters: int = 0
    numeric: bool = True
    repeated: int = 0
    hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))

    @property
    def unique(self) -> int:
        """How many different cells there are, `MOST_UNIQUE` for more."""
        return min(len(self.hashes), MOST_UNIQUE)

    def add(self, cells: pl.Series, first: str) -> None:
        """Look at more cells."""
        self.rows += len(cells)
        self.filled += len(cells) - cells.null_count()
        self.characters += int(cells.str.len_chars().sum())
        self.numeric = self.numeric and is_number(cells)
        self.repeated += int((cells == first).sum())
        if len(self.hashes) < MOST_UNIQUE:
            self.hashes = np.union1d(self.hashes, cells.hash().to_numpy())


def look_at(table: Table, skipped: int = 0) -> dict[str, Look]:
    """What each column is like, in one pass over the file; `skipped` rows at its start are left out."""
    looks = {name: Look() for name in table.columns}
    first = [value or "" for value in table.head.row(0)]
    for number, (_, frame) in enumerate(table.frames()):
        for look, cells, value in zip(looks.values(), frame.iter_columns(), first, strict=True):
            look.add(cells[skipped:] if number == 0 else cells, value)
    return looks


def with_header(table: Table, columns: Columns) -> tuple[Table, bool]:
    """A table, with its first row made the names of the columns if it is a header; and whether it was.

    It is taken for one if the option says so; if it holds a column that the option names or a usual name; or
    if the label column (the one with the fewest values) has a first value that is not seen again.
    """
    first = [str(value or "") for value in table.head.row(0)]
    if columns.header == "no" or (columns.header == "auto" and not _looks_like_header(table, first, columns)):
        return table, False
    names = [name.strip() or f"column_{place}" for place, name in enumerate(first, 1)]
    double = [name for place, name in enumerate(names) if name in names[:place]]
    if double:
        raise DataError(
            f"{table.path}: header: expected different names of the columns, got {double[0]!r} twice."
        )
    return replace(table, names=tuple(names), skipped=1), True


def _looks_like_header(table: Table, first: Sequence[str], columns: Columns) -> bool:
    names = {name.strip().lower() for name in first}
    wanted = (columns.text, columns.label, columns.id, columns.time, columns.path)
    if any(given is not None and given.lower() in names for given in wanted):
        return True
    if names & set(LABEL_NAMES) and names & {*ID_NAMES, *PATH_NAMES}:
        return True
    if names & set(LABEL_NAMES) and names & set(TEXT_NAMES):
        return True
    looks = list(look_at(table, skipped=1).values())
    label = looks[min(range(len(looks)), key=lambda place: (looks[place].unique, -place))]
    return label.rows >= 2 and label.unique <= label.rows // 2 and not label.repeated


def choose(table: Table, columns: Columns, source: str, *, labelled: bool) -> tuple[str, str | None, str]:
    """(text column, label column or None, a note on what was taken and why)."""
    if table.width < 2 and labelled:
        raise DataError(
            f"{source}: expected a text column and a label column, got one column, which begins with "
            f"{(table.names or table.head.row(0))[0]!r}."
        )
    wanted = columns.label if labelled or columns.label in table.columns else None
    label = named(table, wanted, "label_column", source) if wanted else None
    text = named(table, columns.text, "text_column", source) if columns.text else None
    label_why = text_why = "named"
    if text is None:
        text, text_why = _find_text(table, [label] if label else [], source)
    if label is None:
        label, label_why = _find_label(table, text, required=labelled)
    if text == label:
        raise DataError(
            f"{source}: expected two different columns for text and label, got {text!r} for both."
        )
    note = f"text from column {text!r} ({text_why})"
    return text, label, f"{note}, labels from column {label!r} ({label_why})" if label else note


def named(table: Table | pl.DataFrame, given: str, option: str, source: str) -> str:
    """The column that an option names, by name or by number from 1; the nearest name is offered."""
    if given in table.columns:
        return given
    if given.isdecimal() and 1 <= int(given) <= table.width:
        return table.columns[int(given) - 1]
    raise DataError(f"{source}: {unknown(option, given, table.columns)} Or its number, 1 to {table.width}.")


def by_usual_name(table: Table | pl.DataFrame, usual: Sequence[str]) -> str | None:
    """The first column with one of these names, in any case of its letters."""
    found = {name.lower(): name for name in reversed(table.columns)}
    return next((found[name] for name in usual if name in found), None)


def not_used(columns: Sequence[str], taken: Sequence[str | None]) -> str:
    """What is to be said of columns that are left out; empty where none is."""
    rest = [name for name in columns if name not in taken]
    return f"not used: {', '.join(map(repr, rest[:8]))}{' …' if len(rest) > 8 else ''}" if rest else ""


def _find_text(table: Table, taken: Sequence[str], source: str) -> tuple[str, str]:
    free = [name for name in table.columns if name not in taken]
    for usual in TEXT_NAMES:
        for name in free:
            if name.lower() == usual:
                return name, "by its name"
    looks = look_at(table)
    lengths = {
        name: look.characters / max(look.filled, 1)
        for name, look in looks.items()
        if name in free and not look.numeric
    }
    if not lengths:
        raise DataError(
            f"{source}: expected a text column, got only numbers in {', '.join(map(repr, free))}. "
            "Sequences of numbers are read from .npz files; "
            "a column of numbers is taken as text if --text-column names it."
        )
    return max(lengths, key=lambda name: lengths[name]), "the longest texts"


def _find_label(table: Table, text: str, *, required: bool) -> tuple[str | None, str]:
    free = [name for name in table.columns if name != text]
    for usual in LABEL_NAMES:
        for name in free:
            if name.lower() == usual:
                return name, "by its name"
    if not free or not required:
        return None, ""
    looks = look_at(table)
    several = [name for name in free if looks[name].unique > 1] or free
    return min(several, key=lambda name: looks[name].unique), "the fewest different values"


def is_number(column: pl.Series) -> bool:
    """Whether all filled cells of a column of texts are numbers."""
    return column.cast(pl.Float64, strict=False).null_count() == column.null_count()

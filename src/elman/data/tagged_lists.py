"""Tagged sequences a row each, from JSONL (also .gz) and Parquet: a list of tokens, and a list of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from elman.data import conll
from elman.data.columns import ID_NAMES, by_usual_name, named
from elman.data.files import existing, kind_of
from elman.data.step_store import StepPiece, stored_steps
from elman.data.table_files import json_frames, parquet_frames
from elman.data.tagged import StepColumns, Tagged
from elman.data.text_store import file_source
from elman.errors import DataError

KINDS = (".jsonl", ".ndjson", ".parquet")
TOKEN_NAMES = ("tokens", "words", "forms", *conll.TOKEN_NAMES)
LABEL_NAMES = ("labels", "tags", "ner_tags", "pos_tags", "upos_tags", "chunk_tags", *conll.LABEL_NAMES)


def has_lists(path: Path) -> bool:
    """Whether a file is one of lists, by its ending and the first of its rows."""
    if kind_of(existing(path)) not in KINDS:
        return False
    return any(isinstance(kind, pl.List) for kind in next(_frames(path)).schema.values())


def read_lists(path: Path, columns: StepColumns, *, labelled: bool = True) -> tuple[Tagged, str, StepColumns]:
    """(the sequences of a file, a note on the columns taken, those columns).

    labelled: whether there must be labels: as many as there are tokens, whole numbers or texts.

    Raises `DataError` with the row for a list that is missing, of another length or with an empty place; with
    the nearest name for a column that is not there.
    """
    first = next(_frames(path))
    lists = first.select(name for name, kind in first.schema.items() if isinstance(kind, pl.List))
    token = _column(lists, columns.token, "token_column", TOKEN_NAMES, str(path))
    label = _column(lists, columns.label, "label_column", LABEL_NAMES, str(path)) if labelled else None
    if token == label:
        raise DataError(f"{path}: expected two columns, of tokens and of labels, got {token!r} for both.")
    id_ = named(first, columns.id, "id_column", str(path)) if columns.id else by_usual_name(first, ID_NAMES)
    kept = stored_steps(
        file_source(path),
        {"token": token, "label": label, "id": id_},
        lambda: _pieces(path, token, label, id_),
    )
    data = Tagged(kept.tokens, kept.labels, str(path), lines=kept.lines, called=kept.called)
    note = f"{path.name}: tokens from column {token!r}"
    note += f", labels from column {label!r}" if label is not None else ""
    return data, note, replace(columns, token=token, label=label or columns.label, id=id_)


def _pieces(path: Path, token: str, label: str | None, id_: str | None) -> Iterator[StepPiece]:
    """The sequences of each piece of the file."""
    row, kinds = 1, set[type]()
    for frame in _frames(path):
        tokens = _cells(frame, token, path, row)
        labels = None
        if label is not None:
            found = _cells(frame, label, path, row)
            _check_lengths(tokens, found, path, row)
            kinds.update(type(cell) for cells in found for cell in cells)
            if len(kinds) > 1:
                names = " and ".join(sorted(kind.__name__ for kind in kinds))
                raise DataError(f"{path}: expected labels of one kind, whole numbers or texts, got {names}.")
            labels = [cell if kinds == {int} else str(cell) for cells in found for cell in cells]
        lengths = np.array([len(cells) for cells in tokens], dtype=np.int64)
        yield StepPiece(
            [str(cell) for cells in tokens for cell in cells],
            labels,
            np.repeat(np.arange(row, row + len(frame)), lengths),
            lengths.cumsum(),
            None if id_ is None else frame[id_].cast(pl.String).fill_null("").to_list(),
        )
        row += len(frame)


def _frames(path: Path) -> Iterator[pl.DataFrame]:
    return parquet_frames(path) if kind_of(path) == ".parquet" else json_frames(path)


def _column(lists: pl.DataFrame, given: str | None, option: str, usual: Sequence[str], source: str) -> str:
    """The column of lists that an option names, or one with a usual name."""
    found = named(lists, given, option, source) if given else by_usual_name(lists, usual)
    if found is None:
        what = "tokens" if option == "token_column" else "labels"
        raise DataError(
            f"{source}: expected a column with lists of {what}, got {', '.join(map(repr, lists.columns))}. "
            f"Name it by --{option.replace('_', '-')}."
        )
    return found


def _cells(frame: pl.DataFrame, name: str, path: Path, row: int) -> list[list[Any]]:
    """The lists of a column, whose first row has this number; of whole numbers or texts."""
    column = frame[name] if name in frame.columns else pl.Series(name, [None] * len(frame))
    cells: list[list[Any]] = column.to_list()
    for at, items in enumerate(cells, row):
        if not isinstance(items, list):
            raise DataError(f"{path}: expected a list in column {name!r}, got {items!r} in row {at}.")
        for step, item in enumerate(items, 1):
            if not isinstance(item, (str, int)) or not str(item).strip():
                raise DataError(
                    f"{path}: expected texts or whole numbers in the lists of column {name!r}, got {item!r} "
                    f"in row {at}, at place {step} of its list."
                )
    return cells


def _check_lengths(tokens: list[list[Any]], labels: list[list[Any]], path: Path, row: int) -> None:
    for at, (these, those) in enumerate(zip(tokens, labels, strict=True), row):
        if len(these) != len(those):
            raise DataError(
                f"{path}: expected a label for each of the {len(these)} tokens of row {at}, "
                f"got {len(those)} labels."
            )

"""Long tables with labels for steps: a row for each step, or, in an event log, for each thing that happens.

Dimensions: S steps in all, F features, K labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from elman.data import columns as names
from elman.data import conll
from elman.data.columns import Columns, by_usual_name, named
from elman.data.labels import labels_from_texts
from elman.data.long_tables import (
    check_twice,
    check_whole,
    is_numeric,
    numbered_by,
    numbers_in,
    read_rows,
    times_in,
)
from elman.data.sequences import Sequences
from elman.data.spilled import in_order
from elman.data.steps import Steps, StepTokens
from elman.data.tables import open_table
from elman.data.tagged import StepColumns, Tagged
from elman.errors import DataError

ID_NAMES = (*names.ID_NAMES, "sentence_id", "sentence #", "session", "subject", "recording", "piece")
LABEL_NAMES = (*names.LABEL_NAMES, *conll.LABEL_NAMES, "state", "activity")
EVENT_NAMES = ("event", "note", "item")
SPARSE = 20  # whole numbers from the first to the last, for each that occurs, up to which all are steps


@dataclass(frozen=True)
class _Taken:
    """The columns of a table. No id: all rows are one sequence. No time: the order of the rows is that of
    the steps."""

    id: str | None
    time: str | None
    labels: tuple[str, ...]
    token: str | None
    channels: tuple[str, ...]
    event: str | None


def read_steps(path: Path, columns: StepColumns, *, labelled: bool = True) -> tuple[Tagged, str, StepColumns]:
    """(the sequences of a long table, a note on the columns taken, those columns).

    Raises `DataError` with the row for a missing id, time, number or label, a time that comes twice in a
    sequence, and labels other than 0 and 1 where several are named; with the nearest name for a column that
    is not there.
    """
    header = "no" if columns.header == "no" else "yes"
    opened, _ = open_table(path, Columns(header=header))
    taken = _choose(opened.head, columns, str(path), labelled=labelled)
    kept = (taken.id, taken.time, taken.token, taken.event, *taken.labels)
    table, values = read_rows(opened, kept, taken.channels)
    needed = [name for name in (taken.id, taken.token, taken.event, *taken.labels) if name]
    check_whole(table, needed, path)
    table, was_so = _sorted(table, taken, path)
    data = _events(table, taken, path) if taken.event else _steps(table, values, taken, path)
    note = f"{path.name}: {len(data):,} sequences"
    note += f" by column {taken.id!r}" if taken.id else " (no column of ids)"
    note += f", time {taken.time!r}" if taken.time else ", steps in the order of the rows"
    note += "" if was_so else " (rows were not in order: sorted)"
    if taken.event:
        note += f", {len(data.names):,} events of column {taken.event!r}"
    else:
        note += f", tokens {taken.token!r}" if taken.token else f", channels {_listed(taken.channels)}"
    note += f", labels {_listed(taken.labels)}" if taken.labels else ""
    kept = replace(
        columns,
        token=taken.token,
        label=",".join(taken.labels) or columns.label,
        id=taken.id,
        time=taken.time,
        channels=",".join(taken.channels) or None,
        event=taken.event,
        header=header,
    )
    return data, note, kept


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(map(repr, columns))


def _choose(table: pl.DataFrame, columns: StepColumns, source: str, *, labelled: bool) -> _Taken:
    def find(given: str | None, option: str, usual: tuple[str, ...]) -> str | None:
        return named(table, given, option, source) if given else by_usual_name(table, usual)

    def several(given: str, option: str) -> tuple[str, ...]:
        return tuple(named(table, name.strip(), option, source) for name in given.split(","))

    id_, time = find(columns.id, "id_column", ID_NAMES), find(columns.time, "time_column", names.TIME_NAMES)
    label = by_usual_name(table, LABEL_NAMES)
    labels = several(columns.label, "label_column") if columns.label and labelled else ()
    labels = labels or ((label,) if label and labelled else ())
    event = named(table, columns.event, "event_column", source) if columns.event else None
    if event is None and not labels and not columns.label:
        event = by_usual_name(table, EVENT_NAMES)
    if event:
        return _Taken(id_, time, (), None, (), event)
    if labelled and not labels:
        held = ", ".join(map(repr, table.columns))
        raise DataError(f"{source}: expected a column of labels, got {held}. Name it by --label-column.")
    token = None if columns.channels else find(columns.token, "token_column", conll.TOKEN_NAMES)
    if token:
        return _Taken(id_, time, labels, token, (), None)
    unlabelled = (columns.label or label or "").split(",")
    free = [name for name in table.columns if name not in (id_, time, *labels, *unlabelled)]
    channels = tuple(name for name in free if is_numeric(table[name]))
    if columns.channels:
        channels = several(columns.channels, "channels")
    if not channels:
        raise DataError(
            f"{source}: expected a column of numbers or of tokens, got none. "
            "Name them by --channels or --token-column."
        )
    return _Taken(id_, time, labels, None, channels, None)


def _sorted(table: pl.DataFrame, taken: _Taken, path: Path) -> tuple[pl.DataFrame, bool]:
    """(the rows by sequence and time, with both as columns " place" and " time", and where each stood as
    " at"; whether they were so)."""
    zeros = pl.Series(values=np.zeros(len(table), dtype=np.int64))
    place = numbered_by(table, taken.id) if taken.id else zeros
    table = table.with_columns(place.alias(" place"), times_in(table, taken.time, path).alias(" time"))
    table = table.with_row_index(" at").sort(" place", " time", " at")
    if taken.time and not taken.event:
        named_id = taken.id or taken.time
        check_twice(
            table.select(
                pl.col(" place").alias("place"),
                pl.col(" time").alias("time"),
                pl.col(named_id).alias("id"),
                pl.col("").alias("row"),
            ),
            path,
        )
    return table, table[" at"].is_sorted()


def _steps(table: pl.DataFrame, values: np.ndarray, taken: _Taken, path: Path) -> Tagged:
    """A step for each row; values: (S, F) of the channels, as the file has them."""
    _, counts = np.unique(table[" place"].to_numpy(), return_counts=True)
    starts = np.cumsum(counts) - counts
    inputs: Sequences | StepTokens
    if taken.token:
        different, numbers = _numbered(table[taken.token])
        inputs = StepTokens(numbers, starts, counts, different)
    else:
        steps = torch.from_numpy(in_order(values, table[" at"].to_numpy()))
        inputs = Sequences(steps, torch.from_numpy(starts), torch.from_numpy(counts))
    labels: Steps | list[np.ndarray] | None = None
    several = len(taken.labels) > 1
    if several:
        labels = np.split(_several(table, taken.labels, path), starts[1:])
    elif taken.labels:
        different, numbers = _numbered(table[taken.labels[0]].str.strip_chars())
        labels = Steps(numbers, starts, counts, labels_from_texts(different))
    return Tagged(
        inputs,
        labels,
        str(path),
        names=taken.labels if several else (),
        lines=Steps(table[""].to_numpy(), starts, counts),
        called=_called(table, taken),
    )


def _numbered(column: pl.Series) -> tuple[list[str], np.ndarray]:
    """(the different texts of a column, (S,) the number of each)."""
    different = column.unique(maintain_order=True)
    places = pl.Series(np.arange(len(different), dtype=np.int32))
    return different.to_list(), column.replace_strict(different, places, return_dtype=pl.Int32).to_numpy()


def _several(table: pl.DataFrame, labels: tuple[str, ...], path: Path) -> np.ndarray:
    """(S, K) of 0 and 1."""
    values = np.column_stack([numbers_in(table, name, path) for name in labels])
    odd = np.argwhere((values != 0) & (values != 1))
    if len(odd):
        step, label = odd[0].tolist()
        raise DataError(
            f"{path}: expected 0 or 1 in each of several label columns, got {values[step, label]:g} in "
            f"column {labels[label]!r}, row {table[''][step]}."
        )
    return values


def _events(table: pl.DataFrame, taken: _Taken, path: Path) -> Tagged:
    """A step for each time, with all that happens at it; whole numbers without a row are steps too."""
    assert taken.event is not None
    if taken.time is None:
        raise DataError(f"{path}: expected a column of times beside the events. Name it by --time-column.")
    events = table[taken.event].str.strip_chars().to_numpy()
    found, which = np.unique(events, return_inverse=True)
    rolls = []
    places, times = table[" place"].to_numpy(), table[" time"].to_physical().cast(pl.Float64).to_numpy()
    for place in range(int(places[-1]) + 1):
        rows = places == place
        steps, step = np.unique(times[rows], return_inverse=True)
        whole = bool((steps == np.round(steps)).all()) and table[" time"].dtype == pl.Float64
        if whole and steps[-1] - steps[0] < SPARSE * len(steps):
            step = (times[rows] - steps[0]).astype(np.int64)
        roll = np.zeros((int(step.max()) + 1, len(found)), dtype=np.float32)
        roll[step, which[rows]] = 1.0
        rolls.append(roll)
    names_of = tuple(str(name) for name in found)
    inputs = Sequences.from_arrays(rolls)
    return Tagged(inputs, None, str(path), names=names_of, called=_called(table, taken), events=True)


def _called(table: pl.DataFrame, taken: _Taken) -> list[str] | None:
    if taken.id is None:
        return None
    _, first = np.unique(table[" place"].to_numpy(), return_index=True)
    return table[taken.id].to_numpy()[first].astype(str).tolist()

"""Long tables with labels for steps: a row for each step, or, in an event log, for each thing that happens.

Dimensions: S steps in all, F features, K labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from elman.data import columns as names
from elman.data import conll
from elman.data.columns import Columns, by_usual_name, named, not_used
from elman.data.labels import labels_from_texts
from elman.data.long_rows import Rows, picked, read_rows
from elman.data.long_tables import is_numeric
from elman.data.row_order import RowOrder, blocks_of
from elman.data.sequences import Sequences
from elman.data.spilled import spilled
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
    several = taken.labels if len(taken.labels) > 1 else ()
    one = () if several else taken.labels
    texts = (taken.token, taken.event, *one)
    rows = read_rows(opened, taken.id, texts, taken.time, (*taken.channels, *several), several)
    order, was_so = rows.ordered()
    if taken.time and not taken.event:
        rows.check_twice(order)
    data = (_events if taken.event else _steps)(rows, order, taken)
    data = replace(data, called=rows.series.values if taken.id else None)
    note = f"{path.name}: {len(data):,} sequences"
    note += f" by column {taken.id!r}" if taken.id else " (no column of ids)"
    note += f", time {taken.time!r}" if taken.time else ", steps in the order of the rows"
    note += "" if was_so else " (rows were not in order: sorted)"
    if taken.event:
        note += f", {len(data.names):,} events of column {taken.event!r}"
    else:
        note += f", tokens {taken.token!r}" if taken.token else f", channels {_listed(taken.channels)}"
    note += f", labels {_listed(taken.labels)}" if taken.labels else ""
    used = (taken.id, taken.time, taken.token, taken.event, *taken.labels, *taken.channels)
    if rest := not_used(opened.columns, used):
        note += f"; {rest}"
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
        lists = "; of a sequence a row its tokens and its labels are lists (JSONL, Parquet)"
        raise DataError(
            f"{source}: expected a column of labels, got {held}. Name it by --label-column{lists}."
        )
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


def _steps(rows: Rows, order: RowOrder, taken: _Taken) -> Tagged:
    """A step for each row."""
    starts, counts, channels = order.starts, order.counts, len(taken.channels)
    inputs: Sequences | StepTokens
    if taken.token:
        tokens = rows.texts[taken.token]
        inputs = StepTokens(picked(tokens.numbers, order), starts, counts, tokens.values)
    else:
        inputs = Sequences.padded(picked(rows.values[:, :channels], order, pad=True), counts)
    labels: Steps | Sequences | None = None
    several = len(taken.labels) > 1
    if several:
        labels = Sequences.padded(_several(rows, channels, order, taken), counts)
    elif taken.labels:
        given = rows.texts[taken.labels[0]].stripped()
        labels = Steps(picked(given.numbers, order), starts, counts, labels_from_texts(given.values))
    lines = Steps(spilled((at + rows.first for at in order.blocks()), np.int64), starts, counts)
    return Tagged(inputs, labels, str(rows.path), names=taken.labels if several else (), lines=lines)


def _several(rows: Rows, channels: int, order: RowOrder, taken: _Taken) -> np.ndarray:
    """(S + 1, K) of 0 and 1, on disk, the last row the padding: the columns behind the channels."""
    values, before = rows.values[:, channels:], 0
    for block in blocks_of(values):
        odd = np.argwhere((block != 0) & (block != 1))
        if len(odd):
            row, label = odd[0].tolist()
            raise DataError(
                f"{rows.path}: expected 0 or 1 in each of several label columns, got {block[row, label]:g} "
                f"in column {taken.labels[label]!r}, row {before + row + rows.first}."
            )
        before += len(block)
    return picked(values, order, pad=True)


def _events(rows: Rows, order: RowOrder, taken: _Taken) -> Tagged:
    """A step for each time, with all that happens at it; whole numbers without a row are steps too."""
    assert taken.event is not None
    if order.stamps is None:
        raise DataError(
            f"{rows.path}: expected a column of times beside the events. Name it by --time-column."
        )
    events, times = rows.texts[taken.event].stripped(), order.stamps
    found = sorted(events.values)
    place_of = {name: place for place, name in enumerate(found)}
    which = np.array([place_of[name] for name in events.values])
    lengths: list[int] = []

    def rolls() -> Iterator[np.ndarray]:
        for start, count in zip(order.starts.tolist(), order.counts.tolist(), strict=True):
            own = np.asarray(times[start : start + count])
            steps, step = np.unique(own, return_inverse=True)
            whole = own.dtype.kind == "f" and bool((steps == np.round(steps)).all())
            if whole and steps[-1] - steps[0] < SPARSE * len(steps):
                step = (own - steps[0]).astype(np.int64)
            roll = np.zeros((int(step.max()) + 1, len(found)), dtype=np.float32)
            roll[step, which[events.numbers[order.places(start, start + count)]]] = 1.0
            lengths.append(len(roll))
            yield roll

    data = Sequences.from_pieces(rolls(), lengths, on_disk=True)
    return Tagged(data, None, str(rows.path), names=tuple(found), events=True)

"""What stands for a missing value in the inputs, by name. Every rule looks back only, as a forecast must.

A rule that looked ahead, such as a line to the next value, would show a window what comes behind it.

Dimensions: S steps of all series one after the other, N series.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from elman.errors import DataError, unknown

#: forward: the last value before; seasonal: the one a season before, else the last; zero; refuse: an error
FILLINGS = ("forward", "seasonal", "zero", "refuse")
BLOCK = 1 << 18  # steps that are looked at together


def by_number(series: int, step: int) -> str:
    """Where a step stands, for messages."""
    return f"in step {step} of series {series}"


def fill(
    values: np.ndarray,
    starts: np.ndarray,
    rule: str,
    season: int,
    *,
    where: str,
    ends: np.ndarray,
    empty: float = 0.0,
    called: Callable[[int, int], str] = by_number,
) -> None:
    """Put numbers in place of all NaN of (S,) values: before the first value of a series stands that value.

    A series without any value becomes `empty`. The values may be on disk: they are passed over in pieces.

    starts: (N,) the first row of each series. season: steps, for "seasonal". where: how a message begins.
    ends: (N,) steps of each series whose absence "refuse" refuses; those behind are filled forward.
    called: gives the place of a step of a series, for messages.
    """
    if rule not in FILLINGS:
        raise unknown("fill", rule, FILLINGS)
    if rule == "refuse":
        _refuse(values, starts, ends, where, called)
    back = season if rule == "seasonal" else 0
    tail = np.zeros(0, dtype=bool)  # where the last `back` rows were known, or filled by the season
    for begin in range(0, len(values), BLOCK):
        piece = values[begin : begin + BLOCK]
        there = ~np.isnan(piece)
        if rule == "zero":
            piece[~there] = 0.0
            continue
        if not there.all():
            first = _first_rows(starts, begin, len(piece))
            if back:
                before = values[begin - len(tail) : begin]
                there = _seasonal(piece, there, first - begin, before, tail, back)
            stop = np.append(starts, len(values))[np.searchsorted(starts, first[-1], side="right")]
            _forward(values, begin, there, first, int(stop), empty)
        tail = np.concatenate([tail, there])[-back:] if back else tail


def _refuse(
    values: np.ndarray, starts: np.ndarray, ends: np.ndarray, where: str, called: Callable[[int, int], str]
) -> None:
    """Raise `DataError` for the first value that is missing within the first `ends` steps of a series."""
    missing, first = 0, -1
    for begin in range(0, len(values), BLOCK):
        absent = np.isnan(values[begin : begin + BLOCK])
        if absent.any():
            rows = np.flatnonzero(absent) + begin
            series = np.searchsorted(starts, rows, side="right") - 1
            rows = rows[rows - starts[series] < ends[series]]
            first = int(rows[0]) if first < 0 and len(rows) else first
            missing += len(rows)
    if missing:
        series = int(np.searchsorted(starts, first, side="right")) - 1
        raise DataError(
            f"{where}: expected no missing values, got {missing:,}, the first "
            f"{called(series, first - int(starts[series]))}. "
            f"Fill them first, or by rule: fill={', '.join(FILLINGS[:-1])}."
        )


def _first_rows(starts: np.ndarray, begin: int, count: int) -> np.ndarray:
    """(count,) the first row of the series to which each row from `begin` on belongs."""
    return starts[np.searchsorted(starts, np.arange(begin, begin + count), side="right") - 1]


def _seasonal(
    piece: np.ndarray,
    there: np.ndarray,
    first: np.ndarray,
    before: np.ndarray,
    known_before: np.ndarray,
    season: int,
) -> np.ndarray:
    """Fill a piece in place from a season before, and say where something stands now.

    first: where the series of each row begins, counted from the piece; negative before it.
    before, known_before: up to a season of rows in front of the piece, and where they may be taken from.
    """
    ahead = len(before)
    whole, known = np.concatenate([before, piece]), np.concatenate([known_before, there])
    rows = np.arange(len(piece))
    while True:
        source = rows + ahead - season
        able = np.flatnonzero(~known[ahead:] & (rows - season >= first) & (source >= 0))
        able = able[known[source[able]]]
        if len(able) == 0:
            piece[:] = whole[ahead:]
            return known[ahead:]
        whole[able + ahead] = whole[source[able]]
        known[able + ahead] = True


def _forward(
    values: np.ndarray, begin: int, there: np.ndarray, first: np.ndarray, stop: int, empty: float
) -> None:
    """Fill the rows from `begin` on in place, where nothing is `there`; all rows before them are filled.

    first: (n,) the first row of the series of each. stop: behind the last row of the last one's.
    """
    count = len(there)
    rows = np.arange(begin, begin + count)
    last = np.maximum.accumulate(np.where(there, rows, -1))
    last = np.where(last >= first, last, np.where(first < begin, begin - 1, -1))
    after = np.minimum.accumulate(np.where(there, rows, begin + count)[::-1])[::-1]
    same = (after < begin + count) & (first[np.minimum(after - begin, count - 1)] == first)
    source = np.where(last >= 0, last, np.where(same, after, -1))
    filled = np.where(source >= 0, values[np.maximum(source, 0)], empty)
    if source[-1] < 0:  # the last series begins here, and its first value may stand behind these rows
        filled[first == first[-1]] = _next(values, begin + count, stop, empty)
    values[begin : begin + count] = filled


def _next(values: np.ndarray, begin: int, end: int, empty: float) -> float:
    """The first number in the rows begin to below end, `empty` if there is none."""
    for start in range(begin, end, BLOCK):
        known = values[start : min(start + BLOCK, end)]
        known = known[~np.isnan(known)]
        if len(known):
            return float(known[0])
    return empty

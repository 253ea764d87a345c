"""What stands for a missing value in the inputs, by name. Every rule looks back only, as a forecast must.

A rule that looked ahead, such as a line to the next value, would show a window what comes behind it.
"""

from __future__ import annotations

import numpy as np

from elman.errors import DataError, unknown

#: forward: the last value before; seasonal: the one a season before, else the last; zero; refuse: an error
FILLINGS = ("forward", "seasonal", "zero", "refuse")


def fill(
    values: np.ndarray, starts: np.ndarray, rule: str, season: int, *, where: str, relevant: np.ndarray
) -> np.ndarray:
    """(S,) values without NaN: those before the first value of a series become that value.

    A series without any value becomes 0.

    starts: (N,) the first row of each series. season: steps, for "seasonal". where: how a message begins.
    relevant: (S,) bool, rows whose absence "refuse" refuses; others are filled forward.
    """
    if rule not in FILLINGS:
        raise unknown("fill", rule, FILLINGS)
    there = ~np.isnan(values)
    if there.all():
        return values
    if rule == "refuse" and not there[relevant].all():
        row = int((~there & relevant).argmax())
        series = int(np.searchsorted(starts, row, side="right")) - 1
        missing = int((~there & relevant).sum())
        raise DataError(
            f"{where}: expected no missing values, got {missing:,}, the first in step "
            f"{row - int(starts[series])} "
            f"of series {series}. Fill them first, or by rule: fill={', '.join(FILLINGS[:-1])}."
        )
    if rule == "zero":
        return np.where(there, values, 0.0)
    begin = np.repeat(starts, np.diff(np.append(starts, len(values))))
    if rule == "seasonal":
        values, there = _seasonal(values.copy(), there, begin, season)
    return _forward(values, there, begin)


def _seasonal(
    values: np.ndarray, there: np.ndarray, begin: np.ndarray, season: int
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(len(values))
    while True:
        able = np.flatnonzero(~there & (rows - season >= begin) & np.roll(there, season))
        if len(able) == 0:
            return values, there
        values[able] = values[able - season]
        there = ~np.isnan(values)


def _forward(values: np.ndarray, there: np.ndarray, begin: np.ndarray) -> np.ndarray:
    rows = np.arange(len(values))
    before = np.maximum.accumulate(np.where(there, rows, -1))
    after = np.minimum.accumulate(np.where(there, rows, len(values))[::-1])[::-1]
    same_series = (after < len(values)) & (begin[np.minimum(after, len(values) - 1)] == begin)
    source = np.where(before >= begin, before, np.where(same_series, after, -1))
    return np.where(source >= 0, values[np.maximum(source, 0)], 0.0)

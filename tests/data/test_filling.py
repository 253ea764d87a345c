"""Filling against plain loops; no rule looks ahead of the first value."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.filling import fill
from elman.errors import ArgumentError, DataError

NAN = np.nan
VALUES = np.array([NAN, NAN, 3.0, NAN, 5.0, NAN, NAN, 8.0, NAN, NAN, NAN, 1.0, 2.0, NAN, NAN, NAN, NAN, NAN])
STARTS = np.array([0, 8, 11, 17])  # the last series has no value at all, the second neither
ALL = np.ones(len(VALUES), bool)


def parts(values: np.ndarray) -> list[np.ndarray]:
    return np.split(values, STARTS[1:])


def looped(series: np.ndarray, rule: str, season: int) -> list[float]:
    known = [value for value in series if not np.isnan(value)]
    out: list[float] = []
    for place, value in enumerate(series):
        if not np.isnan(value):
            out.append(value)
        elif rule == "zero" or not known:
            out.append(0.0)
        elif rule == "seasonal" and place >= season and not np.isnan(_so_far(series, season)[place - season]):
            out.append(_so_far(series, season)[place - season])
        else:
            out.append(out[-1] if any(~np.isnan(series[:place])) else known[0])
    return out


def _so_far(series: np.ndarray, season: int) -> np.ndarray:
    filled = series.copy()
    for place in range(season, len(series)):
        if np.isnan(filled[place]):
            filled[place] = filled[place - season]
    return filled


@pytest.mark.parametrize("season", [1, 2, 3])
@pytest.mark.parametrize("rule", ["forward", "seasonal", "zero"])
def test_against_a_loop(rule: str, season: int) -> None:
    filled = fill(VALUES, STARTS, rule, season, where="here", relevant=ALL)
    for got, series in zip(parts(filled), parts(VALUES), strict=True):
        if rule == "seasonal":
            seasonal = _so_far(series, season)
            series = seasonal
        assert got.tolist() == looped(series, "zero" if rule == "zero" else "forward", season)


def test_refused() -> None:
    with pytest.raises(DataError) as error:
        fill(VALUES, STARTS, "refuse", 1, where="file.csv: column 'y'", relevant=np.arange(len(VALUES)) > 2)
    assert str(error.value) == (
        "file.csv: column 'y': expected no missing values, got 11, the first in step 3 of series 0. "
        "Fill them first, or by rule: fill=forward, seasonal, zero."
    )
    whole = np.array([1.0, 2.0])
    assert fill(whole, np.array([0]), "refuse", 1, where="", relevant=np.ones(2, bool)) is whole
    with pytest.raises(ArgumentError, match=r"fill: unknown name 'foward'\. Did you mean 'forward'"):
        fill(whole, np.array([0]), "foward", 1, where="", relevant=np.ones(2, bool))

"""Filling against plain loops; no rule looks ahead of the first value."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data import filling
from elman.data.filling import fill
from elman.errors import ArgumentError, DataError

NAN = np.nan
VALUES = np.array([NAN, NAN, 3.0, NAN, 5.0, NAN, NAN, 8.0, NAN, NAN, NAN, 1.0, 2.0, NAN, NAN, NAN, NAN, NAN])
STARTS = np.array([0, 8, 11, 17])  # the last series has no value at all, the second neither
ALL = np.diff([*STARTS, len(VALUES)])


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


@pytest.mark.parametrize("block", [1, 2, 5, 1000])
@pytest.mark.parametrize("season", [1, 2, 3])
@pytest.mark.parametrize("rule", ["forward", "seasonal", "zero"])
def test_against_a_loop(rule: str, season: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BLOCK", block)
    filled = VALUES.copy()
    fill(filled, STARTS, rule, season, where="here", ends=ALL)
    for got, series in zip(parts(filled), parts(VALUES), strict=True):
        if rule == "seasonal":
            seasonal = _so_far(series, season)
            series = seasonal
        assert got.tolist() == looped(series, "zero" if rule == "zero" else "forward", season)


@pytest.mark.parametrize("block", [3, 16, 1000])
@pytest.mark.parametrize("rule", ["forward", "seasonal"])
def test_many_holes_against_a_loop(rule: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Series of 0 to 30 steps, most of them holes; pieces end in the middle of them."""
    monkeypatch.setattr(filling, "BLOCK", block)
    random = np.random.default_rng(0)
    lengths = random.integers(1, 31, 40)
    values = np.where(random.random(lengths.sum()) < 0.8, np.nan, random.random(lengths.sum()))
    starts = np.cumsum(lengths) - lengths
    filled = values.copy()
    fill(filled, starts, rule, 4, where="here", ends=lengths)
    for got, series in zip(np.split(filled, starts[1:]), np.split(values, starts[1:]), strict=True):
        known = _so_far(series, 4) if rule == "seasonal" else series
        assert got.tolist() == looped(known, "forward", 4)


@pytest.mark.parametrize("block", [4, 1000])
def test_refused(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BLOCK", block)
    with pytest.raises(DataError) as error:
        fill(VALUES.copy(), STARTS, "refuse", 1, where="file.csv: column 'y'", ends=np.array([8, 3, 6, 0]))
    assert str(error.value) == (
        "file.csv: column 'y': expected no missing values, got 12, the first in step 0 of series 0. "
        "Fill them first, or by rule: fill=forward, seasonal, zero."
    )
    ahead = np.array([1.0, 2.0, np.nan])  # what is to come may be missing
    fill(ahead, np.array([0]), "refuse", 1, where="", ends=np.array([2]))
    assert ahead.tolist() == [1.0, 2.0, 2.0]
    with pytest.raises(ArgumentError, match=r"fill: unknown name 'foward'\. Did you mean 'forward'"):
        fill(ahead, np.array([0]), "foward", 1, where="", ends=np.array([2]))

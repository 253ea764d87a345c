"""Frequency: the regular grid on which the stamps of a series lie, named by the user or inferred.

A stamp is a date, a date with a time, or a whole number; on the grid it becomes a whole number of steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from elman.errors import shown, wrong

SECOND = 1_000_000  # of the microseconds in which stamps with a date are counted
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
BLOCK = 1 << 18  # stamps that are looked at together
_FIXED = {"s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_MONTHS = {"mo": 1, "q": 3, "y": 12}
_ALIASES = {
    "m": "min",
    "t": "min",
    "ms": "mo",
    "me": "mo",
    "qs": "q",
    "qe": "q",
    "a": "y",
    "ys": "y",
    "ye": "y",
}
#: steps in a season, by the name of the frequency (Hyndman & Athanasopoulos 2021, Forecasting, section 2.3)
_SEASONS = {"1h": 24, "1d": 7, "1b": 5, "1w": 52, "1mo": 12, "1q": 4, "1min": 60, "1s": 60}


@dataclass(frozen=True)
class Frequency:
    """A grid of stamps.

    kind: "fixed" (step and phase in microseconds), "months" (step in months, phase the month that a step
        begins with, rest the microseconds into that month, -1 for its last day), "business" (Monday to
        Friday) or "numbers" (whole numbers without a date).
    """

    kind: str
    step: int
    phase: int = 0
    rest: int = 0

    @property
    def name(self) -> str:
        """As `--frequency` takes it, such as 1h, 15min or 1mo."""
        if self.kind == "fixed":
            unit = max((u for u in _FIXED if self.step % _FIXED[u] == 0), key=lambda u: _FIXED[u], default="")
            return f"{self.step // _FIXED[unit]}{unit}" if unit else f"{self.step / SECOND:g}s"
        if self.kind == "months":
            unit = max((u for u in _MONTHS if self.step % _MONTHS[u] == 0), key=lambda u: _MONTHS[u])
            return f"{self.step // _MONTHS[unit]}{unit}"
        return f"{self.step}b" if self.kind == "business" else f"{self.step}"

    @property
    def season(self) -> int:
        """Steps of the usual season: a day of hours or minutes, a week of days, a year of months; else 1."""
        if self.name in _SEASONS:
            return _SEASONS[self.name]
        if self.kind == "fixed" and self.step < DAY and DAY % self.step == 0:
            return DAY // self.step
        return 12 // self.step if self.kind == "months" and self.step < 12 and 12 % self.step == 0 else 1

    def place(self, stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the grid's step at or before each stamp, whether the stamp lies right on it)."""
        if self.kind == "numbers":
            steps, left = np.divmod(stamps - self.phase, self.step)
            return steps, left == 0
        if self.kind == "business":
            days = stamps.astype("datetime64[D]")
            steps = np.busday_count(np.datetime64("1970-01-01"), days + 1) - 1
            return steps, np.is_busday(days) & (days == stamps)
        if self.kind == "fixed":
            steps, left = np.divmod(stamps.astype("datetime64[us]").astype(np.int64) - self.phase, self.step)
            return steps, left == 0
        months = stamps.astype("datetime64[M]")
        steps, left = np.divmod(months.astype(np.int64) - self.phase, self.step)
        return steps, (left == 0) & (_within(stamps, months, last_day=self.rest < 0) == max(self.rest, 0))

    def stamps(self, steps: np.ndarray) -> np.ndarray:
        """The stamps (datetime64[us], or int64) of the grid's steps: the inverse of `place`."""
        if self.kind == "numbers":
            return steps * self.step + self.phase
        if self.kind == "business":
            days = np.busday_offset(np.datetime64("1970-01-01"), steps, roll="forward")
            return days.astype("datetime64[us]")
        if self.kind == "fixed":
            return (steps * self.step + self.phase).astype("datetime64[us]")
        months = (steps * self.step + self.phase).astype("datetime64[M]")
        if self.rest < 0:
            return ((months + 1).astype("datetime64[D]") - 1).astype("datetime64[us]")
        return months.astype("datetime64[us]") + np.timedelta64(self.rest, "us")


def frequency_named(name: str, stamps: np.ndarray) -> Frequency:
    """The grid of that name, such as 1h, 15min, 1d, b, w, mo, q or y, laid through the first of `stamps`.

    Pandas' names are taken too (H, D, MS …). Raises `ArgumentError` for any other, or one that does not go
    with the kind of the stamps.
    """
    expected = "a number with one of s, min, h, d, b, w, mo, q, y, such as 15min"
    found = re.fullmatch(r"\s*(\d*)\s*([A-Za-z]*)\s*", name)
    count = int(found[1] or 1) if found else 0
    unit = (
        "" if found is None else "mo" if found[2] == "M" else _ALIASES.get(found[2].lower(), found[2].lower())
    )
    dated = stamps.dtype.kind == "M"
    if count < 1 or (unit == "" and dated):
        raise wrong("frequency", expected=expected, got=name)
    if not dated:
        if unit:
            got = shown(f"{name!r} for a time column of whole numbers")
            raise wrong("frequency", expected="a whole number of steps", got=got)
        return Frequency("numbers", count, phase=int(stamps[0]) % count)
    if unit == "b" and count == 1:
        return Frequency("business", 1)
    if unit in _MONTHS:
        return _monthly(stamps, count * _MONTHS[unit])
    if unit not in _FIXED:
        raise wrong("frequency", expected=expected, got=name)
    return _fixed(stamps, count * _FIXED[unit])


def infer_frequency(stamps: np.ndarray, starts: np.ndarray) -> Frequency | None:
    """The grid by the most frequent distance of neighbours; None if there are no two stamps in a series.

    stamps: (S,) sorted within each series, all series one after the other; they are looked at in pieces, so
        they may be on disk.
    starts: (N,) where each series begins.
    """
    distances = _Counts()
    for piece, apart in _neighbours(stamps, starts):
        found = np.diff(piece)[apart].astype(np.int64)
        distances.add(found[found > 0])
    if not distances.values:
        return None
    usual = distances.mode()
    if stamps.dtype.kind != "M":
        return Frequency("numbers", usual, phase=int(stamps[0]) % usual)
    if usual >= 28 * DAY:
        for last_day in (False, True):
            if len(_days_of_month(stamps, last_day=last_day)) == 1:
                months = _Counts()
                for piece, apart in _neighbours(stamps, starts):
                    months.add(np.diff(piece.astype("datetime64[M]").astype(np.int64))[apart])
                return _monthly(stamps, max(1, months.mode()))
    if usual == DAY and 3 * DAY in distances.values and _all_business(stamps):
        return Frequency("business", 1)
    return _fixed(stamps, usual)


class _Counts:
    """How often each whole number was seen."""

    def __init__(self) -> None:
        self.values: dict[int, int] = {}

    def add(self, numbers: np.ndarray) -> None:
        kinds, counts = np.unique(numbers, return_counts=True)
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            self.values[kind] = self.values.get(kind, 0) + count

    def mode(self) -> int:
        """The most frequent, of several the smallest."""
        return min(self.values, key=lambda kind: (-self.values[kind], kind))


def _pieces(stamps: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, len(stamps), BLOCK):
        yield np.asarray(stamps[begin : begin + BLOCK])


def _neighbours(stamps: np.ndarray, starts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(n + 1 stamps, (n,) bool: where the next one belongs to the same series) for all pairs of stamps."""
    for begin in range(0, len(stamps) - 1, BLOCK):
        piece = np.asarray(stamps[begin : begin + BLOCK + 1])
        same = np.ones(len(piece) - 1, dtype=bool)
        first, last = np.searchsorted(starts, [begin + 1, begin + len(piece)])
        same[starts[first:last] - begin - 1] = False
        yield piece, same


def _days_of_month(stamps: np.ndarray, *, last_day: bool) -> np.ndarray:
    """The different distances from the month's first day, or from its last one, in microseconds."""
    found = [
        np.unique(_within(piece, piece.astype("datetime64[M]"), last_day=last_day))
        for piece in _pieces(stamps)
    ]
    return np.unique(np.concatenate(found))


def _all_business(stamps: np.ndarray) -> bool:
    for piece in _pieces(stamps):
        days = piece.astype("datetime64[D]")
        if not (bool((days == piece).all()) and bool(np.is_busday(days).all())):
            return False
    return True


def _fixed(stamps: np.ndarray, step: int) -> Frequency:
    return Frequency("fixed", step, phase=int(stamps[0].astype("datetime64[us]").astype(np.int64)) % step)


def _monthly(stamps: np.ndarray, step: int) -> Frequency:
    month = stamps[:1].astype("datetime64[M]")
    rests = _days_of_month(stamps, last_day=False)
    ends = len(rests) > 1 and not _days_of_month(stamps, last_day=True).any()
    rest = -1 if ends else int(_within(stamps[:1], month, last_day=False)[0])
    return Frequency("months", step, phase=int(month.astype(np.int64)[0]) % step, rest=rest)


def _within(stamps: np.ndarray, months: np.ndarray, *, last_day: bool) -> np.ndarray:
    """Microseconds since the month's first day, or since its last one."""
    begin = (months + 1).astype("datetime64[D]") - 1 if last_day else months
    return (stamps.astype("datetime64[us]") - begin.astype("datetime64[us]")).astype(np.int64)

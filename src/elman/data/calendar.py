"""Calendar features: where a stamp lies in the day, the week, the month and the year."""

from __future__ import annotations

import numpy as np

from elman.data.frequency import DAY, HOUR, Frequency

#: name -> place of a stamp in its cycle, 0 to below 1
_CYCLES = {
    "minute of the hour": lambda us: us % HOUR / HOUR,
    "hour of the day": lambda us: us % DAY / DAY,
    "day of the week": lambda us: (us // DAY + 3) % 7 / 7,  # 1970-01-01 was a Thursday; Monday is 0
    "day of the month": lambda us: (_days(us) - _days(us).astype("datetime64[M]")).astype(np.int64) / 31,
    "day of the year": lambda us: (_days(us) - _days(us).astype("datetime64[Y]")).astype(np.int64) / 366,
}


def calendar_cycles(frequency: Frequency) -> tuple[str, ...]:
    """The cycles that mean something at that frequency; none for stamps that are mere numbers."""
    if frequency.kind == "numbers":
        return ()
    step = frequency.step if frequency.kind == "fixed" else DAY
    if frequency.kind == "months":
        return ("day of the year",) if frequency.step < 12 else ()
    names = ["minute of the hour"] if step < HOUR else []
    names += ["hour of the day"] if step < DAY else []
    names += ["day of the week", "day of the month"] if step < 7 * DAY else []
    return (*names, "day of the year")


def calendar_features(stamps: np.ndarray, cycles: tuple[str, ...]) -> np.ndarray:
    """(S, 2 * cycles) float32: sine and cosine of each stamp's place in each cycle, in -1 to 1.

    stamps: (S,) datetime64, in the time zone whose days and hours are meant.
    """
    micros = stamps.astype("datetime64[us]").astype(np.int64)
    columns = []
    for name in cycles:
        angle = 2 * np.pi * _CYCLES[name](micros)
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, 1).astype(np.float32) if columns else np.zeros((len(stamps), 0), np.float32)


def _days(micros: np.ndarray) -> np.ndarray:
    return micros.astype("datetime64[us]").astype("datetime64[D]")

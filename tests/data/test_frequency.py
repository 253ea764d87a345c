"""Frequencies: found, named, and back from steps to stamps."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.calendar import calendar_cycles, calendar_features
from elman.data.frequency import Frequency, frequency_named, infer_frequency
from elman.errors import ArgumentError


def stamps(begin: str, step: str, count: int) -> np.ndarray:
    return np.datetime64(begin, "us") + np.arange(count) * np.timedelta64(*_step(step))


def _step(text: str) -> tuple[int, str]:
    number = text.rstrip("smhDMY")
    return int(number), text[len(number) :]


def month_ends(begin: str, count: int) -> np.ndarray:
    months = np.datetime64(begin, "M") + np.arange(1, count + 1)
    return (months.astype("datetime64[D]") - 1).astype("datetime64[us]")


def months(begin: str, step: int, count: int) -> np.ndarray:
    return (np.datetime64(begin, "M") + step * np.arange(count)).astype("datetime64[us]")


BUSINESS = np.busday_offset(np.datetime64("2024-03-01"), np.arange(12), roll="forward").astype(
    "datetime64[us]"
)
GRIDS = {
    "1h": (stamps("2016-07-01T00:30", "1h", 30), 24),
    "15min": (stamps("2016-07-01T00:05", "15m", 30), 96),
    "10s": (stamps("2016-07-01T00:00:03", "10s", 9), 8640),
    "1d": (stamps("2016-07-01", "1D", 30), 7),
    "1w": (stamps("2016-07-01", "7D", 30), 52),
    "4w": (stamps("2016-07-01", "28D", 30), 1),
    "1mo": (months("2016-11", 1, 9), 12),
    "1q": (months("2016-11", 3, 9), 4),
    "1y": (months("2016-11", 12, 9), 1),
    "1b": (BUSINESS, 5),
}


@pytest.mark.parametrize("name", GRIDS)
def test_found_named_and_back(name: str) -> None:
    given, season = GRIDS[name]
    found = infer_frequency(given, np.zeros(1, int))
    assert found is not None
    assert found.name == name
    assert found.season == season
    assert frequency_named(name, given) == found
    steps, regular = found.place(given)
    assert regular.all()
    assert (np.diff(steps) == 1).all()
    assert (found.stamps(steps) == given).all()


def test_month_ends_stay_month_ends() -> None:
    given = month_ends("2023-11", 8)
    found = infer_frequency(given, np.zeros(1, int))
    assert found is not None
    assert found.name == "1mo"
    steps, regular = found.place(given)
    assert regular.all()
    assert (found.stamps(steps) == given).all()
    assert str(found.stamps(steps[-1:] + 1)[0])[:10] == "2024-07-31"


def test_the_most_frequent_distance_wins_and_series_are_told_apart() -> None:
    one = stamps("2020-01-01", "1h", 10)
    holed = np.delete(one, [3, 4, 7])
    found = infer_frequency(np.concatenate([holed, one]), np.array([0, 7]))
    assert found is not None
    assert found.name == "1h"
    assert infer_frequency(one[:1], np.zeros(1, int)) is None
    assert infer_frequency(one[:2], np.arange(2)) is None  # one stamp in each series


def test_stamps_beside_the_grid_are_seen() -> None:
    grid = frequency_named("1h", stamps("2020-01-01", "1h", 2))
    steps, regular = grid.place(np.array(["2020-01-01T02:00", "2020-01-01T03:59"], "datetime64[us]"))
    assert regular.tolist() == [True, False]
    assert np.diff(steps).tolist() == [1]
    _, regular = GRIDS["1b"][0], None
    weekend = np.array(["2024-03-02", "2024-03-04"], "datetime64[us]")
    steps, regular = Frequency("business", 1).place(weekend)
    assert regular.tolist() == [False, True]
    assert np.diff(steps).tolist() == [1]


def test_whole_numbers() -> None:
    given = np.array([3, 5, 7, 11])
    found = infer_frequency(given, np.zeros(1, int))
    assert found == frequency_named("2", given)
    assert found is not None
    steps, regular = found.place(np.array([7, 8]))
    assert regular.tolist() == [True, False]
    assert found.stamps(steps).tolist() == [7, 7]


@pytest.mark.parametrize("alias", ["h", "H", "60min", "60T", "3600s"])
def test_other_names(alias: str) -> None:
    assert frequency_named(alias, GRIDS["1h"][0]).name == "1h"


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        (
            "fortnight",
            GRIDS["1h"][0],
            "frequency: expected a number with one of s, min, h, d, b, w, mo, q, y",
        ),
        ("0h", GRIDS["1h"][0], "frequency: expected a number with one of"),
        ("", GRIDS["1h"][0], "frequency: expected a number with one of"),
        (
            "1h",
            np.arange(3),
            "frequency: expected a whole number of steps, got '1h' for a time column of whole",
        ),
    ],
)
def test_wrong_names(name: str, given: np.ndarray, expected: str) -> None:
    with pytest.raises(ArgumentError) as error:
        frequency_named(name, given)
    assert str(error.value).startswith(expected)


def test_calendar_features() -> None:
    hourly = infer_frequency(GRIDS["1h"][0], np.zeros(1, int))
    assert hourly is not None
    cycles = calendar_cycles(hourly)
    assert cycles == ("hour of the day", "day of the week", "day of the month", "day of the year")
    given = np.array(["2024-01-01T06:00", "2024-01-04T18:00"], "datetime64[us]")  # a Monday and a Thursday
    names = [f"{wave} of {name}" for name in cycles for wave in ("sine", "cosine")]
    features = dict(zip(names, calendar_features(given, cycles).T, strict=True))
    np.testing.assert_allclose(features["sine of hour of the day"], [1, -1], atol=1e-6)
    np.testing.assert_allclose(features["cosine of hour of the day"], [0, 0], atol=1e-6)
    place = np.arctan2(features["sine of day of the week"], features["cosine of day of the week"]) / (
        2 * np.pi
    )
    np.testing.assert_allclose(place % 1 * 7, [0, 3], atol=1e-5)
    np.testing.assert_allclose(
        features["cosine of day of the year"], [1, np.cos(2 * np.pi * 3 / 366)], atol=1e-6
    )
    assert calendar_cycles(Frequency("numbers", 1)) == ()
    assert calendar_cycles(Frequency("months", 1)) == ("day of the year",)
    assert calendar_features(given, ()).shape == (2, 0)

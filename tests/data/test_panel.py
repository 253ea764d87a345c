"""Tables of series to panels and windows: what is found, what is filled and said, what is refused."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from elman.data.panel import Panel
from elman.data.panel_building import build_panel
from elman.data.panel_columns import SeriesColumns
from elman.data.panel_sources import file_source, frame_of, frame_source
from elman.data.panel_tables import series_table
from elman.data.windows import Windows, all_windows, next_windows, split_windows
from elman.errors import DataError

BEGIN = datetime(2024, 1, 1)


def hours(count: int, begin: int = 0) -> list[datetime]:
    return [BEGIN + timedelta(hours=begin + k) for k in range(count)]


def long_frame() -> pl.DataFrame:
    """Two series whose rows take turns; b begins two hours later."""
    a = pl.DataFrame({"unique_id": ["a"] * 6, "ds": hours(6), "y": [1.0, 2, 3, 4, 5, 6], "kind": ["x"] * 6})
    b = pl.DataFrame({"unique_id": ["b"] * 4, "ds": hours(4, 2), "y": [10.0, 20, 30, 40], "kind": ["z"] * 4})
    return pl.concat([a, b]).sort("ds", "unique_id")


def panel(frame: pl.DataFrame, columns: SeriesColumns | None = None, **options: Any) -> Panel:
    return build_panel(series_table(frame_source(frame, "df"), columns or SeriesColumns()), **options)


def test_a_long_table() -> None:
    got = panel(long_frame(), SeriesColumns(static=("kind",)))
    assert got.ids == ("a", "b")
    assert got.lengths.tolist() == got.ends.tolist() == [6, 4]
    assert got.values[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 10, 20, 30, 40]
    assert (got.first[1] - got.first[0]) == 2
    assert got.categories["kind"][1] == ("x", "z")
    assert got.stamp_column(got.steps(np.arange(10)), "ds").to_list() == [*hours(6), *hours(4, 2)]
    assert got.notes[0] == (
        "time from 'ds' (found); series by 'unique_id' (by its name); target 'y' (by its name); static 'kind'"
    )


def test_a_series_of_another_rate_is_said() -> None:
    rare = pl.DataFrame({"unique_id": ["c"] * 3, "ds": hours(9)[::4], "y": [1.0, 2, 3], "kind": ["x"] * 3})
    got = panel(pl.concat([long_frame(), rare]))
    assert got.changes[0] == (
        "1 of 3 series have rows farther apart than the frequency 1h, with missing values between: c (4 "
        "steps)"
    )
    assert got.changes[1].startswith("'y': 6 of 19 values missing")
    assert not panel(long_frame()[:-1]).changes


def test_a_wide_file_and_its_missing_values(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv.gz"
    rows = [
        "Time;north;south;name",
        *(f"2024-01-0{d};{d};{'NA' if d == 3 else -d};n{d}" for d in range(1, 8)),
    ]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    table = series_table(file_source(path, "wide.csv.gz"), SeriesColumns())
    assert table.columns.targets == ("north", "south")
    got = build_panel(table)
    assert got.frequency.name == "1d"
    assert got.ids == ("",)
    assert got.values[:, 1].tolist() == [-1, -2, -2, -4, -5, -6, -7]
    assert got.observed[:, 1].tolist() == [True, True, False, True, True, True, True]
    assert got.notes == (
        "time from 'Time' (found); targets 'north', 'south' (all columns of numbers); not used: 'name'",
        "frequency 1d (the most frequent distance)",
        "'south': 1 of 7 values missing: filled in the inputs (fill forward), never counted as truth",
    )


def test_gaps_are_laid_out_and_said() -> None:
    frame = long_frame().filter(~((pl.col("unique_id") == "a") & (pl.col("ds") == hours(6)[3])))
    got = panel(frame)
    assert got.lengths.tolist() == [6, 4]
    assert got.values[:6, 0].tolist() == [1, 2, 3, 3, 5, 6]
    assert not got.observed[3, 0]
    assert "'y': 1 of 10 values missing" in got.notes[-1]


def test_a_date_in_several_columns_and_zones() -> None:
    frame = pl.DataFrame({"year": [2024] * 3, "month": [2] * 3, "day": [28, 29, 1], "v": [1, 2, 3]})
    frame = frame.with_columns(pl.Series("month", [2, 2, 3]))
    got = panel(frame, SeriesColumns(targets=("v",)))
    assert got.frequency.name == "1d"
    zoned = long_frame().with_columns(pl.col("ds").dt.replace_time_zone("Europe/Berlin"))
    back = panel(zoned).stamp_column(panel(zoned).steps(np.arange(10)), "ds")
    assert back.dtype == zoned["ds"].dtype
    assert back[0] == zoned["ds"][0]


def test_rows_to_come_are_kept_and_added() -> None:
    frame = long_frame().with_columns(pl.when(pl.col("ds") < hours(6)[4]).then(pl.col("y")).alias("y"))
    frame = frame.with_columns(pl.Series("heat", np.arange(10.0)))
    got = panel(frame, SeriesColumns(known=("heat",)), ahead=3)
    assert got.ends.tolist() == [4, 2]
    assert got.lengths.tolist() == [7, 5]
    assert got.absent["heat"].tolist() == [False] * 6 + [True] + [False] * 4 + [True]
    assert got.notes[-1].startswith("frequency")  # what is to come is not missing


@pytest.mark.parametrize(("rule", "expected"), [("mean", 2.5), ("last", 3.0), ("sum", 5.0)])
def test_irregular_stamps_are_gathered_and_said(rule: str, expected: float) -> None:
    stamps = [*hours(6), hours(6)[1] + timedelta(minutes=20)]
    frame = pl.DataFrame({"ds": stamps, "y": [1.0, 2, 4, 4, 4, 4, 3]})
    got = panel(frame, irregular=rule, sort=True)
    assert got.values[1, 0] == expected
    assert f"1 of 7 stamps lie beside the grid: gathered into its steps ({rule})" in got.notes
    with pytest.raises(DataError) as error:
        panel(frame, sort=True)
    assert str(error.value) == (
        "df: expected stamps 1h apart, got 2024-01-01 01:20:00 in row 6 beside that grid (1 of 7 stamps). "
        "Name the frequency, or how stamps are gathered into its steps: irregular=mean, last, sum."
    )


def test_other_frames() -> None:
    plain = frame_of(
        {"ds": np.array(["2024-01-01", "2024-01-02"], "datetime64[D]"), "y": [1, 2], "s": ["p", "q"]}
    )
    assert plain.schema == {"ds": pl.Date, "y": pl.Int64, "s": pl.String}
    pandas = pytest.importorskip("pandas")
    again = frame_of(pandas.DataFrame({"ds": pandas.to_datetime(["2024-01-01"]), "y": [1.5], "s": ["p"]}))
    assert again["y"].to_list() == [1.5]
    assert again["ds"].dtype.is_temporal()
    with pytest.raises(DataError, match=r"df: expected a table .polars, pandas, a dictionary., got list"):
        frame_of([1, 2])


def change(**columns: Any) -> pl.DataFrame:
    return long_frame().with_columns(**columns)


@pytest.mark.parametrize(
    ("frame", "columns", "options", "expected"),
    [
        (change(), {"targets": ("yy",)}, {}, "df: target: unknown name 'yy'. Did you mean 'y'"),
        (change(), {"known": ("kin",)}, {}, "df: known: unknown name 'kin'. Did you mean 'kind'"),
        (change(), {"time": ("dss",)}, {}, "df: time_column: unknown name 'dss'. Did you mean 'ds'"),
        (change(), {"categories": ("kind",)}, {}, "df: categories: expected names among the covariates"),
        (
            long_frame().reverse(),
            {},
            {},
            "df: expected the stamps of series 'b' in order, got 2024-01-01 04:00:00 in row 2 "
            "behind 2024-01-01 05:00:00. Sort the table, or let it be done: sort=True (--sort). Where it "
            "holds several series, name the column that tells them apart (id_column).",
        ),
        (
            pl.concat([long_frame()[:2], long_frame()]).sort("unique_id", "ds"),
            {},
            {},
            "df: expected each stamp of series 'a' once, got 2024-01-01 00:00:00 in the rows 0 and 1.",
        ),
        (
            change(y=pl.when(pl.col("unique_id") == "b").then(None).otherwise(pl.col("y"))),
            {},
            {},
            "df: expected values of 'y', got none for series 'b'.",
        ),
        (
            change(y=pl.col("y").cast(pl.String).replace("20.0", "twenty")),
            {"targets": ("y",)},
            {},
            "df: column 'y': expected numbers, got 'twenty' in row 5.",
        ),
        (
            change(ds=pl.col("ds").cast(pl.String).str.replace("2024-01-01 03", "2024-13-01 03")),
            {},
            {},
            "df: expected a time stamp in every row, got '2024-13-01 03:00:00.000000' in row 4.",
        ),
        (
            change(kind=pl.Series(list("xxxxyyyyzz"))),
            {"static": ("kind",)},
            {},
            "df: static column 'kind': expected one value in each series, got several for series 'a'.",
        ),
        (change(y=pl.lit(float("inf"))), {}, {}, "df: column 'y': expected numbers, got inf in row 0."),
        (
            long_frame().filter(~((pl.col("unique_id") == "b") & (pl.col("y") == 20.0))),
            {},
            {"filling": "refuse"},
            "df: column 'y': expected no missing values, got 1, the first at 2024-01-01 03:00:00 in series "
            "'b'. Fill them first, or by rule: fill=forward, seasonal, zero.",
        ),
        (long_frame()[:0], {}, {}, "df: expected at least one row, got an empty table."),
        (pl.DataFrame({"a": [1]}), {}, {}, "df: expected a column of time stamps, found none in 'a'."),
        (pl.DataFrame({"ds": [1, 2], "b": ["x", "y"]}), {}, {}, "df: expected a column y or columns"),
        (long_frame()[:1], {}, {}, "df: expected series of two rows or more, got one row each."),
        (
            pl.DataFrame({"ds": [0, 1, 10**9], "y": [1, 2, 3]}),
            {},
            {},
            "df: expected rows about 1 apart, got 3 rows spread over 1,000,000,001 steps.",
        ),
    ],
)  # fmt: skip
def test_refused(
    frame: pl.DataFrame, columns: dict[str, Any], options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(DataError) as error:
        panel(frame, SeriesColumns(**columns), **options)
    assert str(error.value).startswith(expected)


def wanted(lengths: list[int], begins: list[int], ends: list[int], horizon: int) -> list[tuple[int, int]]:
    """Every (series, origin) whose horizon lies between begin and end, by trying all."""
    return [
        (n, origin)
        for n, length in enumerate(lengths)
        for origin in range(length)
        if origin >= begins[n] and origin + horizon <= ends[n]
    ]


def listed(windows: Windows) -> list[tuple[int, int]]:
    series, origins, channels = windows.locate(np.arange(len(windows)))
    assert (channels == np.arange(len(windows)) % windows.channels).all()
    return [(int(n), int(origin)) for n, origin in zip(series, origins, strict=True)][:: windows.channels]


def test_windows_of_parts() -> None:
    frame = pl.DataFrame(
        {"unique_id": ["a"] * 40 + ["b"] * 25, "ds": [*range(40), *range(25)], "y": range(65)}
    )
    got = panel(frame)
    train, valid, test = split_windows(got, horizon=3, lookback=5, channels=1, steps=(20, 8, 6))
    assert listed(train) == wanted([40, 25], [5, 5], [20, 20], 3)
    assert valid is not None
    assert listed(valid) == wanted([40, 25], [20, 20], [28, 25], 3)
    assert test is not None
    assert listed(test) == wanted([40, 25], [28, 25], [34, 25], 3)  # the second series has no step left
    train, valid, test = split_windows(got, horizon=3, lookback=5, channels=2, shares=(0.1, 0.2))
    assert listed(train) == wanted([40, 25], [5, 5], [28, 17], 3)
    assert valid is not None
    assert listed(valid) == wanted([40, 25], [28, 17], [32, 20], 3)
    assert test is not None
    assert listed(test) == wanted([40, 25], [32, 20], [40, 25], 3)
    assert listed(all_windows(got, horizon=3, lookback=5, channels=1)) == wanted(
        [40, 25], [5, 5], [40, 25], 3
    )
    assert listed(next_windows(got, horizon=3, lookback=5, channels=1)) == [(0, 40), (1, 25)]
    thinned = all_windows(got, horizon=3, lookback=5, channels=2).thinned(10)
    assert len(thinned) == 10
    assert thinned[-1] == len(all_windows(got, horizon=3, lookback=5, channels=2)) - 1


def test_a_short_series_gives_one_window_at_least() -> None:
    got = panel(pl.DataFrame({"ds": range(8), "y": range(8)}))
    train, valid, _ = split_windows(got, horizon=2, lookback=100, channels=1, shares=(0.1, 0.0))
    assert listed(train) == [(0, 4)]
    assert valid is not None
    assert listed(valid) == [(0, 6)]
    with pytest.raises(DataError) as error:
        split_windows(got, horizon=4, lookback=100, channels=1, shares=(0.1, 0.0))
    assert str(error.value) == (
        "df: expected a series with more than 4 steps (the horizon) for training, got at most 8 steps, 4 of "
        "them for training. Choose a shorter horizon, or hold out less."
    )

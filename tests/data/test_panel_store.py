"""Panels of files: read in pieces and mapped from a store, they are those of the same table in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from elman.data import filling, frequency, panel, panel_store, row_order, table_files
from elman.data.panel import Panel
from elman.data.panel_columns import SeriesColumns
from elman.data.panel_sources import file_source, frame_source
from elman.data.panel_store import panel_of_source
from elman.errors import DataError

COVARIATES = SeriesColumns(
    series="place", targets=("pm2.5", "DEWP"), known=("TEMP", "cbwd"), past=("Iws",), static=("kind",)
)


@pytest.fixture(autouse=True)
def pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pieces far smaller than the tables, whose ends lie anywhere in a series."""
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(table_files, "PIECE", 10_000)
    monkeypatch.setattr(table_files, "ROWS", 97)
    for module in (filling, frequency, panel, row_order):
        monkeypatch.setattr(module, "BLOCK", 101)


@pytest.fixture(scope="module")
def air() -> pl.DataFrame:
    """Beijing's air with its holes, as two places of which one begins later; days are left out."""
    path = Path(os.environ["ELMAN_DATA"]) / "timeseries" / "beijing_pm25.csv.gz"
    table = pl.read_csv(path, null_values="NA", infer_schema_length=None)[300:1200]
    table = table.select(pl.datetime("year", "month", "day", "hour").alias("ds"), "pm2.5", "DEWP", "TEMP",
                         "cbwd", "Iws")  # fmt: skip
    one = table.with_columns(pl.lit("north").alias("place"), pl.lit("park").alias("kind"))
    two = table[200:].with_columns(pl.lit("south").alias("place"), pl.lit("road").alias("kind"))
    return pl.concat([one, two.filter(pl.col("ds").dt.day() != 20)])


def same(got: Panel, wanted: Panel) -> None:
    assert (got.ids, got.columns, got.frequency, got.notes) == (
        wanted.ids, wanted.columns, wanted.frequency, wanted.notes
    )  # fmt: skip
    for name in ("starts", "lengths", "ends", "first", "observed"):
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)
    np.testing.assert_allclose(got.values, wanted.values, rtol=1e-13)  # a mean by pieces rounds otherwise
    for name in wanted.numbers:
        np.testing.assert_allclose(got.numbers[name], wanted.numbers[name], rtol=1e-13, err_msg=name)
    for name, (codes, texts) in wanted.categories.items():
        assert got.categories[name][1] == texts
        np.testing.assert_array_equal(got.categories[name][0], codes, err_msg=name)
    for name in wanted.absent:
        np.testing.assert_array_equal(got.absent[name], wanted.absent[name], err_msg=name)


def written(table: pl.DataFrame, path: Path) -> Path:
    {".csv": table.write_csv, ".parquet": table.write_parquet, ".jsonl": table.write_ndjson}[path.suffix](
        path
    )
    return path


@pytest.mark.data
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(
    ("order", "settings"),
    [
        (["place", "ds"], {}),
        (["ds", "place"], {"filling": "seasonal"}),
        (["cbwd", "pm2.5"], {"sort": True, "ahead": 30}),
        (["place", "ds"], {"irregular": "mean", "frequency": "3h", "filling": "zero"}),
        (["ds", "place"], {"irregular": "sum", "frequency": "5h"}),
    ],
)
def test_a_file_gives_the_same_as_a_frame(
    air: pl.DataFrame, tmp_path: Path, order: list[str], settings: dict[str, Any], ending: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    table = air.sort(order, maintain_order=True)
    path = written(table, tmp_path / f"air.{ending}")
    got = panel_of_source(file_source(path, "air"), COVARIATES, **settings)
    for module in (filling, frequency, panel, row_order):
        monkeypatch.setattr(module, "BLOCK", 1 << 18)
    same(got, panel_of_source(frame_source(table, "air"), COVARIATES, **settings))
    assert isinstance(got.values.base, np.memmap)
    assert got.notes[-1].count("missing") == 1 or "sort" in settings or "irregular" in settings


@pytest.mark.data
def test_the_store_serves_until_its_source_changes(
    air: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(air, tmp_path / "air.csv")
    first = panel_of_source(file_source(path, "air"), COVARIATES)
    with monkeypatch.context() as patched:
        patched.setattr(panel_store, "series_table", lambda *_, **__: pytest.fail("read again"))
        same(panel_of_source(file_source(path, "air"), COVARIATES), first)
    folder = next((tmp_path / "cache" / "panels").iterdir())
    (folder / "values").unlink()
    (folder / "values").write_bytes(b"cut off")
    same(panel_of_source(file_source(path, "air"), COVARIATES), first)
    written(air.with_columns(pl.col("pm2.5") + 1), path)
    again = panel_of_source(file_source(path, "air"), COVARIATES)
    np.testing.assert_array_equal(again.values[:, 0], first.values[:, 0] + 1)
    assert len(list((tmp_path / "cache" / "panels").iterdir())) == 1


@pytest.mark.data
def test_rows_to_come_from_a_file(air: pl.DataFrame, tmp_path: Path) -> None:
    """Known covariates are taken from there, targets are not; messages name its rows."""
    cut = air["ds"].max() - pl.duration(hours=24)
    table, coming = air.filter(pl.col("ds") <= cut), air.filter(pl.col("ds") > cut)
    path = written(table, tmp_path / "air.csv")
    ahead = written(coming.drop("Iws", "DEWP"), tmp_path / "coming.csv")
    future = file_source(ahead, "future", what="future")
    got = panel_of_source(file_source(path, "air"), COVARIATES, future=future, ahead=24)
    assert (got.lengths - got.ends).tolist() == [24, 24]
    assert not got.absent["TEMP"].any()
    assert not got.observed[got.starts + got.ends].any()
    expected = air.filter(pl.col("place") == "south")["TEMP"][-24:].to_numpy()
    np.testing.assert_array_equal(got.numbers["TEMP"][-24:], expected)
    twice = written(pl.concat([coming, coming[-1:]]), tmp_path / "twice.csv")
    future = file_source(twice, "future", what="future")
    with pytest.raises(DataError) as error:
        panel_of_source(file_source(path, "air"), COVARIATES, future=future)
    assert str(error.value).startswith("air: expected each stamp of series 'south' once, got 2010-02-19")
    assert "in the rows 49 of future and 50 of future. Remove one of them" in str(error.value)


CSV = "unique_id,ds,y,x\n" + "".join(f"a,{hour},{hour / 2},{hour % 3}\n" for hour in range(2000))


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        (CSV + "a,2000,1.0,low\n", {"known": ("x",)},
         "t: column 'x': expected numbers, got 'low' in row 2002."),
        (CSV + "a,2000,much,1\n", {}, "t: column 'y': expected numbers, got 'much' in row 2002."),
        (CSV + "a,later,1,1\n", {}, "t: expected a time stamp in every row, got 'later' in row 2002."),
        (CSV + "a,1700,1,1\n", {}, "t: expected the stamps of series 'a' in order, got 1700 in row 2002 "
         "behind 1999. Sort the table"),
        (CSV + "NA,2000,1,1\n", {}, "t: expected the name of a series in every row, got none in row 2002."),
        ("ds,y,y\n1,2,3\n", {}, "{path}: expected different names of the columns, got 'y' twice."),
        ("ds,y\n", {}, "{path}: expected at least one example, got only a header."),
        ("ds,y\n1.5,2\n", {}, "t: column 'ds': expected dates or whole numbers as time stamps, got Float64."),
    ],
)  # fmt: skip
def test_refused_far_behind_the_first_piece(
    content: str, columns: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        panel_of_source(file_source(path, "t"), SeriesColumns(**columns))
    assert str(error.value).startswith(expected.format(path=path))
    assert not list((tmp_path / "cache").glob("panels/.*"))  # nothing half-written is left


def test_zones_and_dates_of_files(tmp_path: Path) -> None:
    zoned = "ds,y\n" + "".join(f"2024-01-0{day}T12:00:00+01:00,{day}\n" for day in range(1, 8))
    (tmp_path / "zoned.csv").write_text(zoned)
    got = panel_of_source(file_source(tmp_path / "zoned.csv", "t"), SeriesColumns())
    stamps = got.stamp_column(got.steps(np.arange(2)), "ds")
    assert stamps.dtype == pl.Datetime("us", "UTC")
    assert str(stamps[0]) == "2024-01-01 11:00:00+00:00"
    plain = "ds,y\n" + "".join(f"0{day}.01.2024,{day}\n" for day in range(1, 8))
    (tmp_path / "plain.csv").write_text(plain)
    got = panel_of_source(file_source(tmp_path / "plain.csv", "t"), SeriesColumns())
    assert got.stamp_column(got.steps(np.arange(7)), "ds").to_list()[-1].isoformat() == "2024-01-07"

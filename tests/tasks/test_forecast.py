"""The task forecast on real slices: it learns, gives intervals, goes on after a stop, refuses bad input."""

from __future__ import annotations

import json
import re
import sys
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from elman.data.panel_sources import frame_source
from elman.errors import ArgumentError, DataError, MissingError, RunError
from elman.estimators import Forecaster, load
from elman.tasks.forecast import ForecastOptions
from elman.tasks.forecasting.forecasts import forecasts
from elman.tasks.forecasting.picture import draw_forecasts
from elman.tasks.forecasting.reading import panel_of, read_splits, splits_of
from elman.tasks.jobs import train
from elman.tasks.saved import open_model
from elman.tasks.using import evaluate, predict
from elman.train import loop

pytestmark = pytest.mark.data
QUICK: dict[str, Any] = {"hidden_size": 32, "horizon": 12, "lookback": 96, "windows": 1500, "epochs": 4,
                         "batch_size": 64}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """Ten weeks of three of ETTh1's columns, hourly."""
    import os

    frame = pl.read_csv(Path(os.environ["ELMAN_DATA"]) / "ett" / "ETTh1.csv.gz", try_parse_dates=True)
    return frame.select("date", "HUFL", "MUFL", "OT")[:1680]


@pytest.fixture(scope="module")
def air() -> pl.DataFrame:
    """Ten weeks of Beijing's PM2.5 with the weather."""
    import os

    path = Path(os.environ["ELMAN_DATA"]) / "timeseries" / "beijing_pm25.csv.gz"
    frame = pl.read_csv(path, null_values="NA", infer_schema_length=None)
    return frame.select("year", "month", "day", "hour", "pm2.5", "TEMP", "Iws", "cbwd")[500:2180]


@pytest.fixture(scope="module")
def fitted(table: pl.DataFrame) -> Forecaster:
    return Forecaster(**QUICK).fit(table[:1440])


def test_it_learns_and_says_what_it_chose(
    table: pl.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, run = tmp_path / "load.csv", tmp_path / "run"
    table.write_csv(file)
    options = ForecastOptions(data=str(file), out=str(run), split="1000/300/380", **QUICK)
    train("forecast", options, Console(width=200))
    said = capsys.readouterr().out
    assert "targets 'HUFL', 'MUFL', 'OT' (all columns of numbers)" in said
    assert "decoder segments, segment 12, normalize last" in said
    result = json.loads((run / "result.json").read_text())
    assert result["test"]["mae"] < result["baselines"]["seasonal naive"]["mae"]
    assert result["test"]["mae"] < result["baselines"]["drift"]["mae"]
    assert 0.8 < result["test"]["coverage_90"] < 0.97
    assert result["test"]["windows"] == 3 * (380 - 12 + 1)
    assert len(result["test"]["steps"]["mae"]) == 12
    assert np.mean(result["test"]["steps"]["mae"]) == pytest.approx(result["test"]["mae"])
    assert (run / "forecasts.png").read_bytes().startswith(b"\x89PNG")
    figures = evaluate(str(run), Console(width=200))
    assert figures["mae"] == pytest.approx(result["test"]["mae"])
    every = evaluate(str(run), Console(width=200), data=str(file), split="all")
    assert every["windows"] > figures["windows"]
    out = tmp_path / "ahead.csv"
    assert predict(str(run), Console(), data=str(file), out=str(out), samples=2) == 3 * 12
    ahead = pl.read_csv(out, try_parse_dates=True)
    assert ahead.columns == [
        "unique_id",
        "date",
        "y_hat",
        "lo-80",
        "hi-80",
        "lo-90",
        "hi-90",
        "sample-1",
        "sample-2",
    ]
    assert predict(str(run), Console()) == 3 * 12 * len(range(0, 380 - 12 + 1, 12))
    tested = pl.read_csv(run / "predictions.csv", try_parse_dates=True)
    assert tested.columns[:5] == ["unique_id", "date", "cutoff", "y", "y_hat"]
    rolling = evaluate(str(run), Console(quiet=True), step=12)
    assert (tested["y"] - tested["y_hat"]).abs().mean() == pytest.approx(rolling["more"]["mae_original"])
    assert ahead["date"][0] == table["date"][-1] + timedelta(hours=1)


def test_intervals_and_the_table(fitted: Forecaster, table: pl.DataFrame) -> None:
    said = fitted.predict()
    assert said["unique_id"].to_list() == [name for name in ("HUFL", "MUFL", "OT") for _ in range(12)]
    assert said["date"].to_list() == 3 * table["date"][1440:1452].to_list()
    assert (said["lo-90"] <= said["lo-80"]).all()
    assert (said["lo-80"] <= said["y_hat"]).all()
    assert (said["hi-80"] <= said["hi-90"]).all()
    truth = table[1440:1452].unpivot(index="date", variable_name="unique_id", value_name="y")
    joined = said.join(truth, on=["unique_id", "date"])
    assert len(joined) == 36
    later = fitted.predict(table[:1500])
    assert later["date"][0] == table["date"][1500]
    assert not later["y_hat"].equals(said["y_hat"])


def test_rolling_origins(fitted: Forecaster, table: pl.DataFrame) -> None:
    tested = fitted.backtest(table, windows=5, step=24)
    assert len(tested) == 5 * 3 * 12
    assert sorted(tested["cutoff"].unique()) == [
        table["date"][1680 - 12 - 1 - 24 * k] for k in reversed(range(5))
    ]
    truth = table.unpivot(index="date", variable_name="unique_id", value_name="true")
    joined = tested.join(truth, on=["unique_id", "date"])
    assert joined["y"].to_list() == pytest.approx(joined["true"].to_list())
    one = tested.filter(pl.col("cutoff") == pl.col("cutoff").max())
    before = fitted.predict(table[: 1680 - 12])
    assert one["y_hat"].to_list() == pytest.approx(before["y_hat"].to_list(), rel=1e-5)
    assert fitted.score(table[1300:]) == pytest.approx(-fitted.figures(table[1300:])["mae"])


def test_rolling_origins_with_a_new_model_each(table: pl.DataFrame) -> None:
    small = Forecaster(**{**QUICK, "epochs": 1, "windows": 200})
    tested = small.backtest(table[:700], windows=2, refit=True)
    assert len(tested) == 2 * 3 * 12
    first = Forecaster(**{**QUICK, "epochs": 1, "windows": 200}).fit(table[: 700 - 24]).predict()
    assert tested["y_hat"].to_list()[:36] == pytest.approx(first["y_hat"].to_list(), rel=1e-4)


def test_saved_and_loaded(fitted: Forecaster, table: pl.DataFrame, tmp_path: Path) -> None:
    fitted.save(tmp_path / "kept")
    again = load(tmp_path / "kept")
    assert again.predict(table[:1440]).equals(fitted.predict())
    with pytest.raises(
        ArgumentError, match=r"^X: expected a table to forecast from, since a loaded model has none"
    ):
        again.predict()


@pytest.mark.parametrize("output", ["quantile", "gaussian", "student"])
@pytest.mark.parametrize("decoder", ["direct", "recursive", "segments"])
def test_outputs_and_decoders(output: str, decoder: str, table: pl.DataFrame) -> None:
    options = {**QUICK, "hidden_size": 12, "lookback": 36, "epochs": 2, "windows": 400}
    model = Forecaster(**options, decoder=decoder, output=output).fit(table[:600])
    said = model.predict()
    assert (said["lo-90"] < said["y_hat"]).all()
    assert (said["y_hat"] < said["hi-90"]).all()
    figures = model.figures(table[500:620])
    assert 0.75 < figures["coverage_90"] <= 1.0
    assert figures["crps"] < figures["mae"]
    paths = model.sample(30, seed=3)
    assert paths.columns == ["unique_id", "date", "path", "y"]
    assert len(paths) == 30 * 36
    assert paths.equals(model.sample(30, seed=3))
    middle = paths.group_by("unique_id", "date", maintain_order=True).agg(pl.col("y").median())
    inside = (middle["y"] > said["lo-90"]) & (middle["y"] < said["hi-90"])
    assert inside.mean() > 0.9  # type: ignore[operator]
    one = paths.filter((pl.col("path") == 0) & (pl.col("unique_id") == "OT"))["y"].to_numpy()
    two = paths.filter((pl.col("path") == 1) & (pl.col("unique_id") == "OT"))["y"].to_numpy()
    assert np.abs(one - two).max() > 0


def test_counts(air: pl.DataFrame) -> None:
    counts = air.with_columns(pl.col("pm2.5").fill_null(strategy="forward").fill_null(50))
    model = Forecaster(
        **{**QUICK, "epochs": 2}, output="negative-binomial", target="pm2.5", decoder="recursive"
    ).fit(counts)
    assert model.model_.about["options"]["normalize"] == "mean"
    said, paths = model.predict(), model.sample(5)
    assert (said["lo-90"] >= 0).all()
    assert (paths["y"] == paths["y"].round()).all()
    assert paths["y"].min() >= 0  # type: ignore[operator]
    with pytest.raises(DataError, match=r"expected counts .* for the output negative-binomial, got -3"):
        Forecaster(**QUICK, output="negative-binomial", target="TEMP").fit(
            counts.with_columns(pl.col("TEMP"))
        )


@pytest.mark.filterwarnings("ignore:df. .* values missing")
def test_covariates(air: pl.DataFrame) -> None:
    known = {"target": "pm2.5", "known": ["TEMP", "cbwd"], "past": "Iws"}
    model = Forecaster(**{**QUICK, "epochs": 1}, **known).fit(air[:1600])  # type: ignore[arg-type]
    assert [c.name for c in model.model_.parts["features"].known] == ["TEMP", "cbwd"]
    assert model.model_.about["options"]["calendar"] is True
    coming = air[1600:1612].drop("pm2.5", "Iws")
    said = model.predict(future=coming)
    assert len(said) == 12
    warmer = model.predict(future=coming.with_columns(pl.col("TEMP") + 15))
    assert not warmer["y_hat"].equals(said["y_hat"])
    both = pl.concat([air[:1600], coming], how="diagonal_relaxed")
    assert model.predict(both)["y_hat"].to_list() == pytest.approx(said["y_hat"].to_list())
    with pytest.raises(DataError) as error:
        model.predict()
    assert str(error.value).startswith(
        "future: expected a value of 'TEMP' at each of the 12 steps behind the last value of the series, "
        "got none at "
    )
    with pytest.raises(DataError) as error:
        model.predict(future=coming.rename({"TEMP": "TEMPR"}))
    assert str(error.value) == (
        "future: expected the covariate 'TEMP', which the model was trained with, in the rows to come, got "
        "'year', 'month', 'day', 'hour', 'TEMPR', 'cbwd'. Did you mean 'TEMPR'? Add the column, or train "
        "without it."
    )
    with pytest.raises(DataError, match=r"^future: expected the time column 'day', .* Add the column, with"):
        model.predict(future=coming.drop("day"))


@pytest.mark.filterwarnings("ignore:df. .* values missing")
def test_a_recursive_decoder_reads_what_is_known_of_the_past_only(air: pl.DataFrame, tmp_path: Path) -> None:
    """A covariate, and which values of PM2.5 are missing: 43 of these are."""
    options = {**QUICK, "epochs": 4, "learning_rate": 0.01, "target": "pm2.5", "past": "Iws"}
    assert air[:1600]["pm2.5"].null_count() > 20
    model = Forecaster(**options, decoder="recursive", output="gaussian").fit(air[:1600])
    assert model.model_.parts["features"].flags
    history = model.history_
    assert history[-1]["valid_loss"] < history[0]["valid_loss"]
    said = model.predict()
    model.save(tmp_path / "run")
    assert load(tmp_path / "run").predict(air[:1600]).equals(said)
    calm = air[:1600].with_columns(
        pl.when(pl.int_range(pl.len()) > 1560).then(0.0).otherwise("Iws").alias("Iws")
    )
    gap = air[:1600].with_columns(
        pl.when(pl.int_range(pl.len()).is_between(1580, 1590)).then(None).otherwise("pm2.5").alias("pm2.5")
    )
    for other in (calm, gap):
        assert (model.predict(other)["y_hat"] - said["y_hat"]).abs().min() > 0  # type: ignore[operator]
    paths = model.sample(20, seed=1)
    assert len(paths) == 20 * 12
    assert paths["y"].is_finite().all()


def test_a_stopped_run_ends_with_the_same_weights(
    table: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "load.csv"
    table[:900].write_csv(file)
    options = ForecastOptions(data=str(file), split="500/150/150", **{**QUICK, "windows": 400, "epochs": 2})
    train("forecast", options.replace(out=str(tmp_path / "whole")), Console(quiet=True))
    steps = 0

    def stop_once(*arguments: Any, **keywords: Any) -> loop.Outcome:
        def stop() -> bool:
            nonlocal steps
            steps += 1
            return steps == 5

        return loop.fit(*arguments, **{**keywords, "stop": stop})

    monkeypatch.setattr("elman.tasks.jobs.fit", stop_once)
    halved = options.replace(out=str(tmp_path / "halved"))
    train("forecast", halved, Console(quiet=True))
    assert not (tmp_path / "halved" / "result.json").exists()
    train("forecast", halved.replace(resume=True), Console(quiet=True))
    whole, again = (open_model(tmp_path / name)[1].module.state_dict() for name in ("whole", "halved"))
    assert whole.keys() == again.keys()
    for name, tensor in whole.items():
        assert tensor.equal(again[name]), name


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        ({"horizon": 5000}, DataError, "df: expected a series with more than 5000 steps (the horizon)"),
        ({"target": "OTT"}, DataError, "df: target: unknown name 'OTT'. Did you mean 'OT'"),
        ({"decoder": "segment"}, ArgumentError, "decoder: unknown name 'segment'. Did you mean 'segments'"),
        ({"levels": "80,120"}, ArgumentError, "levels: expected whole numbers of 1 to 99, such as 80,90"),
        ({"quantiles": [0.1, 2]}, ArgumentError, "quantiles: expected numbers between 0 and 1"),
        ({"bidirectional": True}, ArgumentError, "bidirectional: expected it only with decoder direct"),
        (
            {"bidirectional": True, "decoder": "direct", "bptt": 4},
            ArgumentError,
            "bptt: expected one direction",
        ),
        (
            {"output": "negative-binomial", "normalize": "last"},
            ArgumentError,
            "normalize: expected mean, by which counts stay counts, got last with",
        ),
        ({"frequency": "hour"}, ArgumentError, "frequency: expected a number with one of s, min, h"),
        ({"fill": "linear"}, ArgumentError, "fill: unknown name 'linear'. "),
    ],
)  # fmt: skip
def test_refused(options: dict[str, Any], error: type[Exception], expected: str, table: pl.DataFrame) -> None:
    with pytest.raises(error) as raised:
        Forecaster(**{**QUICK, **options}).fit(table)
    assert str(raised.value).startswith(expected)


def test_refused_files(table: pl.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    table.write_csv(file)
    for changes, error, expected in (
        ({"data": ""}, ArgumentError, "data: expected a file with a table, got ''."),
        (
            {"split": "8/2"},
            ArgumentError,
            "split: expected three numbers of steps, such as 8640/2880/2880, got '8/2'.",
        ),
        (
            {"test": "other.csv"},
            ArgumentError,
            "test: expected no file of its own, since parts follow one another",
        ),
        ({"data": str(tmp_path / "laod.csv")}, DataError, "data: expected a file, got "),
        (
            {"split": "1500/300/10", "horizon": 12, "target": "OT"},
            DataError,
            f"{file}: split: expected a test part of 12 steps (the horizon) or more within the 1,680 steps "
            "there are, got none by 1500/300/10. "
            "Choose other numbers of steps, 0 for a part that is not wanted.",
        ),
        (
            {"target": "OT", "known": "HUFL,OT"},
            DataError,
            f"{file}: known: expected columns that are nothing else, got 'OT', which is named as target too. "
            "Leave it out of one of them.",
        ),
        (
            {"auto_ets": 2, "test_share": 0.0, "target": "OT"},
            ArgumentError,
            "auto_ets: expected 0 without a test part, as it is fitted there, got 2.",
        ),
        ({"auto_ets": 2, "baselines": False}, ArgumentError, "auto_ets: expected 0 without baselines"),
        (
            {"samples": 3},
            ArgumentError,
            "samples: expected it in elman predict, beside --data, whose next steps",
        ),
        (
            {"future": "c.csv"},
            ArgumentError,
            "future: expected it in elman predict, beside --data, whose next steps",
        ),
    ):
        options = ForecastOptions(**{"data": str(file), "out": str(tmp_path / "run"), **changes})
        with pytest.raises(error) as raised:
            train("forecast", options, Console(quiet=True))
        assert str(raised.value).startswith(expected)
    assert not (tmp_path / "run").exists()
    with pytest.raises(RunError):
        evaluate(str(tmp_path / "run"), Console(quiet=True))


def test_a_missing_package_is_said_before_training(
    table: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write_csv(tmp_path / "load.csv")
    options = ForecastOptions(data=str(tmp_path / "load.csv"), out=str(tmp_path / "run"), auto_ets=2)
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(MissingError, match=r"AutoETS needs the package statsforecast"):
        train("forecast", options, Console(quiet=True))
    assert not (tmp_path / "run").exists()


def test_constant_series_are_said_and_have_no_mase(table: pl.DataFrame) -> None:
    flat = table[:600].with_columns(pl.lit(3.0).alias("MUFL"))
    with pytest.warns(UserWarning, match=r"df: 1 constant in the training part, without a MASE: MUFL"):
        model = Forecaster(**{**QUICK, "epochs": 1, "windows": 200}).fit(flat)
    figures = model.figures(flat)
    assert figures["without_mase"] == figures["windows"] // 3
    assert np.isfinite(figures["mase"])
    said = model.predict().filter(pl.col("unique_id") == "MUFL")
    np.testing.assert_allclose(said["y_hat"], 3.0, atol=0.5)


def test_series_that_are_all_constant_are_refused(table: pl.DataFrame) -> None:
    flat = table[:600].with_columns(pl.col(pl.Float64).map_batches(lambda column: column * 0 + 3))
    with pytest.raises(
        DataError, match=r"df: expected a target that changes, got the same number at every step"
    ):
        Forecaster(**{**QUICK, "epochs": 1, "windows": 200}).fit(flat)


def test_constant_covariates_are_said(air: pl.DataFrame, tmp_path: Path) -> None:
    """TEMP changes, though only behind the training part, and so does wind in its first row alone."""
    steady = air.with_columns(
        TEMP=pl.when(pl.int_range(pl.len()) < 1500).then(pl.lit(1e9 / 3)).otherwise(pl.col("TEMP")),
        Iws=pl.when(pl.int_range(pl.len()) < 1).then(pl.lit(2.0)).otherwise(pl.lit(1.0)),
        cbwd=pl.lit("NW"),
    )
    given = {**QUICK, "epochs": 1, "windows": 200, "target": "pm2.5", "past": "TEMP,Iws,cbwd"}
    said = "2 of 3 covariates never change in the training part: 'TEMP', 'cbwd'"
    with warnings.catch_warnings(record=True) as warned:  # of gaps too
        warnings.simplefilter("always")
        model = Forecaster(**given, validation_share=0.2).fit(steady)
    assert f"df: {said}" in [str(one.message) for one in warned]
    assert model.model_.parts["features"].past[0].scale == 1.0  # not what rounding leaves of a deviation
    steady.write_csv(tmp_path / "air.csv")
    options = ForecastOptions(data=str(tmp_path / "air.csv"), split="1344/168/168", **given)
    assert said in read_splits(options).notes


def test_a_long_table_with_rows_to_come_and_all_kinds_of_covariates(
    table: pl.DataFrame, tmp_path: Path
) -> None:
    """Two series that begin at different times, as files on the command line have them; names by option."""
    long = table.select("date", "HUFL", "MUFL").unpivot(
        index="date", variable_name="meter", value_name="load"
    )
    long = long.with_columns(
        weekend=(pl.col("date").dt.weekday() > 5).cast(pl.Int8),
        kind=pl.when(pl.col("meter") == "HUFL").then(pl.lit("high")).otherwise(pl.lit("middle")),
        seen=pl.col("load").shift(3),
    ).filter((pl.col("meter") == "HUFL") | (pl.col("date") >= table["date"][200]))
    cut = table["date"][900]
    past, future, out, run = (tmp_path / name for name in ("past.parquet", "future.csv", "out.csv", "run"))
    long.filter(pl.col("date") < cut).write_parquet(past)
    coming = long.filter(pl.col("date") >= cut, pl.col("date") < table["date"][912])
    coming.select("meter", "date", "weekend").write_csv(future)
    options = ForecastOptions(
        data=str(past), out=str(run), target="load", id_column="meter", time_column="date", known="weekend",
        categories="weekend", past="seen", static="kind", auto_ets=2, **QUICK | {"windows": 400, "epochs": 1},
    )  # fmt: skip
    train("forecast", options, Console(quiet=True))
    names = json.loads((run / "result.json").read_text())["baselines"].keys()
    ets = next(name for name in names if name.startswith("AutoETS at "))
    beside = ets.replace("AutoETS at", "the network at these")
    assert beside in names
    card = (run / "README.md").read_text()
    assert f"| baseline: {ets}, test |" in card
    assert f"| {beside}, test |" in card
    figures = run / "figures.json"
    evaluate(str(run), Console(quiet=True), data=str(past), out=str(figures), step=200, auto_ets=3)
    names = json.loads(figures.read_text())["baselines"].keys()  # of 4 and 3 origins every third
    assert "AutoETS at 3 origins" in names
    for given, expected in (
        ({"auto_ets": -2}, "auto_ets: expected a whole number of 0 or more (origins), got"),
        ({"future": str(future)}, "future: expected it in elman predict alone"),
    ):
        with pytest.raises(ArgumentError, match=re.escape(expected)):
            evaluate(str(run), Console(quiet=True), data=str(past), **given)
    with pytest.raises(ArgumentError, match=r"^future: expected it in elman predict, beside --data"):
        predict(str(run), Console(quiet=True), out=str(tmp_path / "no.csv"), future=str(future))
    assert predict(str(run), Console(quiet=True), data=str(past), out=str(out), future=str(future)) == 24
    said = pl.read_csv(out, try_parse_dates=True)
    joined = said.join(long, on=["meter", "date"])
    assert len(joined) == 24
    assert joined.columns[:3] == ["meter", "date", "y_hat"]
    module = open_model(str(run))[1].module
    assert module.sizes.series == 2  # type: ignore[union-attr]
    assert module.sizes.known == 2 + 2 + 8  # type: ignore[union-attr]  # categories, static, calendar
    with pytest.raises(DataError, match=r"^future: expected a value of 'weekend' at each of the 12 steps"):
        predict(str(run), Console(quiet=True), data=str(past), out=str(tmp_path / "no.csv"))


def test_a_lookback_longer_than_the_series(table: pl.DataFrame) -> None:
    """Of all series an error, of some a warning, here and where a short series is forecast."""
    with pytest.raises(DataError) as error:
        Forecaster(**{**QUICK, "lookback": 400}).fit(table[:400])
    assert str(error.value) == (
        "df: lookback: expected at most the 348 steps that the longest series has before a horizon of 12 in "
        "the training part, got 400. Choose a smaller one, or leave it out."
    )
    long = table[:300].select(pl.lit("long").alias("unique_id"), "date", pl.col("OT").alias("y"))
    both = pl.concat([long, long[:60].with_columns(pl.lit("brief").alias("unique_id"))])
    quick = {**QUICK, "epochs": 1, "windows": 100}
    note = (
        "df: 1 of 2 series have fewer steps than the lookback of 96: their first step stands for those "
        r"before it \(brief\)"
    )
    with pytest.warns(UserWarning, match=note):
        model = Forecaster(**quick).fit(both)
    with pytest.warns(UserWarning, match=note):
        assert len(model.predict()) == 24


def test_what_is_filled_is_said_in_python(air: pl.DataFrame) -> None:
    holed = air.select("year", "month", "day", "hour", "pm2.5")
    with pytest.warns(UserWarning, match=r"df: 'pm2.5': \d+ of 1,680 values missing: filled in the inputs"):
        Forecaster(**{**QUICK, "epochs": 1, "windows": 100}).fit(holed)


def test_the_past_is_joined_to_what_came(fitted: Forecaster, table: pl.DataFrame) -> None:
    splits = splits_of(
        panel_of(frame_source(table, "df"), fitted.options()), fitted.options(), test_share=0.1
    )
    windows = splits.last
    parts = list(forecasts(fitted.model_, windows, np.array([0, 5])))
    picture = draw_forecasts(windows.panel, parts, (90,), together=False)
    for axes in picture.axes[:2]:
        past, came, ahead = (line.get_xydata() for line in axes.get_lines())
        np.testing.assert_array_equal(came[0], past[-1])
        np.testing.assert_array_equal(came[1:, 0], ahead[:, 0])

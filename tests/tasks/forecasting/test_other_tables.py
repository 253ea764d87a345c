"""A trained model and other tables than that of its training: which columns are read, which are missing."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

import elman
from elman.errors import DataError
from elman.tasks.forecast import Forecaster, ForecastOptions
from elman.tasks.jobs import train
from elman.tasks.using import evaluate, predict


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a load with two loads beside it, known of the past, and a temperature known ahead."""
    folder = tmp_path_factory.mktemp("tables")
    steps = np.arange(200)
    table = pl.DataFrame(
        {
            "ds": [datetime(2026, 1, 1) + timedelta(hours=n) for n in steps.tolist()],
            "y": np.sin(steps / 4),
            "HUFL": np.cos(steps / 4),
            "MUFL": np.cos(steps / 5),
            "temperature": np.cos(steps / 9),
            "note": ["seen"] * 200,
        }
    )
    table.write_csv(folder / "load.csv")
    options = ForecastOptions(
        data=str(folder / "load.csv"),
        out=str(folder / "run"),
        past="HUFL,MUFL",
        known="temperature",
        horizon=4,
        lookback=24,
        hidden_size=4,
        epochs=1,
        windows=32,
        baselines=False,
    )
    train("forecast", options, Console(quiet=True))
    table.drop("HUFL", "MUFL").write_csv(folder / "less.csv")
    table.rename({"temperature": "temperatur"}).write_csv(folder / "renamed.csv")
    table.rename({"y": "load"}).write_csv(folder / "other.csv")
    return folder / "run"


REMEDY = (
    "Give a table with all columns that the model was trained on, under the same names, or train one without."
)
WRONG = {
    "less.csv": "past: expected the columns 'HUFL', 'MUFL', which the model reads of the past, got only "
    f"'ds', 'y', 'temperature', 'note'. {REMEDY}",
    "renamed.csv": "known: expected the column 'temperature', which the model reads, known ahead, got only "
    f"'ds', 'y', 'HUFL', 'MUFL', 'temperatur', 'note'. Did you mean 'temperatur'? {REMEDY}",
    "other.csv": "target: expected the column 'y', which the model forecasts, got only "
    f"'ds', 'load', 'HUFL', 'MUFL', 'temperature', 'note'. {REMEDY}",
}


@pytest.mark.parametrize("job", [predict, evaluate])
@pytest.mark.parametrize("name", WRONG)
def test_a_column_that_is_missing_is_named_beside_those_that_are_there(job, name: str, run: Path) -> None:
    file = run.parent / name
    with pytest.raises(DataError) as error:
        job(str(run), Console(quiet=True), data=str(file))
    assert str(error.value) == f"{file}: {WRONG[name]}"


def test_it_is_in_python(run: Path) -> None:
    forecaster = elman.load(run)
    assert isinstance(forecaster, Forecaster)
    frame = pl.read_csv(run.parent / "less.csv", try_parse_dates=True)
    for use in (forecaster.predict, forecaster.score, forecaster.backtest):
        with pytest.raises(DataError) as error:
            use(frame)
        assert str(error.value) == f"df: {WRONG['less.csv']}"


def test_the_columns_taken_are_said_as_in_training(run: Path) -> None:
    said = io.StringIO()
    file, out = run.parent / "load.csv", run.parent / "figures.json"
    evaluate(str(run), Console(file=said, width=400), data=str(file), out=str(out))
    columns = (
        "time from 'ds' (named); target 'y' (named); known ahead 'temperature'; of the past 'HUFL', 'MUFL'; "
        "not used: 'note'"
    )
    assert f"  {columns}\n" in said.getvalue()
    read = json.loads(out.read_text())
    assert read["data"] == f"{file}, every window"
    assert columns in read["notes"]
    said.truncate(0)
    now, coming = run.parent / "now.csv", run.parent / "coming.csv"
    ahead = pl.read_csv(file, try_parse_dates=True)
    ahead[:196].write_csv(now)
    ahead[196:].write_csv(coming)
    predict(str(run), Console(file=said, width=400), data=str(now), future=str(coming))
    assert f"  {columns}\n" in said.getvalue()

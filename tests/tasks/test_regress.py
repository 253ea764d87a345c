"""regress: a number for each sequence, from Python and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import is_regressor
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score

import elman
from elman import cli
from elman.data import Examples, Sequences
from elman.data.named import sst2
from elman.data.splits import hold_out_any
from elman.data.ts_files import parse_ts
from elman.errors import ArgumentError, DataError
from elman.estimators import Regressor, load
from elman.tasks.regress import TASK
from elman.tasks.regressing.baselines import error_figures

BUNCH = load_digits()
IMAGES = (BUNCH.images / 16.0).astype(np.float32)  # type: ignore[attr-defined]
INK = IMAGES.sum((1, 2)).astype(np.float64)  # what a network adds up over the rows
NUMBER = BUNCH.target.astype(np.float64)  # type: ignore[attr-defined]
SMALL: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 24,
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 0.01,
    "bidirectional": False,
}


@pytest.fixture(scope="module")
def fitted() -> Regressor:
    return Regressor(**SMALL).fit(IMAGES[:600], NUMBER[:600])


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        cli.main(arguments)
    return int(ending.value.code or 0)


def long_table(path: Path, images: np.ndarray, numbers: np.ndarray) -> Path:
    """A row for each row of an image."""
    count, steps, features = images.shape
    columns = {"id": np.repeat(np.arange(count), steps), "time": np.tile(np.arange(steps), count)}
    columns |= {f"x{k}": images[:, :, k].ravel() for k in range(features)}
    pl.DataFrame({**columns, "label": np.repeat(numbers, steps)}).write_csv(path)
    return path


def test_it_reads_digits_as_numbers_better_than_ridge_regression(fitted: Regressor) -> None:
    test = Examples(Sequences.from_dense(IMAGES[600:900]), NUMBER[600:900], "test")
    train = Examples(Sequences.from_dense(IMAGES[:600]), NUMBER[:600], "train")
    figures = TASK.figures(fitted.model_, test)
    rules = TASK.baselines(fitted.model_, test, train)
    assert figures["rmse"] < 0.8 * rules["summary features"]["rmse"] < 0.8 * rules["mean"]["rmse"]
    assert figures["r2"] == pytest.approx(fitted.score(IMAGES[600:900], NUMBER[600:900]), abs=1e-12)
    assert figures["sequences"] == 300


def test_manners(fitted: Regressor, tmp_path: Path) -> None:
    assert is_regressor(fitted)
    assert elman.Regressor is Regressor
    assert (fitted.n_features_in_, fitted.n_iter_) == (8, 8)
    said = fitted.predict(IMAGES[600:700])
    assert said.shape == (100,)
    assert said.dtype == np.float64
    assert 3 < np.ptp(said) < 15  # in the units of y, not of their deviation
    fitted.save(tmp_path / "kept")
    loaded = load(tmp_path / "kept")
    assert np.array_equal(loaded.predict(IMAGES[600:700]), said)
    ragged = [image[: 3 + k % 6] for k, image in enumerate(IMAGES[:40])]
    np.testing.assert_allclose(
        fitted.predict(ragged)[:5], [fitted.predict([row])[0] for row in ragged[:5]], atol=1e-5
    )


def test_units_do_not_matter() -> None:
    """Targets in other units: the same network, and its answers in those units."""
    plain = Regressor(**SMALL, seed=1).fit(IMAGES[:200], INK[:200]).predict(IMAGES[200:260])
    moved = Regressor(**SMALL, seed=1).fit(IMAGES[:200], 4e3 * INK[:200] - 7e5).predict(IMAGES[200:260])
    np.testing.assert_allclose(moved, 4e3 * plain - 7e5, rtol=1e-3)


def test_the_loss_is_a_choice() -> None:
    """One target in ten is far off: the square of the error runs after it, its size does not."""
    broken = INK[:400].copy()
    broken[::10] += 400.0
    errors = {}
    for loss in ("squared", "absolute", "huber"):
        model = Regressor(**SMALL, loss=loss, validation_share=0.0).fit(IMAGES[:400], broken)
        said = model.predict(IMAGES[400:600])
        errors[loss] = error_figures(INK[400:600], said)["mae"]
        assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]
    assert errors["absolute"] < 0.5 * errors["squared"]
    assert errors["huber"] < errors["squared"]


def test_figures() -> None:
    truth, said = np.array([1.0, 2.0, 4.0, 9.0]), np.array([1.0, 4.0, 4.0, 6.0])
    figures = error_figures(truth, said)
    assert figures == pytest.approx({"rmse": (13 / 4) ** 0.5, "mae": 5 / 4, "r2": r2_score(truth, said)})
    assert "r2" not in error_figures(np.array([2.0, 2.0]), np.array([1.0, 2.0]))


def test_a_share_is_held_out_whatever_the_numbers() -> None:
    examples = Examples(Sequences.from_dense(IMAGES[:50]), INK[:50], "x")
    kept, held = hold_out_any(examples, 0.2, seed=3)
    assert held is not None
    assert (len(kept), len(held)) == (40, 10)
    assert kept.labels is not None
    assert held.labels is not None
    assert sorted([*kept.labels, *held.labels]) == sorted(INK[:50])
    again = hold_out_any(examples, 0.2, seed=3)[1]
    other = hold_out_any(examples, 0.2, seed=4)[1]
    assert again is not None
    assert other is not None
    assert np.array_equal(again.labels, held.labels)  # type: ignore[arg-type]
    assert not np.array_equal(other.labels, held.labels)  # type: ignore[arg-type]
    assert hold_out_any(examples, 0.0, seed=3)[1] is None
    assert len(hold_out_any(examples.select(np.arange(1)), 0.9, seed=3)[0]) == 1


def test_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = long_table(tmp_path / "ink.csv", IMAGES[:300], INK[:300])
    options = ["--hidden", "16", "--epochs", "6", "--learning-rate", "0.02"]
    assert call("train", "regress", "--data", str(data), "--out", "run", *options) == 0
    said = capsys.readouterr().out
    for part in ("targets of the training data: ", "baseline: mean", "baseline: summary features", "rmse"):
        assert part in said
    run = tmp_path / "run"
    result = json.loads((run / "result.json").read_text())
    assert result["test"]["rmse"] < result["baselines"]["mean"]["rmse"] / 2
    for name in ("README.md", "predictions.png", "learning_curve.png"):
        assert (run / name).stat().st_size > 0
    assert call("evaluate", "run", "--data", str(data)) == 0
    assert "rmse" in capsys.readouterr().out
    new = long_table(tmp_path / "new.csv", IMAGES[300:320], INK[300:320])
    unlabelled = pl.read_csv(new).drop("label")
    unlabelled.write_csv(new)
    assert call("predict", "run", "--data", str(new), "--out", "said.csv") == 0
    table = pl.read_csv("said.csv")
    assert table.columns == ["row", "name", "prediction"]
    error = np.abs(table["prediction"].to_numpy() - INK[300:320]).mean()
    assert error < np.abs(INK[300:320] - INK[:300].mean()).mean() / 2
    assert call("report", "run") == 0
    page = (run / "report.html").read_text()
    for part in ("Predictions against the truth", "Sequences with the largest errors", "Gradient"):
        assert part in page


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    data = long_table(tmp_path / "ink.csv", IMAGES[:80], INK[:80])
    common = ["train", "regress", "--data", str(data), "--hidden", "8", "--no-baselines"]
    common += ["--schedule", "constant"]
    assert call(*common, "--epochs", "4", "--out", str(tmp_path / "whole")) == 0
    assert call(*common, "--epochs", "2", "--out", str(tmp_path / "half")) == 0
    assert call("train", "regress", "--out", str(tmp_path / "half"), "--resume", "--epochs", "4") == 0
    whole, half = (load(tmp_path / name).predict(IMAGES[80:90]) for name in ("whole", "half"))
    assert np.array_equal(whole, half)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (
            ["a", "b", "c"] * 10,
            r"y: expected a finite number for each example, got 'a' in row 0\. .*classify",
        ),
        ([1.5, 2.5, float("nan")] * 10, r"expected a finite number for each example, got nan in row 2\."),
        ([2.5] * 30, r"expected targets that differ, got 2\.5 for every example\."),
    ],
)
def test_targets_that_are_none(y: list[Any], expected: str) -> None:
    with pytest.raises(DataError, match=expected.removeprefix("y: ")):
        Regressor(**SMALL).fit(IMAGES[:30], y)


def test_a_loss_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="loss"):
        Regressor(loss="squares").fit(IMAGES[:30], INK[:30])


def test_classes_are_for_another_task() -> None:
    with pytest.raises(DataError, match=r"got .* in row 0\. For numbers .* there is the task regress"):
        elman.Classifier().fit(IMAGES[:30], INK[:30])


def test_regressions_of_the_archive() -> None:
    """The format of the time series regression archive: a number stands last."""
    head = "@problemName P\n@univariate true\n@classLabel false\n@targetLabel true\n@data\n"
    read = parse_ts([(head + "1,2,3:4.5\n2,3,4:6\n").encode()], "p.ts")
    assert read.labels is not None
    assert read.labels.tolist() == [4.5, 6.0]
    with pytest.raises(DataError, match=r"p\.ts: line 7: expected a number at the end, .* got 'x'"):
        parse_ts([(head + "1,2,3:4.5\n2,3,4:x\n").encode()], "p.ts")


@pytest.mark.data
def test_the_dust_of_a_day_from_its_weather(data_folder: Path) -> None:
    """Beijing 2010 to 2014: the mean PM2.5 of a day from 24 hours of weather, the last year held out."""
    hours = pl.read_csv(
        data_folder / "timeseries" / "beijing_pm25.csv.gz", null_values="NA", infer_schema_length=None
    )
    hours = hours.with_columns(day=pl.int_range(pl.len()) // 24)
    days = hours.group_by("day", maintain_order=True).agg(
        pl.col("pm2.5").mean().alias("dust"), pl.col("year").first(), pl.col("pm2.5").count().alias("known")
    )
    weather = hours.select("DEWP", "TEMP", "PRES", pl.col("Iws").log1p()).to_numpy().reshape(-1, 24, 4)
    good = (days["known"] >= 12).to_numpy()
    last = (days["year"] == 2014).to_numpy()
    y = days["dust"].fill_null(0.0).log1p().to_numpy()
    options = {"hidden_size": 32, "epochs": 10, "batch_size": 16, "dropout": 0.2, "pooling": "mean"}
    model = Regressor(**options).fit(weather[good & ~last], y[good & ~last])
    test = Examples(Sequences.from_dense(weather[good & last].astype(np.float32)), y[good & last], "2014")
    train = Examples(
        Sequences.from_dense(weather[good & ~last].astype(np.float32)), y[good & ~last], "before"
    )
    figures, rules = TASK.figures(model.model_, test), TASK.baselines(model.model_, test, train)
    assert figures["r2"] > 0.4
    assert figures["rmse"] < rules["summary features"]["rmse"] < rules["mean"]["rmse"]


@pytest.mark.data
def test_texts() -> None:
    """How positive a sentence is, as a number."""
    splits = sst2()
    assert splits.test is not None
    train, test = splits.train.select(np.arange(0, 6920, 3)), splits.test.select(np.arange(0, 1821, 3))
    assert train.labels is not None
    model = Regressor(epochs=3, hidden_size=48, embedding_size=64).fit(train.inputs, train.labels)
    figures, rules = TASK.figures(model.model_, test), TASK.baselines(model.model_, test, train)
    assert set(rules) == {"mean", "bag of words", "TF-IDF"}
    assert figures["r2"] > 0.1
    assert rules["TF-IDF"]["r2"] > 0.1

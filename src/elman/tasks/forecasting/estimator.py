"""Forecaster: forecasts of tables of series, with scikit-learn's manners."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import polars as pl
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from elman.data.panel import Panel
from elman.data.panel_sources import frame_of, frame_source
from elman.data.windows import Windows
from elman.errors import DataError, wrong
from elman.tasks.estimator import Estimator
from elman.tasks.forecasting.forecasts import figures_of, sample_paths
from elman.tasks.forecasting.options import ForecastOptions, joined
from elman.tasks.forecasting.reading import (
    check_same_columns,
    panel_of,
    short_series,
    splits_of,
    windows_to_evaluate,
    windows_to_predict,
)
from elman.tasks.forecasting.tables import table_of
from elman.train.options import check, from_mapping

LISTS = ("target", "time_column", "known", "past", "static", "categories", "quantiles", "levels")


class Forecaster(Estimator):
    """A recurrent network that forecasts series, by scikit-learn's conventions.

    A table is a polars or pandas frame, or a dictionary of columns: long, with a column that says whose row
    it is (unique_id), one of time stamps (ds) and one of values (y), or wide, with a column of values for
    each series.
    The parameters are those of `ForecastOptions` that are not about files, with the same defaults; lists of
    columns, quantiles and levels may be lists or texts with commas. Those that are None are chosen from the
    data (`forecaster.model_.about["options"]` says how).

    What is missing or irregular in a table and was filled or gathered by the rules of the options, series
    that are shorter than the lookback and such that never change are warned of (`UserWarning`).

    After `fit`: n_iter_ (epochs), history_ (a record for each epoch), table_ (the table, to forecast from).
    """

    task_name = "forecast"
    options_type = ForecastOptions
    table_: pl.DataFrame

    def options(self) -> ForecastOptions:
        given = self.get_params(deep=False)
        given |= {name: joined(given[name]) for name in LISTS}
        options = ForecastOptions(**given)
        check(options)
        return options

    def fit(self, X: Any, y: None = None) -> Forecaster:
        """Train on a table; the last `validation_share` of each series chooses the epoch and the intervals.

        Raises `ArgumentError` for a bad parameter, `DataError` for bad data, `RunError` if the loss becomes
        NaN.
        """
        frame = frame_of(X)
        panel = panel_of(frame_source(frame, "df"), self.options())
        splits = splits_of(panel, self.options(), test_share=0.0)
        _warn([*panel.changes, *splits.notes[len(panel.notes) :]])
        self._learn(splits)
        self.table_ = frame
        return self

    def predict(self, X: Any = None, future: Any = None) -> pl.DataFrame:
        """The `horizon` steps behind each series: a table with y_hat and the intervals, ready to be joined.

        X: the table to forecast from, that of `fit` unless given. future: rows to come, with the covariates
        that are known ahead; they may also stand in X, without a value of the target.

        Raises `DataError` for a covariate that is missing there.
        """
        return table_of(self.model_, self._ahead(X, future))

    def sample(self, paths: int = 100, X: Any = None, future: Any = None, *, seed: int = 0) -> pl.DataFrame:
        """Sample paths of the steps ahead: a row for each path (from 0) and row of `predict`, its value in
        y.
        """
        if paths < 1:
            raise wrong("paths", expected="a whole number of 1 or more", got=paths)
        windows = self._ahead(X, future)
        base = self.predict(X, future)
        base = base.select(
            [name for name in base.columns if name != "y_hat" and name[:3] not in ("lo-", "hi-")]
        )
        drawn = sample_paths(self.model_, windows, paths, seed)  # (paths, W, H, C)
        return pl.concat(
            base.with_columns(pl.lit(number).alias("path"), pl.Series("y", path.swapaxes(1, 2).reshape(-1)))
            for number, path in enumerate(drawn)
        )

    def backtest(
        self, X: Any = None, *, windows: int = 10, step: int | None = None, refit: bool = False
    ) -> pl.DataFrame:
        """Forecasts from rolling origins at the end of each series, beside what came (y) and the `cutoff`.

        windows: how many origins. step: steps between them, a horizon unless given. refit: train anew before
        each origin on what came before it; else the fitted model is used, which should not have seen these
        steps: fit it on an earlier part of the table.
        """
        if windows < 1 or (step is not None and step < 1):
            raise wrong("windows and step", expected="whole numbers of 1 or more", got=(windows, step))
        panel, options = self._panel(X, refit=refit)
        horizon = options.horizon or max(1, options.season or panel.frequency.season)
        apart = step or horizon
        last = panel.ends - horizon
        if (last - (windows - 1) * apart < 1).any():
            raise DataError(
                f"windows: expected at most as many origins as each series has room for, got {windows}, "
                f"{apart} "
                f"steps apart, with a shortest series of {int(panel.ends.min())} steps."
            )
        begins = last - (windows - 1) * apart
        if not refit:
            return self._backtested(panel, begins, last + 1, apart)
        tables = []
        for number in range(windows):
            origins = begins + number * apart
            model = cast(Forecaster, clone(self))
            model._learn(
                splits_of(replace(panel, ends=origins), options, test_share=0.0)
            )  # blind to the rest
            tables.append(model._backtested(panel, origins, origins + 1, 1))
        return pl.concat(tables)

    def _backtested(self, panel: Panel, begins: np.ndarray, stops: np.ndarray, step: int) -> pl.DataFrame:
        """The forecasts from origins `step` apart, beside the truth."""
        features, options = self.model_.parts["features"], self._fitted
        assert options.horizon is not None
        assert options.lookback is not None
        windows = Windows(panel, begins, stops, options.lookback, options.horizon, step, features.channels)
        return table_of(self.model_, windows, backtest=True).sort("cutoff", maintain_order=True)

    def score(self, X: Any, y: None = None) -> float:
        """Minus the mean absolute error, on the scale of the training part, over every window of a table."""
        check_is_fitted(self, "model_")
        panel, options = self._panel(X)
        windows, _ = windows_to_evaluate(panel, options)
        return -figures_of(self.model_, windows).result()["mae"]

    def figures(self, X: Any) -> dict[str, Any]:
        """All figures over every window of a table; see `elman.train.forecast_metrics.ForecastFigures`."""
        check_is_fitted(self, "model_")
        panel, options = self._panel(X)
        return figures_of(self.model_, windows_to_evaluate(panel, options)[0]).result()

    def _ahead(self, X: Any, future: Any) -> Windows:
        """The window behind each series of a table."""
        check_is_fitted(self, "model_")
        if X is None and not hasattr(self, "table_"):
            raise wrong("X", expected="a table to forecast from, since a loaded model has none", got=None)
        options = self._fitted
        source = frame_source(self.table_ if X is None else frame_of(X), "df")
        check_same_columns(source, options)
        coming = None if future is None else frame_source(frame_of(future, what="future"), "future")
        panel = panel_of(source, options, ahead=options.horizon or 0, future=coming)
        windows = windows_to_predict(panel, options)
        _warn([*panel.changes, *short_series(windows, panel.ends)])
        return windows

    def _panel(self, X: Any, *, refit: bool = False) -> tuple[Panel, ForecastOptions]:
        if not refit:
            check_is_fitted(self, "model_")
        if X is None and not hasattr(self, "table_"):
            raise wrong("X", expected="a table", got=None)
        source = frame_source(self.table_ if X is None else frame_of(X), "df")
        options = self.options() if refit else self._fitted
        if not refit:
            check_same_columns(source, options)
        return panel_of(source, options), options

    @property
    def _fitted(self) -> ForecastOptions:
        """The options of the fitted model, with all that was chosen."""
        return from_mapping(
            ForecastOptions, cast(Mapping[str, Any], self.model_.about["options"]), origin="model"
        )


def _warn(notes: Sequence[str]) -> None:
    """Say what was done to a table beyond reading it."""
    for note in notes:
        warnings.warn(f"df: {note}", UserWarning, stacklevel=3)

"""Forecasts as tables, ready to be joined to the user's own."""

from __future__ import annotations

import numpy as np
import polars as pl

from elman.data.panel import Panel
from elman.data.windows import Windows
from elman.tasks.forecasting.forecasts import Forecast, forecasts, network_of
from elman.tasks.task import Model


def table_of(model: Model, windows: Windows, *, backtest: bool = False) -> pl.DataFrame:
    """The model's forecasts of the windows as a table; see `forecast_table`."""
    parts, levels = list(forecasts(model, windows)), network_of(model).calibration.levels
    together = model.parts["features"].together
    return forecast_table(windows.panel, parts, levels, together=together, backtest=backtest)


def forecast_table(
    panel: Panel, parts: list[Forecast], levels: tuple[int, ...], *, together: bool, backtest: bool = False
) -> pl.DataFrame:
    """A row for each series, target and step ahead: the names, the stamp, y_hat, lo-90 and hi-90 of each
    level.

    The columns of series and time are called as in the user's table (unique_id and ds where it has none); a
    table without a column of series has its targets as series; one with several targets a column `target`.
    backtest: put `cutoff` (the stamp before the origin) behind the stamp and the true y before y_hat (none
    where it is not known).
    """
    horizon = parts[0].point.shape[1]
    rows: dict[str, list[np.ndarray]] = {}
    for part in parts:
        targets = part.point.shape[2]
        channels = np.arange(targets)[None] + (0 if together else part.channels[:, None])
        _, ahead, _ = np.indices(part.point.shape)
        shape = part.point.shape
        step = panel.first[part.series][:, None, None] + part.origins[:, None, None] + ahead
        columns = {
            "series": np.broadcast_to(part.series[:, None, None], shape),
            "target": np.broadcast_to(channels[:, None], shape),
            "step": step,
            "cutoff": np.broadcast_to(step[:, :1] - 1, shape),
            "y": np.where(part.observed, part.truth, np.nan),
            "y_hat": part.point,
        }
        for place, level in enumerate(levels):
            columns[f"lo-{level}"], columns[f"hi-{level}"] = (
                part.intervals[..., place, end] for end in (0, 1)
            )
        for name, values in columns.items():  # by window, target, step
            rows.setdefault(name, []).append(values.swapaxes(1, 2).reshape(-1))
    joined = {name: np.concatenate(values) for name, values in rows.items()}
    assert all(len(values) % horizon == 0 for values in joined.values())
    table = pl.DataFrame(_names(panel, joined["series"], joined["target"]))
    time = time_name(panel)
    table = table.with_columns(panel.stamp_column(joined["step"], time))
    if backtest:
        table = table.with_columns(
            panel.stamp_column(joined["cutoff"], "cutoff"), pl.Series("y", joined["y"]).fill_nan(None)
        )
    intervals = [pl.Series(name, values) for name, values in joined.items() if name[:3] in ("lo-", "hi-")]
    return table.with_columns(pl.Series("y_hat", joined["y_hat"]), *intervals)


def time_name(panel: Panel) -> str:
    """The column of the stamps in tables that are given back."""
    return panel.columns.time[0] if len(panel.columns.time) == 1 else "ds"


def _names(panel: Panel, series: np.ndarray, targets: np.ndarray) -> dict[str, pl.Series]:
    """The columns that say whose row it is."""
    called = np.array(panel.columns.targets, dtype=object)[targets]
    if panel.columns.series is None:
        return {"unique_id": pl.Series("unique_id", called.tolist(), dtype=pl.String)}
    ids = np.array(panel.ids, dtype=object)[series]
    named = {panel.columns.series: pl.Series(panel.columns.series, ids.tolist(), dtype=pl.String)}
    if len(panel.columns.targets) > 1:
        named["target"] = pl.Series("target", called.tolist(), dtype=pl.String)
    return named

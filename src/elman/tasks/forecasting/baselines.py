"""Forecasts without learning: what a network has to beat.

Dimensions: B windows, H steps ahead, C targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from elman.data.panel import Panel
from elman.errors import missing

MOST_FITTED = 1_000  # steps of a series, before an origin, to which AutoETS is fitted

Baseline = Callable[[Panel, np.ndarray, np.ndarray, int, int], np.ndarray]


def seasonal_naive(
    panel: Panel, series: np.ndarray, origins: np.ndarray, horizon: int, season: int
) -> np.ndarray:
    """The value a season before, (B, H, C); of a shorter past the last value.

    Hyndman & Athanasopoulos 2021, Forecasting: principles and practice, section 5.2, as is `drift`.

    series, origins: (B,) which series, and the step of it that is forecast first.
    """
    lag = np.where(origins >= season, season, 1)[:, None]
    ahead = np.arange(horizon)
    steps = origins[:, None] - lag + ahead % lag
    return panel.values[panel.starts[series][:, None] + steps]


def drift(panel: Panel, series: np.ndarray, origins: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """On the line from the first value of the series through the last one, (B, H, C)."""
    starts = panel.starts[series]
    first, last = panel.values[starts], panel.values[starts + origins - 1]
    slope = (last - first) / np.maximum(origins - 1, 1)[:, None]
    return last[:, None] + slope[:, None] * np.arange(1, horizon + 1)[None, :, None]


def auto_ets(panel: Panel, series: np.ndarray, origins: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """Exponential smoothing whose form is chosen by AICc (Hyndman et al. 2002), fitted at each origin anew.

    It is fitted on the last `MOST_FITTED` steps. Seasons of more than 24 steps are taken as none, as R's
    `ets` does. Needs the extra `forecast`.
    """
    model: Any = _statsforecast().AutoETS(season_length=season if 1 < season <= 24 else 1)
    said = np.empty((len(series), horizon, panel.values.shape[1]))
    for row, (one, origin) in enumerate(zip(series, origins, strict=True)):
        start = panel.starts[one]
        for c in range(said.shape[2]):
            past = np.ascontiguousarray(panel.values[start : start + origin, c][-MOST_FITTED:])
            said[row, :, c] = model.forecast(y=past, h=horizon)["mean"]
    return said


def check_auto_ets() -> None:
    """Raise `MissingError` where the package that fits AutoETS is missing, before anything is trained."""
    _statsforecast()


def _statsforecast() -> Any:
    try:
        from statsforecast import models
    except ImportError as error:
        raise missing("statsforecast", extra="forecast", what="the baseline AutoETS") from error
    return models


BASELINES: dict[str, Baseline] = {"seasonal naive": seasonal_naive, "drift": drift}

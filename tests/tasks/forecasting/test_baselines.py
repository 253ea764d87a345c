"""Baselines against loops, and AutoETS on a real slice."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from elman.data.panel_building import build_panel
from elman.data.panel_columns import SeriesColumns
from elman.data.panel_sources import frame_source
from elman.data.panel_tables import series_table
from elman.data.windows import all_windows
from elman.errors import MissingError
from elman.tasks.forecasting.baselines import auto_ets, drift, seasonal_naive
from elman.tasks.forecasting.features import Features
from elman.tasks.forecasting.forecasts import baseline_figures

VALUES = np.random.default_rng(2).normal(size=(20, 2)).cumsum(0)
PANEL = build_panel(
    series_table(
        frame_source(
            pl.DataFrame({"unique_id": ["a"] * 8 + ["b"] * 12, "ds": [*range(8), *range(12)],
                          "y": VALUES[:, 0], "z": VALUES[:, 1]}), "df"),
        SeriesColumns(targets=("y", "z")),
    )
)  # fmt: skip
SERIES, ORIGINS = np.array([0, 1, 1, 0]), np.array([6, 9, 2, 8])
H, SEASON = 5, 3


def pasts() -> list[np.ndarray]:
    return [VALUES[8 * n :][:origin] for n, origin in zip(SERIES, ORIGINS, strict=True)]


def test_seasonal_naive() -> None:
    said = seasonal_naive(PANEL, SERIES, ORIGINS, H, SEASON)
    for row, past in enumerate(pasts()):
        lag = SEASON if len(past) >= SEASON else 1
        grown = list(past)
        for _ in range(H):
            grown.append(grown[-lag])
        np.testing.assert_allclose(said[row], grown[-H:])


def test_drift() -> None:
    said = drift(PANEL, SERIES, ORIGINS, H, SEASON)
    for row, past in enumerate(pasts()):
        slope = (past[-1] - past[0]) / (len(past) - 1)
        line = past[-1] + slope * np.arange(1, H + 1)[:, None]
        np.testing.assert_allclose(said[row], line)


def test_mase_of_the_seasonal_naive_forecast() -> None:
    """One step ahead inside the training part it is exactly 1, which is what MASE means."""
    windows = all_windows(PANEL, horizon=1, lookback=SEASON, channels=2)
    features = Features.learn(PANEL, windows, calendar=False, season=SEASON, together=False, counts=False)
    figures = baseline_figures(features, windows, seasonal_naive).result()
    errors = []
    for part in (VALUES[:8], VALUES[8:]):
        changes = np.abs(part[SEASON:] - part[:-SEASON])
        errors.append(changes / changes.mean(0))
    assert figures["mase"] == pytest.approx(np.concatenate(errors).mean()) == pytest.approx(1.0)


@pytest.mark.data
def test_auto_ets_follows_a_real_season(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("statsforecast")
    frame = pl.read_csv(Path(os.environ["ELMAN_DATA"]) / "ett" / "ETTh1.csv.gz")
    panel = build_panel(series_table(frame_source(frame[:400], "ETTh1"), SeriesColumns(targets=("OT",))))
    origins = np.array([300, 348])
    series = np.zeros(2, dtype=np.int64)
    truth = np.stack([panel.values[origin : origin + 24] for origin in origins])
    error = np.abs(auto_ets(panel, series, origins, 24, 24) - truth).mean()
    assert error < np.abs(drift(panel, series, origins, 24, 24) - truth).mean()
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("statsforecast"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingError, match=r"AutoETS needs the package statsforecast.*elman\[forecast\]"):
        auto_ets(panel, series, origins, 24, 24)

"""Figures of forecasts against plain sums, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from elman.train.forecast_metrics import ForecastFigures

RANDOM = np.random.default_rng(3)
B, H, C = 7, 3, 2
TRUTH, POINT = RANDOM.normal(size=(2, B, H, C)) * 5
OBSERVED = RANDOM.random((B, H, C)) < 0.8
DEVIATION = RANDOM.random((B, C)) + 0.5
NAIVE = np.where(RANDOM.random((B, C)) < 0.3, np.nan, RANDOM.random((B, C)) + 0.5)
INTERVALS = np.stack([POINT[..., None] - [1.0, 4.0], POINT[..., None] + [2.0, 4.0]], -1)


def figures(batches: int) -> ForecastFigures:
    got = ForecastFigures(H, (50, 90))
    for rows in np.array_split(np.arange(B), batches):
        got.add(
            TRUTH[rows], POINT[rows], OBSERVED[rows], deviation=DEVIATION[rows], naive=NAIVE[rows],
            intervals=INTERVALS[rows],
        )  # fmt: skip
    return got


def plain(step: int | None) -> dict[str, float]:
    """Every figure by a loop over single values."""
    found: dict[str, list[float]] = {}
    for b in range(B):
        for h in range(H):
            for c in range(C):
                if not OBSERVED[b, h, c] or step not in (None, h):
                    continue
                y, f = TRUTH[b, h, c], POINT[b, h, c]
                values = {
                    "mse": ((y - f) / DEVIATION[b, c]) ** 2,
                    "mae": abs(y - f) / DEVIATION[b, c],
                    "mse_original": (y - f) ** 2,
                    "mae_original": abs(y - f),
                    "smape": 200 * abs(y - f) / (abs(y) + abs(f)),
                    "crps": abs(y - f) / DEVIATION[b, c],
                    "coverage_50": float(f - 1 <= y <= f + 2),
                    "coverage_90": float(f - 4 <= y <= f + 4),
                    "width_90": 8 / DEVIATION[b, c],
                }
                if not np.isnan(NAIVE[b, c]):
                    values["mase"] = abs(y - f) / NAIVE[b, c]
                for name, value in values.items():
                    found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


@pytest.mark.parametrize("batches", [1, 3])
def test_against_a_loop(batches: int) -> None:
    got = figures(batches).result()
    assert got["windows"] == B
    assert got["without_mase"] == int(np.isnan(NAIVE).all(1).sum())
    for name, value in plain(None).items():
        assert got[name] == pytest.approx(value), name
    for step in range(H):
        for name, value in plain(step).items():
            assert got["steps"][name][step] == pytest.approx(value), name


def test_what_cannot_be_is_left_out() -> None:
    got = ForecastFigures(H)
    got.add(
        TRUTH, POINT, OBSERVED & (np.arange(H) < 2)[None, :, None],
        deviation=DEVIATION, naive=np.full((B, C), np.nan),
    )  # fmt: skip
    result = got.result()
    assert "mase" not in result
    assert result["without_mase"] == B
    assert result["steps"]["mae"][2] is None
    zeros = ForecastFigures(1)
    zeros.add(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)), np.ones((1, 1, 1), bool),
              deviation=np.ones((1, 1)), naive=np.ones((1, 1)))  # fmt: skip
    assert zeros.result()["smape"] == 0.0

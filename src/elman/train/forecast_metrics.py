"""Figures of forecasts, step by step of the horizon.

Dimensions: B windows, H steps ahead, C targets, V interval levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

NAMES = ("mse", "mae", "mse_original", "mae_original", "mase", "smape", "crps", "crps_original")


class ForecastFigures:
    """Sums over windows, added batch by batch, of the errors at each step ahead.

    mse, mae, crps: on the scale on which each series has mean 0 and deviation 1 in the training part.
    …_original: in the units of the table. mase: the absolute error in units of the seasonal naive forecast's
    mean error in the training part (Hyndman & Koehler 2006); series where that is 0 or unknown are left out.
    smape: 200 |y - f| / (|y| + |f|) in percent, 0 where both are 0. coverage: the share of true values inside
    the intervals of each level; width: their mean width, scaled.
    """

    def __init__(self, horizon: int, levels: Sequence[int] = ()) -> None:
        self.levels = tuple(levels)
        names = [*NAMES, *(f"{kind}_{level}" for level in levels for kind in ("coverage", "width"))]
        self.sums = {name: np.zeros(horizon) for name in names}
        self.counts = {name: np.zeros(horizon) for name in names}
        self.windows = 0
        self.without_mase = 0

    def add(
        self,
        truth: np.ndarray,
        point: np.ndarray,
        observed: np.ndarray,
        *,
        deviation: np.ndarray,
        naive: np.ndarray,
        crps: np.ndarray | None = None,
        intervals: np.ndarray | None = None,
    ) -> None:
        """Windows with truth and point forecast (B, H, C) in the units of the table.

        observed: (B, H, C) bool; what is not known does not count. deviation, naive: (B, C), the scale of
        each target and the unit of MASE, NaN where it has none. crps: (B, H, C) in the table's units;
        intervals:
        (B, H, C, V, 2) low and high ends.
        """
        error = np.where(observed, point - truth, 0.0)
        scale, unit = deviation[:, None], naive[:, None]
        self._count("mse", (error / scale) ** 2, observed)
        self._count("mae", np.abs(error / scale), observed)
        self._count("mse_original", error**2, observed)
        self._count("mae_original", np.abs(error), observed)
        whole = np.abs(truth) + np.abs(point)
        self._count("smape", 200 * np.abs(error) / np.where(whole > 0, whole, 1.0), observed)
        self._count("mase", np.abs(error) / np.where(np.isnan(unit), 1.0, unit), observed & ~np.isnan(unit))
        score = np.abs(error) if crps is None else np.where(observed, crps, 0.0)  # that of one point
        self._count("crps", score / scale, observed)
        self._count("crps_original", score, observed)
        for place, level in enumerate(self.levels if intervals is not None else ()):
            assert intervals is not None
            low, high = intervals[..., place, 0], intervals[..., place, 1]
            self._count(f"coverage_{level}", (low <= truth) & (truth <= high), observed)
            self._count(f"width_{level}", (high - low) / scale, observed)
        self.windows += len(truth)
        self.without_mase += int(np.isnan(naive).all(1).sum())

    def _count(self, name: str, values: np.ndarray, counted: np.ndarray) -> None:
        self.sums[name] += np.where(counted, values, 0.0).sum((0, 2))
        self.counts[name] += counted.sum((0, 2))

    def result(self) -> dict[str, Any]:
        """Each figure over all steps, `windows`, and under `steps` each figure's list over the horizon.

        A figure for which nothing counted is left out.
        """
        figures: dict[str, Any] = {}
        steps: dict[str, list[float | None]] = {}
        for name, total in self.sums.items():
            count = self.counts[name]
            if count.sum() == 0:
                continue
            figures[name] = float(total.sum() / count.sum())
            steps[name] = [float(t / c) if c else None for t, c in zip(total, count, strict=True)]
        return {**figures, "windows": self.windows, "without_mase": self.without_mase, "steps": steps}

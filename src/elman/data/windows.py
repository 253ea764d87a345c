"""Windows: every origin from which a panel is forecast, as numbers only; nothing is copied until a batch is
made.

Dimensions: N series, S steps of all series, C targets, W windows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from elman.data.panel import Panel
from elman.errors import DataError


@dataclass(frozen=True)
class Windows:
    """The windows of a part of a panel: their horizons lie in it, what they look back on may lie before it.

    begins, stops: (N,) steps of each series: origins (the first step that is forecast) run from `begins` to
        below `stops`, `stride` apart. lookback: steps before an origin that are read; what is not there
        repeats the first step. horizon: steps from an origin on that are forecast.
    channels: windows for each origin: C where each target is forecast for itself, else 1.
    """

    panel: Panel
    begins: np.ndarray
    stops: np.ndarray
    lookback: int
    horizon: int
    stride: int = 1
    channels: int = 1

    def __len__(self) -> int:
        return self.origins * self.channels

    @property
    def origins(self) -> int:
        """How many origins there are in all series."""
        return int(self._counts().sum())

    def _counts(self) -> np.ndarray:
        return np.maximum(0, -(-(self.stops - self.begins) // self.stride))

    @cached_property
    def bounds(self) -> np.ndarray:
        """(N + 1,) the place of the first window of each series, and behind them how many there are."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self._counts())]) * self.channels

    def locate(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(series, origin, channel) of the windows at `places` (0 to len - 1), each (W,)."""
        series = np.searchsorted(self.bounds, places, side="right") - 1
        within, channels = np.divmod(places - self.bounds[series], self.channels)
        return series, self.begins[series] + within * self.stride, channels

    def thinned(self, most: int) -> np.ndarray:
        """Places of at most `most` windows, evenly spread over all origins, with all channels of each."""
        origins = len(self) // self.channels
        few = max(1, most // self.channels)
        chosen = (
            np.arange(origins)
            if origins <= few
            else np.linspace(0, origins - 1, few).round().astype(np.int64)
        )
        return (chosen[:, None] * self.channels + np.arange(self.channels)).ravel()

    def every(self, stride: int) -> Windows:
        """Only origins `stride` apart."""
        return replace(self, stride=stride)

    def last(self, origins: int) -> Windows:
        """Only the last origins of each series, as many as there are."""
        latest = self.begins + (self._counts() - 1) * self.stride
        return replace(self, begins=np.maximum(self.begins, latest - (origins - 1) * self.stride))


def split_windows(
    panel: Panel,
    *,
    horizon: int,
    lookback: int,
    channels: int,
    steps: tuple[int, int, int] | None = None,
    shares: tuple[float, float] = (0.1, 0.1),
) -> tuple[Windows, Windows | None, Windows | None]:
    """Training, validation and test windows, in the order of time in every series.

    steps: of training, validation and test from the start of each series on; what is behind is left out. Else
    shares: of validation and test, at least one horizon each where they are not 0.
    lookback: steps that a training window looks back on, where the series has as many.

    Raises `DataError` if no series is long enough for a training window.
    """
    if steps is None:
        test, valid = (
            np.zeros_like(panel.ends)
            if share == 0
            else np.maximum(horizon, np.rint(panel.ends * share).astype(np.int64))
            for share in (shares[1], shares[0])
        )
        train_end = panel.ends - test - valid
        bounds = [train_end, train_end + valid, panel.ends]
    else:
        bounds = [np.minimum(panel.ends, sum(steps[: k + 1])) for k in range(3)]
    shortest = np.maximum(1, np.minimum(lookback, bounds[0] - horizon))
    train = _between(panel, shortest, bounds[0], lookback, horizon, channels)
    if len(train) == 0:
        longest = int(panel.ends.argmax())
        needed = f"more than {horizon} steps (the horizon) for training"
        held = (
            ""
            if steps is None and shares == (0, 0)
            else f", {max(0, int(bounds[0][longest]))} of them for training"
        )
        raise DataError(
            f"{panel.source}: expected a series with {needed}, got at most {int(panel.ends[longest])} "
            f"steps{held}. "
            "Choose a shorter horizon, or hold out less."
        )
    parts = [_between(panel, np.maximum(1, a), b, lookback, horizon, channels) for a, b in pairwise(bounds)]
    return train, *(part if len(part) else None for part in parts)  # type: ignore[return-value]


def _between(
    panel: Panel, begins: np.ndarray, ends: np.ndarray, lookback: int, horizon: int, channels: int
) -> Windows:
    """Windows whose horizons lie in begins to below ends."""
    return Windows(
        panel, begins, np.maximum(begins, ends - horizon + 1), lookback, horizon, channels=channels
    )


def all_windows(panel: Panel, *, horizon: int, lookback: int, channels: int) -> Windows:
    """Every window of a panel with truth over its horizon and, where there is as much, the whole lookback."""
    begins = np.maximum(1, np.minimum(lookback, panel.ends - horizon))
    return _between(panel, begins, panel.ends, lookback, horizon, channels)


def next_windows(panel: Panel, *, horizon: int, lookback: int, channels: int) -> Windows:
    """One window for each series: from its last known step on."""
    return Windows(panel, panel.ends, panel.ends + 1, lookback, horizon, channels=channels)

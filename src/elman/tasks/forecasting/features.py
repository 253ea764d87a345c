"""Features: how a panel's columns become the numbers that a network reads, learned from the training part.

Dimensions: N series, S steps of all series, C targets, K features known ahead, A features of the past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.calendar import calendar_cycles, calendar_features
from elman.data.panel import Panel
from elman.data.spilled import Growing
from elman.data.windows import Windows
from elman.errors import DataError
from elman.tasks.forecasting.network import Batch

MOST_CATEGORIES = 200
SMALLEST_DEVIATION = 1e-8
PIECE = 1 << 18  # steps that are looked at together
LARGE = 1 << 20  # steps of all series from which on the numbers stay on disk


@dataclass(frozen=True)
class Covariate:
    """A covariate as it was in the training: of numbers the shift and scale, of categories their names."""

    name: str
    shift: float = 0.0
    scale: float = 1.0
    categories: tuple[str, ...] | None = None

    def columns(self, panel: Panel, rows: slice) -> np.ndarray:
        """(n, 1) scaled numbers, or (n, categories) zeros and ones, all zeros for an unknown category."""
        if self.categories is None:
            return ((panel.numbers[self.name][rows] - self.shift) / self.scale).astype(np.float32)[:, None]
        codes, names = panel.categories[self.name]
        known = {name: place for place, name in enumerate(self.categories)}
        places = np.array([known.get(name, -1) for name in names] + [-1])
        place = places[codes[rows]]  # code -1 takes the last
        return (place[:, None] == np.arange(len(self.categories))).astype(np.float32)


@dataclass(frozen=True)
class Features:
    """What was learned of the training part's columns.

    ids: the series. mean, deviation: (N, C) of the targets. naive: (N, C) mean absolute error of the seasonal
    naive forecast in the training part, the unit of MASE; NaN where it is zero. calendar: the cycles.
    flags: whether the network reads where targets were missing. together: whether a window has all targets.
    """

    targets: tuple[str, ...]
    ids: tuple[str, ...]
    mean: tuple[tuple[float, ...], ...]
    deviation: tuple[tuple[float, ...], ...]
    naive: tuple[tuple[float, ...], ...]
    season: int
    known: tuple[Covariate, ...]
    past: tuple[Covariate, ...]
    calendar: tuple[str, ...]
    flags: bool
    together: bool
    counts: bool

    @classmethod
    def learn(
        cls, panel: Panel, train: Windows, *, calendar: bool, season: int, together: bool, counts: bool
    ) -> Features:
        """From the steps that training windows see."""
        ends = np.minimum(panel.ends, np.maximum(train.stops - 1 + train.horizon, 1))
        found = [_statistics(panel, n, int(end), season) for n, end in enumerate(ends)]
        mean, deviation, naive = (np.stack(column) for column in zip(*found, strict=True))
        columns = panel.columns
        known = tuple(_covariate(panel, name, ends) for name in (*columns.known, *columns.static))
        past = tuple(_covariate(panel, name, ends) for name in columns.past)
        flags = not all(panel.observed[rows].all() for rows in _inside(panel, ends))
        return cls(
            columns.targets, panel.ids, _plain(mean), _plain(deviation), _plain(naive), season, known, past,
            calendar_cycles(panel.frequency) if calendar else (), flags, together, counts,
        )  # fmt: skip

    @property
    def channels(self) -> int:
        """Windows at each origin: one a target, or one for all."""
        return 1 if self.together else len(self.targets)

    def about(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_about(cls, about: Mapping[str, Any]) -> Features:
        values = {name: _tuples(value) for name, value in about.items()}
        for role in ("known", "past"):
            values[role] = tuple(Covariate(**{k: _tuples(v) for k, v in one.items()}) for one in about[role])
        return cls(**values)

    def statistics(self, panel: Panel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(mean, deviation, naive), each (N, C), of this panel's series; new ones have those of their
        past.
        """
        place = {name: n for n, name in enumerate(self.ids)}
        found = []
        for n, name in enumerate(panel.ids):
            if name in place:
                found.append(
                    [np.array(v[place[name]], float) for v in (self.mean, self.deviation, self.naive)]
                )
            else:
                found.append(_statistics(panel, n, int(panel.ends[n]), self.season))
        mean, deviation, naive = (np.stack(column) for column in zip(*found, strict=True))
        return mean, deviation, naive


def _statistics(
    panel: Panel, series: int, end: int, season: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean, deviation, mean absolute seasonal difference), each (C,), of a series' first `end` steps."""
    start = int(panel.starts[series])

    def mean_of(
        number: Callable[[np.ndarray, np.ndarray], np.ndarray], lag: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of number(values, those `lag` steps before) where both are known: the mean, and how many (C,)."""
        total, count = np.zeros(panel.values.shape[1]), np.zeros(panel.values.shape[1])
        for begin in range(start + lag, start + end, PIECE):
            rows = slice(begin, min(begin + PIECE, start + end))
            before = slice(rows.start - lag, rows.stop - lag)
            known = panel.observed[rows] & panel.observed[before]
            total += np.where(known, number(panel.values[rows], panel.values[before]), 0.0).sum(0)
            count += known.sum(0)
        return total / np.maximum(count, 1), count

    mean, _ = mean_of(lambda values, _: values)
    deviation = np.sqrt(mean_of(lambda values, _: (values - mean) ** 2)[0])
    deviation = np.where(deviation > SMALLEST_DEVIATION * (1 + np.abs(mean)), deviation, 1.0)
    naive, _ = mean_of(lambda values, before: np.abs(values - before), season if end > season else 1)
    return mean, deviation, np.where(naive > 0, naive, np.nan)


def _inside(panel: Panel, ends: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of the first `ends` (N,) steps of each series, some at a time."""
    for rows, series, within in panel.pieces():
        yield np.flatnonzero(within < ends[series]) + rows.start


def _covariate(panel: Panel, name: str, ends: np.ndarray) -> Covariate:
    if name in panel.numbers:
        values = panel.numbers[name]
        count = sum(len(rows) for rows in _inside(panel, ends))
        mean = sum(float(values[rows].sum()) for rows in _inside(panel, ends)) / count
        square = sum(float(np.square(values[rows] - mean).sum()) for rows in _inside(panel, ends)) / count
        deviation = float(np.sqrt(square))
        varied = deviation > SMALLEST_DEVIATION * (1 + abs(mean))
        return Covariate(name, mean, deviation if varied else 1.0)
    codes, names = panel.categories[name]
    seen = np.unique(np.concatenate([np.unique(codes[rows]) for rows in _inside(panel, ends)]))
    seen = seen[seen >= 0]
    if len(seen) > MOST_CATEGORIES:
        raise DataError(
            f"{panel.source}: column {name!r}: expected at most {MOST_CATEGORIES} categories, got "
            f"{len(seen):,}. "
            "Numbers are read as numbers unless they are named in categories."
        )
    return Covariate(name, categories=tuple(names[code] for code in seen))


def _plain(values: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())


def _tuples(value: Any) -> Any:
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value


class Store:
    """A panel as tensors that windows are gathered from, on disk if they are large.

    Targets are scaled by mean and deviation of their series, or left as they are for counts.
    """

    def __init__(self, features: Features, panel: Panel) -> None:
        self.features, self.panel = features, panel
        self.mean, self.deviation, self.naive = features.statistics(panel)
        shift, scale = (
            (np.zeros_like(self.mean), np.ones_like(self.mean))
            if features.counts
            else (self.mean, self.deviation)
        )
        self.shift, self.scale = torch.from_numpy(shift), torch.from_numpy(scale)  # (N, C)

        def scaled(rows: slice, series: np.ndarray) -> list[np.ndarray]:
            return [(panel.values[rows] - shift[series]) / scale[series]]

        def known(rows: slice, _: np.ndarray) -> list[np.ndarray]:
            parts = [covariate.columns(panel, rows) for covariate in features.known]
            if features.calendar:
                steps = panel.steps(np.arange(rows.start, rows.stop))
                parts.append(calendar_features(panel.frequency.stamps(steps), features.calendar))
            return parts

        def past(rows: slice, _: np.ndarray) -> list[np.ndarray]:
            return [covariate.columns(panel, rows) for covariate in features.past]

        self.values, self.known, self.past = map(self._kept, (scaled, known, past))
        self.observed = torch.from_numpy(panel.observed)
        place = {name: n for n, name in enumerate(features.ids)}
        self.codes = np.array([place.get(name, -1) for name in panel.ids])

    def _kept(self, columns: Callable[[slice, np.ndarray], list[np.ndarray]]) -> Tensor:
        """(S, F) float32 of the columns that `columns` gives for some rows and their series."""
        with Growing(np.float32, on_disk=self.large) as rows:
            for piece, series, _ in self.panel.pieces():
                parts = columns(piece, series)
                if not parts:
                    return torch.zeros(len(self.panel.values), 0)
                rows.add(np.concatenate(parts, 1))
            return torch.from_numpy(rows.finish())

    @property
    def large(self) -> bool:
        """Whether the numbers stay on disk, and batches of them go to the device."""
        return len(self.panel.values) > LARGE

    def to(self, device: torch.device) -> Store:
        for name in () if self.large else ("values", "observed", "known", "past", "shift", "scale"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def batch(self, windows: Windows, places: np.ndarray) -> Batch:
        """The windows at `places`; what lies before a series repeats its first step, behind it its last."""
        series, origins, channels = windows.locate(places)
        panel, device = self.panel, self.values.device
        offsets = origins[:, None] + np.arange(-windows.lookback, windows.horizon)
        lengths = panel.lengths[series][:, None]
        rows = torch.from_numpy(panel.starts[series][:, None] + np.clip(offsets, 0, lengths - 1)).to(device)
        back = rows[:, : windows.lookback]
        if self.features.together:
            values, observed = self.values[rows], self.observed[rows]
        else:
            flat = rows * self.values.shape[1] + torch.from_numpy(channels)[:, None].to(device)
            values, observed = self.values.view(-1)[flat][..., None], self.observed.view(-1)[flat][..., None]
        observed = observed & torch.from_numpy(offsets < panel.ends[series][:, None]).to(device)[..., None]
        past = self.past[back]
        if self.features.flags:
            past = torch.cat([past, observed[:, : windows.lookback].float()], -1)
        known = self.known[rows] if self.known.shape[1] else self.known.new_zeros(*rows.shape, 0)
        codes = np.where(
            self.codes[series] < 0, 0, self.codes[series] * self.features.channels + channels + 1
        )
        return Batch(
            values[:, : windows.lookback], past, known, torch.from_numpy(codes).to(device),
            values[:, windows.lookback :], observed[:, windows.lookback :],
        )  # fmt: skip

    def original(self, scaled: Tensor, series: np.ndarray, channels: np.ndarray) -> np.ndarray:
        """Scaled values (B, H, C, …) in the units of the table, float64."""
        shift, scale = self.units(series, channels)
        extra = (slice(None), None, slice(None)) + (None,) * (scaled.dim() - 3)
        return scaled.double().cpu().numpy() * scale[extra] + shift[extra]

    def units(self, series: np.ndarray, channels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(shift, scale) of windows, each (B, C)."""
        return self.of_windows(self.shift.cpu().numpy(), series, channels), self.of_windows(
            self.scale.cpu().numpy(), series, channels
        )

    def of_windows(self, values: np.ndarray, series: np.ndarray, channels: np.ndarray) -> np.ndarray:
        """From (N, C) those of each window's own targets, (B, C)."""
        return values[series] if self.features.together else values[series, channels][:, None]

    @property
    def widths(self) -> tuple[int, int]:
        """(features known ahead, features of the past)."""
        return self.known.shape[1], self.past.shape[1] + (self._targets if self.features.flags else 0)

    @property
    def _targets(self) -> int:
        return len(self.features.targets) if self.features.together else 1

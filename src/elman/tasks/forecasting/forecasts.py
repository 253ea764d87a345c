"""Forecasts of a model for windows, batch by batch: the units of the table, intervals, figures, sample paths.

Dimensions: B windows, H steps ahead, C targets, V interval levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.data.windows import Windows
from elman.tasks.forecasting.baselines import Baseline
from elman.tasks.forecasting.conformal import Intervals
from elman.tasks.forecasting.features import Features, Store
from elman.tasks.forecasting.network import Batch, ForecastNetwork, Recursive
from elman.tasks.forecasting.outputs import Output, Point
from elman.tasks.task import Model
from elman.train.forecast_metrics import ForecastFigures

ROWS = 400_000  # numbers of a batch's windows: what fits the caches
FOLLOWED = 1_000  # origins of each series that adaptive intervals follow before the first that is asked for
MOST_FOLLOWED = 20_000  # windows of all series that they follow there


@dataclass(frozen=True)
class Forecast:
    """Forecasts in the units of the table.

    series, origins, channels: (B,) which windows. point, truth, crps, observed: (B, H, C); intervals: (B, H,
    C, V, 2). mean, deviation, naive: (B, C), see `Features`.
    """

    series: np.ndarray
    origins: np.ndarray
    channels: np.ndarray
    point: np.ndarray
    intervals: np.ndarray
    crps: np.ndarray
    truth: np.ndarray
    observed: np.ndarray
    deviation: np.ndarray
    naive: np.ndarray


def network_of(model: Model) -> ForecastNetwork:
    """The model's network."""
    assert isinstance(model.module, ForecastNetwork)
    return model.module


def store_of(model: Model, windows: Windows) -> Store:
    """The store of the windows' panel; the last one is kept."""
    kept = model.parts.get("store")
    if kept is None or kept.panel is not windows.panel:
        kept = Store(model.parts["features"], windows.panel)
        model.parts["store"] = kept
    return kept


def chunks(windows: Windows, places: np.ndarray) -> list[np.ndarray]:
    """Places in batches for evaluation."""
    size = max(8, ROWS // (windows.lookback + windows.horizon))
    return [places[start : start + size] for start in range(0, len(places), size)]


def placed(batch: Batch, module: nn.Module) -> Batch:
    """The batch where the module is, its numbers of the weights' type."""
    weight = next(module.parameters())
    return Batch(*(t.to(weight.device, weight.dtype if t.is_floating_point() else None) for t in batch))


def forecasts(model: Model, windows: Windows, places: np.ndarray | None = None) -> Iterator[Forecast]:
    """The forecasts of the windows at `places` (ascending), of all unless given, in their order.

    Adaptive intervals follow the truth from the end of the validation part on, or over the last `FOLLOWED`
    origins where that is longer ago.
    """
    intervals = _intervals(model, windows)
    places = np.arange(len(windows)) if places is None else places
    if intervals is None or not intervals.adaptive:
        yield from _forecasts(model, windows, places, intervals)
        return
    before = _since_validation(model, windows)
    for mine, earlier in _by_series(windows, places, before):
        for _ in _forecasts(model, before, earlier, intervals):
            pass
        yield from _forecasts(model, windows, mine, intervals)
        intervals.forget()


def _by_series(
    windows: Windows, places: np.ndarray, before: Windows
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(some of the places, all places of `before` in the same series), of as many series as fill a batch."""
    bounds = np.searchsorted(places, windows.bounds)
    counts = np.diff(bounds)
    together = np.cumsum(counts + np.where(counts > 0, np.diff(before.bounds), 0))
    number = together // max(8, ROWS // (windows.lookback + windows.horizon))
    wanted, starts = np.flatnonzero(counts), before.bounds.tolist()
    for group in np.split(wanted, np.flatnonzero(np.diff(number[wanted])) + 1):
        earlier = [np.arange(starts[n], starts[n + 1]) for n in group]
        yield places[bounds[group[0]] : bounds[group[-1] + 1]], np.concatenate(earlier)


def _intervals(model: Model, windows: Windows) -> Intervals | None:
    """What widens the output's own intervals; None where that is not wanted, or not known yet."""
    kind, calibration = model.about["options"]["conformal"], network_of(model).calibration
    if kind == "none" or not calibration.ready:
        return None
    return Intervals(calibration, adaptive=kind == "adaptive")


def _since_validation(model: Model, windows: Windows) -> Windows:
    """The windows before these, from the end of the validation part on; of a new series, of its whole
    past.
    """
    panel = windows.panel
    known = dict(zip(model.parts["features"].ids, model.about["until"], strict=True))
    begins = np.array([known.get(name, first) for name, first in zip(panel.ids, panel.first, strict=True)])
    each = min(FOLLOWED, MOST_FOLLOWED // (len(panel.ids) * windows.channels))
    begins = np.maximum(np.maximum(begins - panel.first, 1), windows.begins - each)
    return replace(windows, begins=begins, stops=np.maximum(windows.begins, begins), stride=1)


def _forecasts(
    model: Model, windows: Windows, places: np.ndarray, intervals: Intervals | None
) -> Iterator[Forecast]:
    store, module = store_of(model, windows), network_of(model)
    output, levels = module.output, module.calibration.levels
    module.eval()
    with torch.inference_mode():
        for chunk in chunks(windows, places):
            batch = placed(store.batch(windows, chunk), module)
            raw, level, size = module(batch)
            series, origins, channels = windows.locate(chunk)
            ends = np.stack([e.cpu().numpy() for e in own_intervals(output, raw, level, size, levels)])
            if intervals is not None:
                keys = list(zip(series.tolist(), channels.tolist(), strict=True))
                groups = group_of(module, batch.series).cpu().numpy()
                truth, observed = batch.truth.cpu().numpy(), batch.observed.cpu().numpy()
                ends = np.stack(intervals.issue(keys, groups, origins, (ends[0], ends[1]), truth, observed))
            low, high = torch.from_numpy(ends)
            if output.counts:
                low, high = low.clamp(min=0).floor(), high.clamp(min=0).ceil()
            _, scale = store.units(series, channels)
            yield Forecast(
                series,
                origins,
                channels,
                store.original(output.point(raw, level, size), series, channels),
                store.original(torch.stack([low, high], -1), series, channels),
                output.crps(raw, level, size, batch.truth).double().cpu().numpy() * scale[:, None],
                store.original(batch.truth, series, channels),
                batch.observed.cpu().numpy(),
                store.of_windows(store.deviation, series, channels),
                store.of_windows(store.naive, series, channels),
            )


def own_intervals(
    output: Output, raw: Tensor, level: Tensor, size: Tensor, levels: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """The central intervals that the output itself gives, low and high ends (B, H, C, V)."""
    shares = [(1 - percent / 100) / 2 for percent in levels]
    both = output.quantiles(raw, level, size, [*shares, *(1 - share for share in shares)])
    return both[..., : len(levels)], both[..., len(levels) :]


def group_of(module: ForecastNetwork, series: Tensor) -> Tensor:
    """Which calibration a window takes: its series' own, or 0, that of all."""
    groups = len(module.calibration.scores) - 1
    return series if groups else torch.zeros_like(series)


def figures_of(model: Model, windows: Windows, most: int | None = None) -> ForecastFigures:
    """The figures on the windows; on at most about `most`, evenly spread, if that is given."""
    figures = ForecastFigures(windows.horizon, network_of(model).calibration.levels)
    places = None if most is None else windows.thinned(most)
    for said in forecasts(model, windows, places):
        figures.add(
            said.truth, said.point, said.observed, deviation=said.deviation, naive=said.naive, crps=said.crps,
            intervals=said.intervals,
        )  # fmt: skip
    return figures


def baseline_figures(
    features: Features, windows: Windows, rule: Baseline, origins: np.ndarray | None = None
) -> Any:
    """The figures of a rule without learning, on all windows or at the places of `origins`."""
    _, deviation, naive = features.statistics(windows.panel)
    whole = Windows(
        windows.panel, windows.begins, windows.stops, windows.lookback, windows.horizon, windows.stride
    )
    figures = ForecastFigures(windows.horizon)
    panel = windows.panel
    for places in chunks(whole, np.arange(len(whole)) if origins is None else origins):
        series, starts, _ = whole.locate(places)
        rows = panel.starts[series][:, None] + starts[:, None] + np.arange(windows.horizon)
        said = rule(panel, series, starts, windows.horizon, features.season)
        figures.add(
            panel.values[rows], said, panel.observed[rows],
            deviation=deviation[series], naive=naive[series],
        )  # fmt: skip
    return figures


def sample_paths(model: Model, windows: Windows, count: int, seed: int) -> np.ndarray:
    """(count, W, H, C) random paths in the units of the table, W windows.

    A recursive network of distributions draws each step given the steps it drew before. Any other takes the
    path of errors of a validation window, in units of its spread, and puts it on the forecast: so the paths
    hang together as true ones do.
    """
    module, store = network_of(model), store_of(model, windows)
    generator = torch.Generator().manual_seed(seed)
    module.eval()
    drawn = []
    with torch.inference_mode():
        for chunk in chunks(windows, np.arange(len(windows))):
            batch = placed(store.batch(windows, chunk), module)
            one = _steps_drawn if _draws_steps(module) else _errors_drawn
            paths = torch.stack([one(module, batch, generator) for _ in range(count)])
            series, _, channels = windows.locate(chunk)
            drawn.append(np.stack([store.original(path, series, channels) for path in paths]))
    return np.concatenate(drawn, 1)


def _draws_steps(module: ForecastNetwork) -> bool:
    return isinstance(module.decoder, Recursive) and not isinstance(module.output, Point)


def _steps_drawn(module: ForecastNetwork, batch: Batch, generator: torch.Generator) -> Tensor:
    def draw(raw: Tensor, level: Tensor, size: Tensor) -> Tensor:
        return module.output.draw(raw, level, size, generator)

    return module.paths(batch, draw)


def _errors_drawn(module: ForecastNetwork, batch: Batch, generator: torch.Generator) -> Tensor:
    raw, level, size = module(batch)
    errors = module.calibration.errors
    chosen = errors[torch.randint(len(errors), (len(raw),), generator=generator).to(errors.device)]
    path = module.output.point(raw, level, size) + chosen * module.output.spread(raw, level, size)
    return path.clamp(min=0).round() if module.output.counts else path

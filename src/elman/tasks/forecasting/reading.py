"""From tables to windows, by the options of forecast."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from elman.data import Splits
from elman.data.panel import Panel
from elman.data.panel_sources import SeriesSource, file_source
from elman.data.panel_store import panel_of_source
from elman.data.windows import Windows, all_windows, next_windows, split_windows
from elman.errors import DataError, nearest, wrong
from elman.tasks.forecasting.baselines import check_auto_ets
from elman.tasks.forecasting.options import ForecastOptions

SEASONS_BACK = 30  # that are looked back on, unless the option says otherwise
SEGMENT = 48  # the longest that is chosen


def read_splits(options: ForecastOptions) -> Splits[Windows]:
    """Training, validation and test windows of the file or files that the options name."""
    if not options.data:
        raise wrong("data", expected="a file with a table", got=options.data)
    source = source_of(options.data)
    for part in ("valid", "test"):
        if getattr(options, part) is not None:
            remedy = "Put the rows into one table, and say by --split how many of them are for what."
            raise wrong(part, expected="no file of its own, since parts follow one another in time",
                        got=getattr(options, part), remedy=remedy)  # fmt: skip
    if options.split == "all":
        remedy = "In elman evaluate, --split all goes with --data."
        raise wrong("split", expected="steps of the parts", got="all", remedy=remedy)
    return splits_of(panel_of(source, options), options, test_share=options.test_share)


def splits_of(panel: Panel, options: ForecastOptions, *, test_share: float) -> Splits[Windows]:
    """The parts of a panel, in the order of time in every series."""
    horizon = options.horizon or max(1, options.season or panel.frequency.season)
    train, valid, test = split_windows(
        panel,
        horizon=horizon,
        lookback=options.lookback or _lookback(panel, options, horizon),
        channels=1 if options.channels == "together" else panel.values.shape[1],
        steps=options.split_steps,
        shares=(options.validation_share, test_share),
    )
    for name, part, steps in zip(
        ("validation", "test"), (valid, test), (options.split_steps or (0, 0, 0))[1:], strict=True
    ):
        if steps and part is None:
            raise DataError(
                f"{panel.source}: split: expected a {name} part of {horizon} steps (the horizon) or more "
                f"within the {int(panel.ends.max()):,} steps there are, got none by {options.split}. "
                "Choose other numbers of steps, 0 for a part that is not wanted."
            )
    notes = [*panel.notes, *_constant(panel, train), *_steady(panel, train), *_short(train, options)]
    return Splits(train, valid, _measured(test, options), notes=tuple(notes))


def source_of(data: str, *, what: str = "data") -> SeriesSource:
    """The table in a file; raises `DataError` for anything that is none."""
    path = Path(data).expanduser()
    return file_source(path, data if what == "data" else what, what=what)


def panel_of(
    source: SeriesSource,
    options: ForecastOptions,
    *,
    ahead: int = 0,
    future: SeriesSource | None = None,
) -> Panel:
    """The panel of a table, and of the rows to come (`future`) behind it."""
    return panel_of_source(
        source,
        options.columns,
        future=future,
        frequency=options.frequency,
        filling=options.fill,
        irregular=options.irregular,
        sort=options.sort,
        ahead=ahead,
    )


def check_same_columns(source: SeriesSource, options: ForecastOptions) -> None:
    """Raise `DataError` for the first column that a trained model reads and a table lacks, with those that it
    has."""
    there, columns = source.head.columns, options.columns
    roles = {
        "target": (columns.targets, "forecasts"),
        "time_column": (columns.time, "takes the time from"),
        "id_column": ((columns.series,) if columns.series else (), "tells series by"),
        "known": (columns.known, "reads, known ahead"),
        "past": (columns.past, "reads of the past"),
        "static": (columns.static, "reads of each series"),
    }
    for option, (wanted, does) in roles.items():
        absent = [name for name in wanted if name not in there]
        if absent:
            listed = ", ".join(map(repr, absent[:8])) + (" …" if len(absent) > 8 else "")
            raise DataError(
                f"{source.name}: {option}: expected the column{'s' * (len(absent) > 1)} {listed}, which the "
                f"model {does}, got only {', '.join(map(repr, there))}.{nearest(absent[0], there)} "
                "Give a table with all columns that the model was trained on, under the same names, or train "
                "one without."
            )


@dataclass(frozen=True)
class Ahead(Windows):
    """The windows behind the last values, with how many sample paths are wanted beside the forecasts."""

    samples: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Measured(Windows):
    """Windows with truth, with the number of origins at which AutoETS is to be fitted beside the network."""

    auto_ets: int = 0


def _fields(windows: Windows) -> dict[str, Any]:
    return {one.name: getattr(windows, one.name) for one in fields(windows)}


def _measured(windows: Windows | None, options: ForecastOptions) -> Windows | None:
    if options.auto_ets:
        check_auto_ets()
        if windows is None:
            expected = "0 without a test part, as it is fitted there"
            raise wrong("auto_ets", expected=expected, got=options.auto_ets)
    if windows is None:
        return None
    return Measured(**_fields(windows.every(options.step or 1)), auto_ets=options.auto_ets)


def windows_to_predict(panel: Panel, options: ForecastOptions) -> Ahead:
    """One window for each series, behind its last value; raises `DataError` for a covariate that is not
    there.
    """
    assert options.horizon is not None
    assert options.lookback is not None
    channels = 1 if options.channels == "together" else panel.values.shape[1]
    windows = next_windows(panel, horizon=options.horizon, lookback=options.lookback, channels=channels)
    check_known_ahead(windows)
    return Ahead(**_fields(windows), samples=options.samples, seed=options.seed)


def windows_to_evaluate(panel: Panel, options: ForecastOptions) -> tuple[Windows, str]:
    """(windows with truth, which they are): the test part if the options split, else all of them."""
    assert options.horizon is not None
    assert options.lookback is not None
    channels = 1 if options.channels == "together" else panel.values.shape[1]
    steps = options.split_steps
    if steps is not None:
        test = split_windows(
            panel, horizon=options.horizon, lookback=options.lookback, channels=channels, steps=steps
        )[2]
        if test is not None:
            return _measured(test, options) or test, "its test part"
    windows = all_windows(panel, horizon=options.horizon, lookback=options.lookback, channels=channels)
    if len(windows) == 0:
        raise DataError(
            f"{panel.source}: expected more than {options.horizon} steps (the horizon) with values, "
            f"got at most {int(panel.ends.max())}."
        )
    return _measured(windows, options) or windows, "every window"


def check_known_ahead(windows: Windows) -> None:
    """Raise `DataError` for the first step ahead at which a covariate that must be known is missing."""
    panel = windows.panel
    for name in panel.columns.known:
        for n, (start, end) in enumerate(zip(panel.starts, panel.ends, strict=True)):
            absent = panel.absent[name][start + end : start + end + windows.horizon]
            if absent.any():
                step = int(absent.argmax())
                stamp = panel.stamp_column(panel.first[n : n + 1] + end + step, "ds")[0]
                raise DataError(
                    f"future: expected a value of {name!r} at each of the {windows.horizon} steps behind the "
                    "last "
                    f"value of {panel.name_of(n)}, got none at {stamp}. "
                    "Give the rows to come, with their covariates, as future (--future FILE)."
                )


def _lookback(panel: Panel, options: ForecastOptions, horizon: int) -> int:
    """Seasons back, at most a quarter of a usual series, in whole segments."""
    season = options.season or panel.frequency.season
    usual = int(np.median(panel.ends))
    steps = min(SEASONS_BACK * max(season, 2), max(usual // 4, min(2 * season, usual // 2), 1))
    segment = options.segment or segment_for(horizon, season)
    return steps // segment * segment or steps


def segment_for(horizon: int, season: int) -> int:
    """Two seasons, at most 48 steps, at most the horizon; 12 where there is no season."""
    return min(horizon, SEGMENT, 2 * season if season > 1 else 12)


def short_series(windows: Windows, room: np.ndarray) -> list[str]:
    """A note on series that are shorter than what is looked back on.

    room: (N,) steps of each before the last horizon that is wanted of it.
    """
    short = np.flatnonzero(room < windows.lookback)
    if len(short) == 0:
        return []
    panel = windows.panel
    listed = ", ".join(name for n in short[:5] if (name := panel.ids[n])) + (" …" if len(short) > 5 else "")
    return [
        f"{len(short):,} of {len(panel.ids):,} series have fewer steps than the lookback of "
        f"{windows.lookback:,}: their first step stands for those before it{f' ({listed})' if listed else ''}"
    ]


def _short(train: Windows, options: ForecastOptions) -> list[str]:
    """`short_series` of the training part; raises `DataError` where a lookback was named that none has."""
    panel = train.panel
    room = np.minimum(panel.ends, train.stops + train.horizon - 1) - train.horizon
    if options.lookback is not None and (room < train.lookback).all():
        raise DataError(
            f"{panel.source}: lookback: expected at most the {max(int(room.max()), 1):,} steps that the "
            f"longest series has before a horizon of {train.horizon} in the training part, got "
            f"{train.lookback:,}. Choose a smaller one, or leave it out."
        )
    return short_series(train, room)


def _constant(panel: Panel, train: Windows) -> list[str]:
    """A note on series whose targets never change in the training part: MASE has no unit there.

    Raises `DataError` where that is all of them.
    """
    flat = []
    for n, (start, stop) in enumerate(zip(panel.starts, train.stops + train.horizon - 1, strict=True)):
        for c, target in enumerate(panel.columns.targets):
            if np.ptp(panel.values[start : start + min(stop, panel.ends[n]), c]) == 0:
                flat.append(f"{panel.ids[n]} {target}".strip())
    if not flat:
        return []
    listed = ", ".join(flat[:5]) + (" …" if len(flat) > 5 else "")
    if len(flat) == len(panel.ids) * len(panel.columns.targets):
        raise DataError(
            f"{panel.source}: expected a target that changes, got the same number at every step of the "
            f"training part: {listed}. Check that the right column is taken, or train on more of it."
        )
    return [f"{len(flat):,} constant in the training part, without a MASE: {listed}"]


def _steady(panel: Panel, train: Windows) -> list[str]:
    """A note on covariates that never change in the training part: nothing is learned from them."""
    columns = (*panel.columns.known, *panel.columns.past, *panel.columns.static)
    ends = np.minimum(panel.ends, np.maximum(train.stops - 1 + train.horizon, 1))

    def changes(values: np.ndarray) -> bool:
        for rows, series, within in panel.pieces():
            if (values[rows][within < ends[series]] != values[0]).any():
                return True
        return False

    steady = [
        repr(name)
        for name in columns
        if not changes(panel.numbers[name] if name in panel.numbers else panel.categories[name][0])
    ]
    if not steady:
        return []
    listed = ", ".join(steady[:8]) + (" …" if len(steady) > 8 else "")
    return [f"{len(steady):,} of {len(columns):,} covariates never change in the training part: {listed}"]

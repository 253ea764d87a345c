"""forecast: the next steps of series, with intervals.

Dimensions: N series, C targets, H steps ahead.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from rich.console import RenderableType
from torch import Tensor

from elman.cells import Cell
from elman.data import Splits
from elman.data.windows import Windows
from elman.errors import DataError, shown, wrong
from elman.tasks.forecasting.baselines import BASELINES, auto_ets
from elman.tasks.forecasting.estimator import Forecaster
from elman.tasks.forecasting.features import Features, Store
from elman.tasks.forecasting.forecasts import (
    baseline_figures,
    figures_of,
    forecasts,
    network_of,
    sample_paths,
)
from elman.tasks.forecasting.learner import ForecastLearner
from elman.tasks.forecasting.network import Batch, ForecastNetwork, Sizes
from elman.tasks.forecasting.options import ForecastOptions
from elman.tasks.forecasting.outputs import create_output
from elman.tasks.forecasting.picture import MOST, draw_forecasts
from elman.tasks.forecasting.reading import (
    Ahead,
    Measured,
    check_same_columns,
    panel_of,
    read_splits,
    segment_for,
    short_series,
    source_of,
    windows_to_evaluate,
    windows_to_predict,
)
from elman.tasks.forecasting.tables import table_of
from elman.tasks.network import cell_of
from elman.tasks.task import Answer, Model, More, Task, saved_cell
from elman.train.display import NETWORK, shown_figure
from elman.train.options import from_mapping, to_mapping
from elman.train.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["TASK", "Forecast", "ForecastOptions", "Forecaster"]

SEEN = 100_000  # training windows that a run sees in all, unless told otherwise, and
SEEN_VALUES = (
    16_000_000  # true values in them: long horizons, whose windows overlap more, are overfitted sooner
)
EMBEDDED = 2_000  # series up to which each has a vector of its own
CALIBRATED_APART = 20_000  # series × steps up to which the intervals of each are calibrated for themselves
MEASURED = 10_000  # training windows that the figures of the training part are taken on


class Forecast(Task[ForecastOptions, Windows]):
    """Forecasts of series."""

    name = "forecast"
    headline = "mse"
    unit = "windows"
    limits = (
        "The figures hold for the time after the training data as long as the series go on as they did. "
        "Intervals "
        "cover as much as they say only while errors stay as large as in the validation part."
    )
    options = ForecastOptions
    estimator = Forecaster

    def read(self, options: ForecastOptions) -> tuple[Splits[Windows], ForecastOptions]:
        _check(options)
        _check_not_ahead(options, "it in elman predict, beside --data, whose next steps it is about")
        return read_splits(options), options

    def read_more(self, data: str, options: ForecastOptions, *, labelled: bool) -> More[Windows]:
        source = source_of(data)
        check_same_columns(source, options)
        if labelled:
            _check_not_ahead(options, "it in elman predict alone")
            windows, which = windows_to_evaluate(panel_of(source, options), options)
            short = short_series(windows, windows.panel.ends - windows.horizon)
            return More(windows, f"{data}, {which}", (*windows.panel.notes, *short))
        future = None if options.future is None else source_of(options.future, what="future")
        panel = panel_of(source, options, ahead=options.horizon or 0, future=future)
        windows = windows_to_predict(panel, options)
        return More(windows, data, (*panel.notes, *short_series(windows, panel.ends)))

    def choose(self, options: ForecastOptions, splits: Splits[Windows]) -> ForecastOptions:
        if options.auto_ets and not options.baselines:
            raise wrong("auto_ets", expected="0 without baselines, of which it is one", got=options.auto_ets)
        train, panel = splits.train, splits.train.panel
        season = options.season or panel.frequency.season
        segment = options.segment or segment_for(train.horizon, season)
        count = len(train)
        decoder = options.decoder or (
            "segments" if segment > 1 and train.lookback >= 4 * segment else "direct"
        )
        batch = options.batch_size or (256 if count > 20_000 else 64 if count > 2_000 else 32)
        windows = min(count, options.windows or 15_000)
        seen = min(SEEN, SEEN_VALUES // train.horizon)
        series = len(panel.ids) * train.channels
        counted = options.output == "negative-binomial"
        columns = panel.columns
        chosen: dict[str, Any] = {
            "horizon": train.horizon,
            "lookback": train.lookback,
            "decoder": decoder,
            "segment": segment if decoder == "segments" else None,
            "normalize": "mean" if counted else "last",
            "season": season,
            "calendar": bool(columns.known),
            "series_embedding": 2 <= series <= EMBEDDED,
            "batch_size": batch,
            "windows": windows,
            "epochs": min(max(round(seen / windows), 2), 40),
            "learning_rate": 3e-3 if options.optimizer in ("adamw", "adam") else None,
            "dropout": 0.3,
            "bidirectional": False,
            "frequency": panel.frequency.name,
            "target": ",".join(columns.targets),
            "time_column": ",".join(columns.time),
            "id_column": columns.series,
        }
        return options.replace(
            **{name: value for name, value in chosen.items() if getattr(options, name) is None}
        )

    def prepare(self, options: ForecastOptions, splits: Splits[Windows]) -> tuple[Model, ForecastLearner]:
        _check(options)
        panel, together = splits.train.panel, options.channels == "together"
        features = Features.learn(
            panel,
            splits.train,
            calendar=bool(options.calendar),
            season=options.season or 1,
            together=together,
            counts=options.output == "negative-binomial",
        )
        if features.counts:
            _check_counts(splits.train)
        store = Store(features, panel)
        known, past = store.widths
        about = {"features": features.about(), "options": to_mapping(options), "known": known, "past": past}
        held = splits.valid or splits.train
        about["until"] = (panel.first + held.stops - 1 + held.horizon).tolist()
        model = _model(about, options, features, cell_of(options))
        return model, self.learner(model, splits, options)

    def rows(self, model: Model) -> dict[str, list[str]]:
        features = model.parts["features"]
        targets = ("",) if features.together else features.targets
        series = ["", *(f"{one} {target}" for one in features.ids for target in targets)]
        return {"decoder.series.weight": series} if network_of(model).decoder.series is not None else {}

    def learner(self, model: Model, splits: Splits[Windows], options: ForecastOptions) -> ForecastLearner:
        return ForecastLearner(model, splits, options)

    def seen(self, model: Model, batch: Any) -> Tensor:
        return batch.history.transpose(0, 1)

    def answer(self, model: Model, batch: Any, sequence: int) -> Answer | None:
        """The first step ahead, of the first target."""
        if sequence >= len(batch.history):
            return None
        network, rows = network_of(model), slice(sequence, sequence + 1)

        def score(copies: int) -> Tensor:
            many = Batch(*(part[rows].expand(copies, *part.shape[1:]) for part in batch))
            raw, level, size = network(many)
            return network.output.point(raw, level, size)[:, 0, 0]

        with torch.no_grad():
            value = float(score(1))
        inputs = batch.history[sequence].tolist()
        return Answer(f"{value:.4g} one step ahead (scaled)", inputs, score)

    def rebuild(self, about: Mapping[str, Any], vocabulary: str | None) -> Model:
        options = from_mapping(ForecastOptions, about["options"], origin="the saved options")
        plain = {name: about[name] for name in ("features", "options", "known", "past", "until")}
        return _model(plain, options, Features.from_about(about["features"]), saved_cell(about))

    def figures(self, model: Model, part: Windows) -> dict[str, Any]:
        measured = part.begins.min() < model.about["options"]["lookback"] + 1 and len(part) > MEASURED
        return _shaped(figures_of(model, part, MEASURED if measured else None).result())

    def baselines(self, model: Model, part: Windows, train: Windows | None) -> dict[str, dict[str, Any]]:
        features = model.parts["features"]
        found = {
            name: _shaped(baseline_figures(features, part, rule).result()) for name, rule in BASELINES.items()
        }
        if isinstance(part, Measured) and part.auto_ets:
            few = part.every(part.stride * -(-part.origins // part.auto_ets))
            began = time.perf_counter()
            ets = _shaped(baseline_figures(features, few, auto_ets).result())
            called = f"AutoETS at {few.origins} origins"
            found[called] = {**ets, "seconds": time.perf_counter() - began}
            found[f"{NETWORK} at these {few.origins} origins"] = _shaped(figures_of(model, few).result())
        return found

    def predictions(self, model: Model, part: Windows) -> pl.DataFrame:
        if not isinstance(part, Ahead):  # of a part with truth, a backtest from rolling origins
            return table_of(model, part.every(part.horizon) if part.stride == 1 else part, backtest=True)
        table = table_of(model, part)
        if isinstance(part, Ahead) and part.samples:
            drawn = sample_paths(model, part, part.samples, part.seed)
            paths = drawn.swapaxes(2, 3).reshape(part.samples, -1)
            table = table.with_columns(pl.Series(f"sample-{k + 1}", path) for k, path in enumerate(paths))
        return table

    def describe(self, figures: Mapping[str, Any], model: Model) -> list[RenderableType]:
        steps = figures["steps"]
        names = [
            name for name in ("mse", "mae", "mae_original", "mase", "smape", "crps", *steps) if name in steps
        ]
        names = list(dict.fromkeys(n for n in names if not n.startswith(("width", "mse_or", "crps_or"))))
        horizon = len(steps["mse"])
        shown = sorted({round(s) for s in np.linspace(0, horizon - 1, min(horizon, 12))})
        rows = [[str(k + 1), *(shown_figure(name, steps[name][k]) for name in names)] for k in shown]
        return [Sheet(["step", *names], rows, "by step ahead")]

    def draw(self, model: Model, splits: Splits[Windows], figures: Mapping[str, Any]) -> dict[str, Figure]:
        part = splits.last
        chosen = np.unique(np.linspace(0, len(part) - 1, MOST).round().astype(np.int64))
        parts = list(forecasts(model, part, chosen))
        levels, together = network_of(model).calibration.levels, model.parts["features"].together
        return {"forecasts.png": draw_forecasts(part.panel, parts, levels, together=together)}

    def card(self, model: Model, splits: Splits[Windows], folder: Path) -> tuple[str, str]:
        features, options = model.parts["features"], model.about["options"]
        parts = ", ".join(f"{len(part):,} ({name})" for name, part in splits.parts().items())
        targets = ", ".join(features.targets[:10]) + (" …" if len(features.targets) > 10 else "")
        about = (
            f"The next {options['horizon']} steps ({options['frequency']}) of {targets} in "
            f"{len(features.ids):,} series, "
            f"from the {options['lookback']} before. Windows: {parts}. mse, mae and crps are on the scale on "
            "which "
            "each series has mean 0 and deviation 1 in the training part.\n\n![forecasts](forecasts.png)"
        )
        return about, f'import elman\n\nforecaster = elman.load("{folder}")\nforecaster.predict(table)'


def _model(about: dict[str, Any], options: ForecastOptions, features: Features, cell: Cell) -> Model:
    output = create_output(options.output, loss=options.loss, levels=options.quantile_levels)
    series = len(features.ids) * features.channels
    embedded = series if options.series_embedding else 0
    sizes = Sizes(
        lookback=options.lookback or 1,
        horizon=options.horizon or 1,
        targets=len(features.targets) if features.together else 1,
        known=about["known"],
        past=about["past"],
        series=embedded,
        groups=series if series * (options.horizon or 1) <= CALIBRATED_APART else 0,
        segment=options.segment or 1,
        hidden=options.hidden_size,
    )
    module = ForecastNetwork(sizes, output, cell, options)
    return Model(module, about, None, {"features": features, "cell": cell})


def _check(options: ForecastOptions) -> None:
    """Raise `ArgumentError` for options that cannot be, or do not go together."""
    cell_of(options)
    _ = options.interval_levels, options.quantile_levels, options.split_steps
    if options.bidirectional and options.bptt is not None:
        got = shown(f"bidirectional with bptt {options.bptt}")
        raise wrong("bptt", expected="one direction, as the state is carried forward", got=got)
    if options.bidirectional and options.decoder != "direct":
        got = shown(f"bidirectional with the decoder {options.decoder or 'to be chosen'}")
        raise wrong(
            "bidirectional", expected="it only with decoder direct: others go on from the last state", got=got
        )
    if options.output == "negative-binomial" and options.normalize not in (None, "mean"):
        got = shown(f"{options.normalize} with the output negative-binomial")
        raise wrong("normalize", expected="mean, by which counts stay counts", got=got)


def _check_not_ahead(options: ForecastOptions, expected: str) -> None:
    """Raise `ArgumentError` for an option about the steps behind the data, where those are not forecast."""
    for name in ("future", "samples"):
        if getattr(options, name):
            raise wrong(name, expected=expected, got=getattr(options, name))


def _check_counts(train: Windows) -> None:
    for rows, _, _ in train.panel.pieces():
        values = train.panel.values[rows][train.panel.observed[rows]]
        odd = (values < 0) | (values != np.round(values))
        if odd.any():
            raise DataError(
                f"{train.panel.source}: expected counts (whole numbers from 0 on) for the output "
                f"negative-binomial, got {values[odd.argmax()].item()!r}. Choose output=student or quantile "
                "for other numbers."
            )


def _shaped(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures with those for the table in front and plain; others below `more`."""
    front = ("mse", "mae", "mase", "smape")
    scores = () if figures["crps"] == figures["mae"] else ("crps",)  # a point has no other
    plain = {n: v for n, v in figures.items() if n in (*front, *scores) or n.startswith("coverage")}
    rest = {n: v for n, v in figures.items() if n not in plain}
    steps, windows, without = rest.pop("steps"), rest.pop("windows"), rest.pop("without_mase")
    return {**plain, "windows": windows, "without_mase": without, "more": rest, "steps": steps}


TASK = Forecast()

"""forecast, seen: forecasts beside what came, with their intervals, and the error by step ahead."""

from __future__ import annotations

import numpy as np

from elman.data.windows import Windows
from elman.reporting.blocks import Block, Chart, Grid, Section, Table
from elman.reporting.charts import COLOURS, add_band, add_line, figure, range_words
from elman.reporting.run import Run
from elman.tasks.forecasting.forecasts import Forecast, forecasts, network_of

MOST = 6  # forecasts drawn
PAST = 2  # horizons of the past before each
NAMES = ("mse", "mae", "mase", "crps")


def sections(run: Run) -> list[Section]:
    """The drawn forecasts, then the figures by step."""
    assert run.model is not None
    found = []
    if isinstance(run.part, Windows):
        found.append(Section("result", "Forecasts beside what came", [Grid(_drawn(run, run.part))]))
    steps = run.figures.get("steps")
    if steps:
        found.append(Section("steps", "The error by step ahead", _by_step(steps)))
    return found


def _drawn(run: Run, part: Windows) -> list[Chart]:
    assert run.model is not None
    model = run.model
    chosen = np.unique(np.linspace(0, len(part) - 1, MOST).round().astype(np.int64))
    together = model.parts["features"].together
    charts: list[Chart] = []
    for said in forecasts(model, part, chosen):
        for row in range(len(said.series)):
            for column in range(said.point.shape[2]):
                channel = column if together else int(said.channels[row])
                charts.append(_one(run, part, said, row, column, channel))
    return charts[:MOST]


def _one(run: Run, part: Windows, said: Forecast, row: int, column: int, channel: int) -> Chart:
    assert run.model is not None
    panel, horizon = part.panel, said.point.shape[1]
    series, origin = int(said.series[row]), int(said.origins[row])
    before = np.arange(max(0, origin - PAST * horizon), origin)
    stamps = panel.frequency.stamps(panel.first[series] + np.arange(before[0], origin + horizon))
    shown = [str(stamp)[:19].replace("T", " ") for stamp in stamps]
    rows = panel.starts[series] + before
    past = np.where(panel.observed[rows, channel], panel.values[rows, channel], np.nan)
    ahead, truth = shown[len(before) :], said.truth[row, :, column]
    truth = np.where(said.observed[row, :, column], truth, np.nan)
    made = figure(height=300)
    words = []
    levels = network_of(run.model).calibration.levels
    for place, level in enumerate(levels):
        low, high = said.intervals[row, :, column, place].T
        add_band(made, ahead, low, high, f"{level} %", colour=COLOURS[0], strength=0.3 - 0.12 * place)
        known = ~np.isnan(truth)
        inside = (truth >= low) & (truth <= high)
        if known.any():
            words.append(f"{inside[known].mean():.0%} of what came lies in the {level} % interval.")
    add_line(made, shown[: len(before)], past, "past", mode="lines", line={"color": "#8a919a"})
    add_line(made, ahead, truth, "what came", mode="lines", line={"color": COLOURS[1], "dash": "dash"})
    add_line(made, ahead, said.point[row, :, column], "forecast", mode="lines", line={"color": COLOURS[0]})
    title = " ".join(filter(None, (panel.ids[series], panel.columns.targets[channel], "from", ahead[0])))
    words.insert(0, range_words("The forecast", ahead, said.point[row, :, column].tolist()))
    return Chart(title, made, " ".join(words))


def _by_step(steps: dict[str, list[float | None]]) -> list[Block]:
    names = [name for name in NAMES if name in steps]
    ahead = list(range(1, len(steps[names[0]]) + 1))
    charts = []
    for name in names:
        made = figure(x="steps ahead", y=name, height=240)
        add_line(made, ahead, steps[name], name, showlegend=False)
        charts.append(Chart(f"{name} by step ahead", made, range_words(name, ahead, steps[name])))
    rows = [[step, *(steps[name][step - 1] for name in names)] for step in ahead]
    return [Grid(charts), Table("The error by step ahead", ("Step", *names), rows, folded=True)]

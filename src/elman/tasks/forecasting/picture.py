"""A picture of forecasts with their intervals, beside what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from elman.data.panel import Panel
from elman.tasks.forecasting.forecasts import Forecast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 6  # forecasts in one picture


def draw_forecasts(panel: Panel, parts: list[Forecast], levels: tuple[int, ...], *, together: bool) -> Figure:
    """Up to `MOST` forecasts, each with two horizons of its past, the truth, and its intervals."""
    from matplotlib.figure import Figure

    shown = [
        (part, row, column)
        for part in parts
        for row in range(len(part.series))
        for column in range(part.point.shape[2])
    ][:MOST]
    across = min(2, len(shown))
    down = -(-len(shown) // across)
    picture = Figure(figsize=(6 * across, 2.6 * down), dpi=120, layout="constrained")
    for axes, (part, row, column) in zip(
        picture.subplots(down, across, squeeze=False).flat, shown, strict=False
    ):
        channel = column if together else int(part.channels[row])
        _draw_one(axes, panel, part, row, column, channel, levels)
    for axes in list(picture.axes)[len(shown) :]:
        axes.set_visible(False)
    drawn = {}  # each label once, whichever picture has it
    for axes in picture.axes:
        drawn |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    picture.legend(
        drawn.values(),
        drawn.keys(),
        loc="outside upper center",
        ncols=len(drawn),
        frameon=False,
        fontsize="small",
    )
    return picture


def _draw_one(
    axes: object, panel: Panel, part: Forecast, row: int, column: int, channel: int, levels: tuple[int, ...]
) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    series, origin, horizon = int(part.series[row]), int(part.origins[row]), part.point.shape[1]
    begin = max(0, origin - 2 * horizon)
    steps = np.arange(begin, origin + horizon)
    stamps = panel.frequency.stamps(panel.first[series] + steps)
    start = panel.starts[series]
    past = np.where(panel.observed[start + steps[: origin - begin], channel],
                    panel.values[start + steps[: origin - begin], channel], np.nan)  # fmt: skip
    axes.plot(stamps[: origin - begin], past, color="0.35", label="past")
    ahead = stamps[origin - begin :]
    truth = np.where(part.observed[row, :, column], part.truth[row, :, column], np.nan)
    if not np.isnan(truth).all():
        last = past[-1:]  # from there on, so that no gap stands between the two lines
        axes.plot(stamps[origin - begin - len(last) :], [*last, *truth], color="black", label="what came")
    axes.plot(ahead, part.point[row, :, column], color="tab:blue", label="forecast")
    for place, level in enumerate(levels):
        low, high = part.intervals[row, :, column, place].T
        axes.fill_between(
            ahead, low, high, color="tab:blue", alpha=0.25 - 0.1 * place, label=f"{level} %", lw=0
        )
    title = " ".join(filter(None, (panel.ids[series], panel.columns.targets[channel])))
    axes.set_title(title, fontsize="medium")
    axes.tick_params(labelsize="small")
    for label in axes.get_xticklabels():
        label.set_rotation(20)
    axes.grid(alpha=0.3)

"""Sequences of numbers as pictures: features over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.reporting.blocks import Chart
from elman.reporting.charts import COLOURS, add_line, figure, heat

LINES = 4  # features up to which each is a line
MOST_STEPS, MOST_FEATURES = 400, 128
FRAME = {"line": {"color": COLOURS[6], "width": 3}, "fillcolor": "rgba(0, 0, 0, 0)"}  # of a marked step


def input_chart(
    steps: np.ndarray,
    title: str,
    *,
    what: str = "feature",
    first: int = 0,
    marked: int | None = None,
    wide: int = 1,
) -> Chart:
    """A sequence (T, F): few features as lines, more as colours, steps from left to right.

    What has as many steps as features is drawn as images are: the first step on top.

    first: the number of the first step. marked: the number of one that is framed, with `wide` - 1 after it.
    """
    count, features = steps.shape
    every = -(-count // MOST_STEPS)
    frame = None if marked is None else (marked - every / 2, marked + wide - 1 + every / 2)
    shown = steps[::every, :MOST_FEATURES]
    words = f"{count} steps of {features} {what}s, from {steps.min():.3g} to {steps.max():.3g}."
    if count == 0 or features == 0:
        return Chart(title, figure(height=120), "No steps.")
    if features <= LINES:
        made = figure(x="step", y="value", height=220)
        for place in range(features):
            numbers = first + np.arange(0, count, every)
            add_line(made, numbers, shown[:, place], f"{what} {place}", mode="lines")
        made.update_layout(showlegend=features > 1)
        if frame is not None:
            made.add_vrect(*frame, **FRAME)
        return Chart(title, made, words)
    if count == features:
        made = heat(shown, x=what, y="step", height=320, y0=first, dy=every, showscale=False)
        made.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain")
        made.update_xaxes(constrain="domain")
        if frame is not None:
            made.add_hrect(*frame, **FRAME)
        return Chart(title, made, words)
    made = heat(shown.T, x="step", y=what, height=240, x0=first, dx=every, showscale=False)
    if frame is not None:
        made.add_vrect(*frame, **FRAME)
    return Chart(title, made, words)


def rows_of(read: Sequence[Any]) -> tuple[np.ndarray, int]:
    """(rows (T, F) of what was read at some steps, how many a step has), as `Place.here` has them."""
    values = np.asarray(read, dtype=np.float64)
    wide = values.shape[1] if values.ndim == 3 else 1
    return values.reshape(len(values) * wide, -1), wide

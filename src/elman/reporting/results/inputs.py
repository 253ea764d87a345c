"""Sequences of numbers as pictures: features over time."""

from __future__ import annotations

import numpy as np

from elman.reporting.blocks import Chart
from elman.reporting.charts import add_line, figure, heat

LINES = 4  # features up to which each is a line
MOST_STEPS, MOST_FEATURES = 400, 128


def input_chart(steps: np.ndarray, title: str, *, what: str = "feature") -> Chart:
    """A sequence (T, F): few features as lines, more as colours, steps from left to right.

    What has as many steps as features is drawn as images are: the first step on top.
    """
    count, features = steps.shape
    every = -(-count // MOST_STEPS)
    shown = steps[::every, :MOST_FEATURES]
    words = f"{count} steps of {features} {what}s, from {steps.min():.3g} to {steps.max():.3g}."
    if count == 0 or features == 0:
        return Chart(title, figure(height=120), "No steps.")
    if features <= LINES:
        made = figure(x="step", y="value", height=220)
        for place in range(features):
            add_line(made, np.arange(0, count, every), shown[:, place], f"{what} {place}", mode="lines")
        made.update_layout(showlegend=features > 1)
        return Chart(title, made, words)
    if count == features:
        made = heat(shown, x=what, y="step", height=320, showscale=False)
        made.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain")
        made.update_xaxes(constrain="domain")
        return Chart(title, made, words)
    made = heat(shown.T, x="step", y=what, height=240, x0=0, dx=every, showscale=False)
    return Chart(title, made, words)

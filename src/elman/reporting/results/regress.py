"""regress, seen: what was said against the truth, and the sequences with the largest errors."""

from __future__ import annotations

import numpy as np

from elman.data import Examples
from elman.data.checks import numbers_of
from elman.reporting.blocks import Block, Chart, Grid, Note, Section, Table
from elman.reporting.charts import COLOURS, add_line, figure
from elman.reporting.results.examples import drawn, looked_at, text_of, title_of
from elman.reporting.run import Run
from elman.tasks.regressing.learner import numbers_said

WORST, DRAWN, POINTS = 20, 6, 1_000


def sections(run: Run) -> list[Section]:
    """Both from the data; without them nothing."""
    if run.model is None or not isinstance(run.part, Examples) or run.part.labels is None:
        return []
    looked, places, note = looked_at(run.part, run.called)
    truth, said = numbers_of(looked), numbers_said(run.model, looked)
    return [
        Section("result", "What was said, and the truth", _against(truth, said)),
        Section(
            "hardest", "The largest errors", [Note(note), *_worst(looked, run.part, places, truth, said)]
        ),
    ]


def _against(truth: np.ndarray, said: np.ndarray) -> list[Block]:
    shown = np.unique(np.linspace(0, len(truth) - 1, POINTS).round().astype(np.int64))
    made = figure(x="truth", y="prediction", height=420)
    ends = np.array([min(truth.min(), said.min()), max(truth.max(), said.max())])
    add_line(made, ends, ends, "equal", mode="lines", line={"color": COLOURS[7], "dash": "dash"})
    marker = {"size": 5, "opacity": 0.6}
    add_line(made, truth[shown], said[shown], "sequences", mode="markers", marker=marker)
    errors = np.abs(said - truth)
    words = (
        f"{len(shown):,} sequences. Half of the errors are below {np.median(errors):.3g}, nine in ten below "
        f"{np.quantile(errors, 0.9):.3g}, the largest is {errors.max():.3g}."
    )
    return [Chart("Predictions against the truth", made, words, square=True)]


def _worst(
    looked: Examples, part: Examples, places: np.ndarray, truth: np.ndarray, said: np.ndarray
) -> list[Block]:
    worst = np.argsort(-np.abs(said - truth), kind="stable")[:WORST].tolist()
    names = [title_of(part, int(places[row])) for row in worst]
    rows = [
        [name, *text_of(looked, row), float(truth[row]), float(said[row]), float(said[row] - truth[row])]
        for name, row in zip(names, worst, strict=True)
    ]
    header = ["Example", *(["Text"] if text_of(looked, 0) else []), "Truth", "Prediction", "Error"]
    blocks: list[Block] = [Table("Sequences with the largest errors", header, rows)]
    charts = [
        chart
        for name, row in zip(names[:DRAWN], worst[:DRAWN], strict=True)
        if (chart := drawn(looked, row, f"{name}: {truth[row]:.4g}, taken for {said[row]:.4g}")) is not None
    ]
    return [*blocks, Grid(charts)] if charts else blocks

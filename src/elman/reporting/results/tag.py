"""tag, seen: sequences with their wrong labels marked, the figures of each label, rolls over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.data import Sequences
from elman.data.tagged import Tagged
from elman.reporting.blocks import Block, Chart, Grid, Marked, Piece, Section, Table, share_cell
from elman.reporting.charts import heat
from elman.reporting.results.confusion import confusion_blocks
from elman.reporting.results.inputs import input_chart
from elman.reporting.run import Run
from elman.tasks.tagging.labels import StepLabels
from elman.tasks.tagging.model import said

MOST_SEQUENCES, SHOWN, FEWEST, MOST_STEPS = 1_000, 8, 8, 300
LEGEND = "Marked: steps with a wrong label; below each the label given, then the right one."


def sections(run: Run) -> list[Section]:
    """Figures of the labels, then the sequences with the most mistakes."""
    assert run.model is not None
    labels: StepLabels = run.model.parts["labels"]
    blocks: list[Block] = []
    if run.figures.get("by_label"):
        shares = ("precision", "recall", "f1")
        rows: list[list[Any]] = [
            [row["label"], *(share_cell(row[n]) for n in shares), row["steps"]]
            for row in sorted(run.figures["by_label"], key=lambda row: -row["steps"])
            if row["steps"]
        ]
        blocks.append(Table("Each label, the most frequent first", ("Label", *shares, "Steps"), rows))
    if "confusion" in run.figures:
        blocks += confusion_blocks(run.figures["confusion"], labels.values)
    found = [Section("result", "How well each label is found", blocks)]
    if isinstance(run.part, Tagged) and run.part.labels is not None:
        part = run.part.select(np.arange(min(len(run.part), MOST_SEQUENCES)))
        show = _rolls if labels.several else _mistakes
        found.append(Section("sequences", "Sequences, step by step", show(run, part, labels)))
    return found


def _mistakes(run: Run, part: Tagged, labels: StepLabels) -> list[Block]:
    """The sequences of a readable length with the largest share of wrong labels."""
    assert run.model is not None
    assert part.labels is not None
    lengths = part.lengths
    named = labels.named(said(run.model, part).labels)
    answers = np.split(np.asarray(named), np.cumsum(lengths)[:-1])
    truth = part.labels
    wrong = [
        (a != np.asarray(t)).mean() if len(t) >= FEWEST else -1.0 for a, t in zip(answers, truth, strict=True)
    ]
    hardest = np.argsort([-share for share in wrong], kind="stable")[:SHOWN].tolist()
    blocks: list[Block] = []
    charts: list[Chart] = []
    for row in hardest:
        name = part.called[row] if part.called else f"sequence {row}"
        title = f"{name}: {wrong[row]:.0%} of {lengths[row]} steps wrong"
        steps = range(min(int(lengths[row]), MOST_STEPS))
        blocks.append(Marked(title, LEGEND, _pieces(_tokens(part, row), answers[row], truth[row], steps)))
        if isinstance(part.inputs, Sequences) and len(charts) < 4:
            start = int(part.inputs.starts[row])
            values = part.inputs.values[start : start + int(lengths[row])].numpy()
            charts.append(input_chart(values, f"{name}: what the model reads"))
    return [*blocks, Grid(charts)] if charts else blocks


def _tokens(part: Tagged, row: int) -> list[str]:
    if not isinstance(part.inputs, Sequences):
        return part.inputs[row]
    assert part.labels is not None
    return [str(label) for label in part.labels[row]]


def _pieces(tokens: list[str], given: np.ndarray, truth: np.ndarray, steps: range) -> list[Piece]:
    pieces = []
    for step in steps:
        right = given[step] == truth[step]
        title = f"{truth[step]}" if right else f"{given[step]}, but {truth[step]} is right"
        under = "" if right else f"{given[step]} → {truth[step]}"
        pieces += [Piece(tokens[step], None, title, not right, under), Piece(" ")]
    return pieces


def _rolls(run: Run, part: Tagged, labels: StepLabels) -> list[Block]:
    """Truth and probabilities of the longest sequence."""
    assert run.model is not None
    one = part.select(np.array([int(part.lengths.argmax())]))
    assert one.labels is not None
    truth = np.asarray(one.labels[0])[:MOST_STEPS]
    chances = said(run.model, one).probabilities[:MOST_STEPS]
    used = np.flatnonzero(truth.any(0) | (chances > 0.1).any(0))
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, truth.shape[1])
    names = [str(name) for name in labels.values[first:last]]
    style: dict[str, Any] = {"zmin": 0, "zmax": 1, "showscale": False}
    charts = []
    for title, values in (("What happened", truth), ("Probability that the model gave", chances)):
        values = np.asarray(values, dtype=np.float64)[:, first:last]
        made = heat(values.T, x="step", y="label", height=360, rows=names, **style)
        mean = values.sum(1).mean()
        words = f"{len(values)} steps of {len(names)} labels; {mean:.2f} labels a step on average."
        charts.append(Chart(title, made, words))
    return [Grid(charts)]

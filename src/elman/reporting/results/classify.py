"""classify, seen: the confusion of the classes, and the examples that the model finds hardest."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.data import Examples
from elman.data.checks import encode_labels
from elman.reporting.blocks import Block, Grid, Note, Section, Table, share_cell
from elman.reporting.results.confusion import confusion_blocks
from elman.reporting.results.examples import drawn, looked_at, text_of, title_of
from elman.reporting.run import Run
from elman.tasks.classifying.learner import probabilities_of

HARDEST, DRAWN = 20, 6


def sections(run: Run) -> list[Section]:
    """Confusion from the figures, examples from the data."""
    assert run.model is not None
    classes = run.model.parts["classes"].tolist()
    blocks: list[Block] = []
    if "confusion" in run.figures:
        blocks += confusion_blocks(run.figures["confusion"], classes)
    found = [Section("result", "Which class is taken for which", blocks)]
    if isinstance(run.part, Examples) and run.part.labels is not None:
        found.append(Section("hardest", "The hardest examples", _hardest(run, run.part)))
    return found


def _hardest(run: Run, part: Examples) -> list[Block]:
    """The examples whose true class is least probable to the model."""
    assert run.model is not None
    looked, places, note = looked_at(part, run.called)
    classes = run.model.parts["classes"]
    truth = encode_labels(looked, classes).numpy()
    chances = probabilities_of(run.model, looked)
    right = chances[np.arange(len(truth)), truth]
    hardest = np.argsort(right, kind="stable")[:HARDEST]
    blocks: list[Block] = [Note(note)]
    rows: list[list[Any]] = []
    for row in hardest.tolist():
        said = int(chances[row].argmax())
        rows.append(
            [
                title_of(part, int(places[row])),
                str(classes[truth[row]]),
                str(classes[said]),
                *text_of(looked, row),
                share_cell(right[row]),
                share_cell(chances[row, said]),
            ]
        )
    header = ["Example", "Truth", "Prediction", "Probability of the truth", "Of the prediction"]
    if text_of(looked, 0):
        header.insert(3, "Text")
    blocks.append(Table("Examples whose truth the model finds least probable", header, rows))
    charts = [
        chart
        for row, listed in zip(hardest[:DRAWN].tolist(), rows, strict=False)
        if (chart := drawn(looked, row, _title(listed))) is not None
    ]
    return [*blocks, Grid(charts)] if charts else blocks


def _title(listed: list[Any]) -> str:
    said = f"taken for {listed[2]}" if listed[1] != listed[2] else f"with {listed[-2].shown}"
    return f"{listed[0]}: {listed[1]}, {said}"

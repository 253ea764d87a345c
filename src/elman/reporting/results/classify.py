"""classify, seen: the confusion of the classes, and the examples that the model finds hardest."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.data import Examples, Sequences
from elman.data.checks import encode_labels
from elman.reporting.blocks import Block, Chart, Grid, Note, Section, Table, share_cell
from elman.reporting.results.confusion import confusion_blocks
from elman.reporting.results.inputs import input_chart
from elman.reporting.run import Run
from elman.tasks.classifying.learner import probabilities_of

MOST_LOOKED_AT = 4_000  # examples among which the hardest are sought
HARDEST, DRAWN, LETTERS = 20, 6, 300


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
    every = -(-len(part) // MOST_LOOKED_AT)
    places = np.arange(0, len(part), every)
    looked = part.select(places)
    classes = run.model.parts["classes"]
    truth = encode_labels(looked, classes).numpy()
    chances = probabilities_of(run.model, looked)
    right = chances[np.arange(len(truth)), truth]
    hardest = np.argsort(right, kind="stable")[:HARDEST]
    among = f"one in {every}" if every > 1 else "all of them"
    blocks: list[Block] = [Note(f"From {run.called}: {len(looked):,} looked at, {among}.")]
    rows: list[list[Any]] = []
    for row in hardest.tolist():
        said = int(chances[row].argmax())
        rows.append(
            [
                _name(part, int(places[row])),
                str(classes[truth[row]]),
                str(classes[said]),
                *_text(looked, row),
                share_cell(right[row]),
                share_cell(chances[row, said]),
            ]
        )
    header = ["Example", "Truth", "Prediction", "Probability of the truth", "Of the prediction"]
    if not isinstance(looked.inputs, Sequences):
        header.insert(3, "Text")
    blocks.append(Table("Examples whose truth the model finds least probable", header, rows))
    if isinstance(looked.inputs, Sequences):
        blocks.append(Grid([_drawn(looked, row, rows[k]) for k, row in enumerate(hardest[:DRAWN].tolist())]))
    return blocks


def _drawn(looked: Examples, row: int, listed: list[Any]) -> Chart:
    assert isinstance(looked.inputs, Sequences)
    start, length = int(looked.inputs.starts[row]), int(looked.inputs.lengths[row])
    steps = looked.inputs.values[start : start + length].numpy()
    what = "mel band" if looked.rate is not None and steps.shape[1] > 4 else "feature"
    said = f"taken for {listed[2]}" if listed[1] != listed[2] else f"with {listed[-2].shown}"
    return input_chart(steps, f"{listed[0]}: {listed[1]}, {said}", what=what)


def _name(part: Examples, row: int) -> str:
    return str(part.names[row]) if part.names is not None else f"row {part.first_row + row}"


def _text(looked: Examples, row: int) -> list[str]:
    if isinstance(looked.inputs, Sequences):
        return []
    text = looked.inputs[row]
    return [text if len(text) <= LETTERS else f"{text[:LETTERS]} …"]

"""Examples as reports show them: which are looked at, their names, texts and pictures."""

from __future__ import annotations

import numpy as np

from elman.data import Examples, Sequences
from elman.reporting.blocks import Chart
from elman.reporting.results.inputs import input_chart

MOST_LOOKED_AT = 4_000
LETTERS = 300


def looked_at(part: Examples, called: str) -> tuple[Examples, np.ndarray, str]:
    """(examples evenly among those of a part, their rows in it, what is said of that)."""
    every = -(-len(part) // MOST_LOOKED_AT)
    places = np.arange(0, len(part), every)
    among = f"one in {every}" if every > 1 else "all of them"
    return part.select(places), places, f"From {called}: {len(places):,} looked at, {among}."


def title_of(part: Examples, row: int) -> str:
    """What an example is called."""
    return str(part.names[row]) if part.names is not None else f"row {part.first_row + row}"


def text_of(looked: Examples, row: int) -> list[str]:
    """The text of an example, shortened; nothing for numbers."""
    if isinstance(looked.inputs, Sequences):
        return []
    text = looked.inputs[row]
    return [text if len(text) <= LETTERS else f"{text[:LETTERS]} …"]


def drawn(looked: Examples, row: int, title: str) -> Chart | None:
    """The numbers of an example as a chart; None for a text."""
    if not isinstance(looked.inputs, Sequences):
        return None
    start, length = int(looked.inputs.starts[row]), int(looked.inputs.lengths[row])
    steps = looked.inputs.values[start : start + length].numpy()
    what = "mel band" if looked.rate is not None and steps.shape[1] > 4 else "feature"
    return input_chart(steps, title, what=what)

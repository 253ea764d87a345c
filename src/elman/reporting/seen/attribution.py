"""What made an answer: integrated gradients and occlusion of each step, as `elman inspect` found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elman.reporting.blocks import Block, Chart, Grid, Marked, Piece, Table
from elman.reporting.charts import add_line, figure
from elman.reporting.results.inputs import input_chart, rows_of

Plain = Mapping[str, Any]
LEGEND = "The stronger the colour, the more a step moved the score; what moved it down is underlined in red."


def attribution_blocks(entries: Sequence[Plain]) -> list[Block]:
    """Of each answer the steps that made it: tokens coloured, or a chart where steps are numbers."""
    blocks: list[Block] = []
    for entry in entries:
        title = f"Sequence {entry['sequence']}, answer {entry['answer']}"
        if entry["inputs"] and isinstance(entry["inputs"][0], str):
            blocks += [Marked(title, LEGEND, _pieces(entry)), _table(entry, title)]
        else:
            read, wide = rows_of(entry["inputs"])
            drawn = input_chart(read, f"{title}: what was read")
            blocks.append(Grid([_chart(entry, title, wide), drawn]))
    return blocks


def _pieces(entry: Plain) -> list[Piece]:
    most = max((abs(value) for value in entry["integrated"]), default=0.0) or 1.0
    space = "" if all(len(token) <= 1 for token in entry["inputs"]) else " "
    pieces = []
    for token, value in zip(entry["inputs"], entry["integrated"], strict=True):
        strong = abs(value) / most
        lowered = value < 0 and strong > 0.1
        text = token.replace("\n", "⏎\n")
        pieces += [Piece(text, strong, f"{text.strip()}: {value:+.3g}", wrong=lowered), Piece(space)]
    return pieces


def _table(entry: Plain, title: str) -> Table:
    both = zip(entry["inputs"], entry["integrated"], entry["occluded"], strict=True)
    rows = [[str(step), token, first, second] for step, (token, first, second) in enumerate(both)]
    header = ("Step", "Read", "Integrated gradients", "Occlusion")
    return Table(f"{title}: all steps", header, rows, folded=True)


def _chart(entry: Plain, title: str, wide: int) -> Chart:
    """wide: rows that a step reads; its part of the score stands at their middle."""
    made = figure(x="step", y="part of the score", height=260)
    steps = [wide * step + (wide - 1) / 2 for step in range(len(entry["integrated"]))]
    add_line(made, steps, entry["integrated"], "integrated gradients")
    add_line(made, steps, entry["occluded"], "occlusion", line={"dash": "dash"})
    most = max(range(len(steps)), key=lambda step: abs(entry["integrated"][step]), default=0)
    words = f"The score is {entry['score']:.4g}, of zeros {entry['baseline']:.4g}; step {most} moved it most."
    return Chart(title, made, f"{words} Integrated gradients leave {entry['gap']:.2g} open.")

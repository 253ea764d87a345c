"""Confusion: which label is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.reporting.blocks import Block, Chart, Table, share_cell
from elman.reporting.charts import heat

MOST_LABELS = 40  # beyond, only the commonest mistakes are listed
MOST_MISTAKES = 20


def confusion_blocks(confusion: Sequence[Sequence[int]], classes: Sequence[Any]) -> list[Block]:
    """The counts as a chart (rows: truth; colours: share of the row), the commonest mistakes as a table."""
    counts = np.asarray(confusion)
    names = [str(label) for label in classes]
    totals = counts.sum(1)
    right = counts.diagonal()
    pairs = [
        (int(counts[k, j]), k, j)
        for k in range(len(names))
        for j in range(len(names))
        if k != j and counts[k, j]
    ]
    pairs.sort(reverse=True)
    rows = [[f"{names[k]} as {names[j]}", n, share_cell(n / totals[k])] for n, k, j in pairs[:MOST_MISTAKES]]
    blocks: list[Block] = []
    if len(names) <= MOST_LABELS:
        shares = counts / np.maximum(totals, 1)[:, None]
        side = min(220 + 26 * len(names), 640)
        made = heat(
            shares,
            x="prediction",
            y="truth",
            height=side,
            columns=names,
            rows=names,
            zmin=0,
            zmax=1,
            customdata=counts.tolist(),
            hovertemplate="%{y} as %{x}: %{customdata} (%{z:.1%})<extra></extra>",
        )
        if len(names) <= 12:
            made.update_traces(text=counts.tolist(), texttemplate="%{text}")
        made.update_yaxes(autorange="reversed")
        accuracy = ", ".join(f"{n} {r / max(t, 1):.0%}" for n, r, t in zip(names, right, totals, strict=True))
        words = f"Share of each label that is right: {accuracy}."
        blocks.append(
            Chart("Confusion: rows are the truth, columns the prediction", made, words, square=True)
        )
    if rows:
        blocks.append(
            Table("The commonest mistakes", ("Truth as prediction", "Times", "Of that label"), rows)
        )
    return blocks

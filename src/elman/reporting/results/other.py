"""The result of a task that has no page of its own: its first predictions, and the pictures in the folder."""

from __future__ import annotations

import base64
from typing import Any

from elman.reporting.blocks import Block, Picture, Section, Table
from elman.reporting.run import Run
from elman.train.run_folder import PICTURE

MOST_ROWS, MOST_COLUMNS, MOST_BYTES = 50, 12, 400_000


def sections(run: Run) -> list[Section]:
    """Predictions as the task lists them, then its pictures."""
    blocks: list[Block] = []
    if run.part is not None and run.task is not None and run.model is not None:
        table = run.task.predictions(run.model, run.part)[:MOST_ROWS, :MOST_COLUMNS]
        rows: list[list[Any]] = [list(row) for row in table.iter_rows()]
        blocks.append(Table(f"The first predictions, {run.called}", table.columns, rows))
    for path in sorted(run.path.glob("*.png")):
        if path.name != PICTURE and path.stat().st_size <= MOST_BYTES:
            uri = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
            blocks.append(Picture(path.stem.replace("_", " "), uri))
    return [Section("result", "The result, seen", blocks)]

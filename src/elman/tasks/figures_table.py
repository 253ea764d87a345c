"""The figures of a task as a table: the parts of the data, and the baselines beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elman.tasks.task import Task
from elman.train.display import row_name, shown_figure
from elman.train.sheet import Sheet


def figures_table(
    figures: Mapping[str, Mapping[str, Any]],
    baselines: Mapping[str, Mapping[str, Any]],
    task: Task[Any, Any],
    title: str = "",
) -> Sheet:
    """A row for each split and baseline, a column for each figure that is one number."""
    names = [name for name, value in next(iter(figures.values())).items() if isinstance(value, float)]
    rows = []
    for label, values in figures.items():
        counted = f"{values[task.unit]:,}" if task.unit in values else ""
        rows.append([label, *(shown_figure(name, values.get(name)) for name in names), counted])
    for label, values in baselines.items():
        took = f" ({values['seconds']:.1f} s)" if "seconds" in values else ""
        cells = [shown_figure(name, values.get(name)) for name in names]
        rows.append([f"{row_name(label)}{took}", *cells, ""])
    return Sheet(["", *names, task.unit], rows, title)

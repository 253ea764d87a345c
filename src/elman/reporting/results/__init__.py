"""The result of a task, seen: one file a task; for tasks without one the pictures there are."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from elman.reporting.blocks import Section
from elman.reporting.results.other import sections as others
from elman.reporting.run import Run

#: by the name of a task, the module whose `sections` show its result
SHOWN = {
    "classify": "elman.reporting.results.classify",
    "forecast": "elman.reporting.results.forecast",
    "generate": "elman.reporting.results.generate",
    "regress": "elman.reporting.results.regress",
    "tag": "elman.reporting.results.tag",
}


def result_sections(run: Run) -> list[Section]:
    """What is to be seen of a run's result, as its task has it."""
    if run.task is None or run.model is None:
        return []
    show: Callable[[Run], list[Section]] = others
    if run.task.name in SHOWN:
        show = import_module(SHOWN[run.task.name]).sections
    return [section for section in show(run) if section.blocks]

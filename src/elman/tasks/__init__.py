"""Floor 5: the tasks. A task is one file here and one line in `TASKS`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from elman.errors import unknown

if TYPE_CHECKING:
    from elman.tasks.task import Task


class Entry(NamedTuple):
    """What a task does, and the class of its estimator."""

    about: str
    estimator: str


#: by name; elman.tasks.<name>.TASK is the task
TASKS = {
    "classify": Entry("a label for each sequence", "Classifier"),
    "forecast": Entry("the next steps of series, with intervals", "Forecaster"),
    "generate": Entry("a language model, which writes", "LanguageModel"),
    "regress": Entry("a number for each sequence", "Regressor"),
    "tag": Entry("a label, or several, for each step of a sequence", "Tagger"),
}


def task_named(name: str) -> Task:
    """The task of that name; raises `ArgumentError` for an unknown one."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return import_module(f"elman.tasks.{name}").TASK

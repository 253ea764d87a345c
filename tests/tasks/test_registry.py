"""Every registered task has what the command line needs; options read the same from everywhere."""

from __future__ import annotations

import pytest

from elman.errors import ArgumentError
from elman.tasks import TASKS, task_named
from elman.tasks.task import Task
from elman.train.options import TrainOptions, check, from_mapping, to_mapping


@pytest.mark.parametrize("name", TASKS)
def test_a_task(name: str) -> None:
    task = task_named(name)
    assert isinstance(task, Task)
    assert task.name == name == task.estimator.task_name
    assert issubclass(task.options, TrainOptions)
    assert task.estimator.options_type is task.options
    check(task.options())
    assert from_mapping(task.options, to_mapping(task.options()), origin="here") == task.options()


def test_an_unknown_task() -> None:
    with pytest.raises(ArgumentError) as error:
        task_named("clasify")
    valid = ", ".join(TASKS)
    assert str(error.value) == f"task: unknown name 'clasify'. Did you mean 'classify'? Valid: {valid}."

"""Models in run folders, opened again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elman.tasks import task_named
from elman.tasks.task import Model, Task
from elman.train.run_folder import RunFolder
from elman.train.state import load_weights


def open_model(path: str | Path) -> tuple[Task[Any, Any], Model]:
    """The task and the model of a run folder.

    Raises `RunError` if there is none, or a file is truncated or was changed.
    """
    weights, about, vocabulary = RunFolder(Path(path)).load_model()
    task = task_named(about.get("task", ""))
    model = task.rebuild(about, vocabulary)
    load_weights(model.module, weights)
    model.module.eval()
    return task, model

"""A run folder as a report reads it: its files, its model, and the data that its result is shown on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elman.errors import DataError, RunError
from elman.tasks.task import Model, Task
from elman.tasks.using import open_run, part_of
from elman.train.options import TrainOptions
from elman.train.run_folder import CARD, CONFIG, FLOW, INSPECTION, METRICS, RESULT


@dataclass
class Run:
    """A run and what is known of it.

    settings: its options as plain values. result: result.json, {} where training has not ended. history:
    a record for each epoch. flow: measurements of the gradient while training. inspection: inspect.json, {}
    where there is none. part, called: the data shown; None with the reason in `without`.
    """

    path: Path
    settings: dict[str, Any]
    result: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    flow: list[dict[str, Any]] = field(default_factory=list)
    inspection: dict[str, Any] = field(default_factory=dict)
    about: str = ""
    task: Task[Any, Any] | None = None
    model: Model | None = None
    options: TrainOptions | None = None
    part: Any = None
    called: str = ""
    without: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tables call it: its folder's name."""
        return self.path.resolve().name

    @property
    def splits(self) -> dict[str, dict[str, Any]]:
        """The figures of each part of the data, by name."""
        return {name: self.result[name] for name in ("train", "valid", "test") if name in self.result}

    @property
    def headline(self) -> str:
        """The figure of its task."""
        return self.task.headline if self.task is not None else "loss"


def read_run(path: str | Path, *, data: str | None = None, look: bool = True) -> Run:
    """The run in a folder.

    data: what to show the result on; the last part of the run's own data unless given. look: whether to open
    those data at all.

    Raises `RunError` for no run folder or a damaged one, `DataError` or `ArgumentError` for `data` that
    cannot be read. Own data that cannot be read are no error: `without` says why.
    """
    task, model, options = open_run(str(path))
    run = read_files(Path(path), dict(model.about["options"]))
    run.task, run.model, run.options = task, model, options
    if not look:
        return run
    try:
        more = part_of(task, data, options, labelled=True)
        run.part, run.called = more.part, more.called
        if data is not None:
            run.figures = task.figures(model, run.part)
    except (DataError, ValueError, RunError, OSError) as error:
        if data is not None:
            raise
        run.part, run.without = None, str(error)
    if not run.figures and run.splits:
        run.figures = list(run.splits.values())[-1]
    if not run.figures and run.part is not None:
        run.figures = task.figures(model, run.part)
    return run


def read_files(path: Path, settings: dict[str, Any]) -> Run:
    """What the files of a run folder say, those that are there; `settings` its options."""
    return Run(
        path,
        settings,
        result=_json(path / RESULT),
        history=_lines(path / METRICS),
        flow=_lines(path / FLOW),
        inspection=_json(path / INSPECTION),
        about=_about(path / CARD),
    )


def config_text(run: Run) -> str:
    """config.toml of the run; empty where there is none."""
    path = run.path / CONFIG
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path}: expected JSON, got a damaged file ({error}).") from None


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise RunError(f"{path}: expected a JSON object in each line, got another ({error}).") from None


def _about(path: Path) -> str:
    """The paragraph of the model card that says what was learned from what."""
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8").split("\n## ")[0]
    paragraphs = [p for p in text.split("\n\n")[1:] if p.strip() and not p.startswith("![")]
    return re.sub(r"\s+", " ", paragraphs[0]).strip() if paragraphs else ""

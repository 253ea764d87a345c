"""What a run is used for, once it is trained: evaluate and predict, for every task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from elman.data import Splits
from elman.errors import ArgumentError, DataError, RunError, wrong
from elman.tasks.figures_table import figures_table
from elman.tasks.saved import open_model
from elman.tasks.task import Model, More, Task
from elman.train.durable import replacing, write_json
from elman.train.options import TrainOptions, check, from_mapping, rules
from elman.train.run_folder import PREDICTIONS, RunFolder


def evaluate(
    run: str, console: Console, *, data: str | None = None, out: str | None = None, **reading: Any
) -> dict[str, Any]:
    """Measure the model of a run folder on labelled data; `out` names a JSON file for the figures.

    data: the last part of the run's own data (its test part, where there is one) unless given.
    reading: the task's options about the form of data (`reading_options`), where they differ from training.
    """
    task, model, options = open_run(run, **reading)
    _check_out(out, overwrite=True)
    trained = from_mapping(task.options, model.about["options"], origin=run)
    own = None  # what the run was trained on: read once, for all that is asked of it
    if data is None:
        splits = _own(task, options)
        own = splits if options == trained else _own(task, trained)
        if said := _changed(task, model, own, trained, run):
            console.print(said, style="yellow", highlight=False, markup=False, soft_wrap=True)
        more = _last(splits, options)
    else:
        more = task.read_more(data, options, labelled=True)
    _say(console, more)
    figures = task.figures(model, more.part)
    baselines, missing = _baselines(task, model, more.part, own, trained)
    console.print(figures_table({"network": figures}, baselines, task, title=more.called))
    if missing:
        said = f"baselines that learn from the training data are left out: {missing}"
        console.print(said, highlight=False, markup=False, soft_wrap=True)
    for table in task.describe(figures, model):
        console.print(table)
    if out is not None:
        read = {"run": run, "data": more.called, "notes": list(more.notes)}
        write_json(Path(out), {**read, "figures": figures, "baselines": baselines})
        console.print(f"figures written to {out}", highlight=False)
    return figures


def predict(
    run: str,
    console: Console,
    *,
    data: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
    **reading: Any,
) -> int:
    """Write a CSV with a row for each thing predicted. Returns the rows.

    data: the last part of the run's own data (its test part, where there is one) unless given.
    out: predictions.csv in the run folder unless given.
    reading: the task's options about the form of data (`reading_options`), where they differ from training.
    """
    out = str(Path(run) / PREDICTIONS) if out is None else out
    _check_out(out, overwrite=overwrite)
    task, model, options = open_run(run, **reading)
    more = part_of(task, data, options, labelled=False)
    _say(console, more)
    table = task.predictions(model, more.part)
    with replacing(Path(out)) as file:  # as text in memory it would take more than the table itself
        table.write_csv(file)
    said = f"{len(table):,} predictions for {more.called} written to {out}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    return len(table)


def part_of(task: Task[Any, Any], data: str | None, options: TrainOptions, *, labelled: bool) -> More[Any]:
    """What `data` names; the last part of the data of the run itself for None.

    Raises `DataError` for data that cannot be read, `ArgumentError` for none where the run has none itself.
    """
    if data is not None:
        return task.read_more(data, options, labelled=labelled)
    return _last(_own(task, options), options)


def _own(task: Task[Any, Any], options: TrainOptions) -> Splits[Any]:
    """The data that a run names itself; raises `ArgumentError` where it names none."""
    if not options.data:
        raise wrong(
            "data",
            expected="data to read, since this model was trained in Python, on arrays",
            got=None,
            remedy="Name them by --data.",
        )
    return task.read(options)[0]


def _last(splits: Splits[Any], options: TrainOptions) -> More[Any]:
    return More(splits.last, f"{options.data}, its {list(splits.parts())[-1]} part")


def _say(console: Console, more: More[Any]) -> None:
    """How data that a run was not trained on were read, as `elman train` says it of those that it was."""
    for note in more.notes:
        console.print(f"  {note}", highlight=False, markup=False, soft_wrap=True)


def _changed(task: Task[Any, Any], model: Model, splits: Splits[Any], options: TrainOptions, run: str) -> str:
    """What is to be said where a run's own data, as they are now, are not known to be those that it was
    trained on."""
    then = RunFolder(Path(run)).load_model()[1].get("data")
    if not then:
        return "The run does not say what data it was trained on, so whether they have changed is not known."
    try:
        now = task.learner(model, splits, options).fingerprint()
    except DataError:  # such as a class that was not there
        now = ""
    if now == then:
        return ""
    return (
        f"The training data have changed since training ({options.data}): what is now its "
        f"{list(splits.parts())[-1]} part may have been trained on, and the baselines learn from other data "
        "than the network did."
    )


def _baselines(
    task: Task[Any, Any], model: Model, part: Any, own: Splits[Any] | None, options: TrainOptions
) -> tuple[dict[str, Any], str]:
    """(the figures of the baselines, learned again from what a run was trained on; why some are left out).

    own: what it was trained on, where that has been read; options: those of the training.
    """
    missing = ""
    if options.baselines and not options.data:
        missing = "the model was trained in Python, on arrays."
    elif options.baselines:
        try:
            own = own or _own(task, options)
            return task.baselines(model, part, own.train), ""
        except (ArgumentError, DataError) as error:
            missing = str(error)
    return task.baselines(model, part, None), missing


def reading_options(run: str) -> list[tuple[str, type, Any]]:
    """(name, kind, value in training) of each option about the form of data that the task of a run has.

    Raises `RunError` if there is no such run.
    """
    task, model = open_model(run)
    shared, before = rules(TrainOptions), model.about["options"]
    own = {name: rule for name, rule in rules(task.options).items() if name not in shared}
    return [(name, rule.kind, before.get(name)) for name, rule in own.items() if not rule.python]


def open_run(run: str, **changes: Any) -> tuple[Task[Any, Any], Model, Any]:
    """(task, model, options) of a run folder; `changes` that are None are left out.

    Raises `RunError` if there is none, or a file is truncated or was changed, `ArgumentError` for a change
    that cannot be.
    """
    task, model = open_model(run)
    options = from_mapping(task.options, model.about["options"], origin=run)
    changed = options.replace(**{name: value for name, value in changes.items() if value is not None})
    if changed != options:
        check(changed)
    return task, model, changed


def _check_out(out: str | None, *, overwrite: bool) -> None:
    """Find out before the work whether its result can be written."""
    if out is None:
        return
    path = Path(out)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise RunError(f"out: expected a file in a folder that exists, got '{out}'.")
    if path.exists() and not overwrite:
        raise RunError(f"out: expected a new file, got '{out}', which exists. Add --overwrite to replace it.")

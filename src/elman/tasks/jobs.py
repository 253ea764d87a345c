"""The three jobs that every task has: train, evaluate, predict."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from rich.console import Console

from elman.bench import machine
from elman.data import Splits
from elman.errors import ArgumentError, DataError, RunError, shown, wrong
from elman.tasks import task_named
from elman.tasks.initial import start_from
from elman.tasks.saved import open_model
from elman.tasks.task import Model, Task
from elman.train.averaging import check_average
from elman.train.card import model_card
from elman.train.device import check_device
from elman.train.display import Display, Displays, RichDisplay, shown_figure
from elman.train.durable import write_bytes, write_json, write_text
from elman.train.interrupt import Interrupt
from elman.train.learner import Learner
from elman.train.loop import Outcome, fit
from elman.train.options import TrainOptions, check, from_mapping, rules, to_mapping
from elman.train.picture import draw_learning_curve, save_picture
from elman.train.run_folder import CARD, EVENTS, PICTURE, PREDICTIONS, RunFolder
from elman.train.sheet import Sheet
from elman.train.tensorboard import TensorBoardDisplay, check_tensorboard

#: makes a display from the run folder, the task and the model
Beside: TypeAlias = Callable[[RunFolder, Task[Any, Any], Model], Display]
#: what may differ from the options with which a run began when it is resumed
CHANGEABLE = (
    "epochs",
    "patience",
    "learning_rate",
    "clip",
    "device",
    "resume",
    "overwrite",
    "out",
    "watch",
    "port",
    "log",
)


def train(
    name: str,
    options: TrainOptions,
    console: Console,
    *beside: Beside,
    last_word: Callable[[Learner, TrainOptions, Outcome], str] | None = None,
) -> Outcome:
    """Train a model into a run folder, measure it, and write the reports.

    Everything that can be wrong with options, folder and data is found before the folder is touched.
    beside: what else is to be told of the training, made when the folder is ready.
    last_word: what is to be said at the end, such as what a doctor found; empty for nothing.

    Raises `ArgumentError`, `DataError` or `RunError`.
    """
    task = task_named(name)
    check(options)
    check_device(options.device)
    if options.log == "tensorboard":
        check_tensorboard()
    folder, options = _folder(name, options)
    splits, options = task.read(options)
    check_average(options, validated=splits.valid is not None)
    before = options
    options = task.choose(options, splits)
    _say(console, splits, before, options)
    torch.manual_seed(options.seed)
    model, learner = task.prepare(options, splits)
    for note in model.notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    if options.init is not None and not options.resume:
        _say_lines(
            console, f"first weights from {options.init}:", start_from(name, model, options.init).lines()
        )
    folder.about, folder.fingerprint = task.about(model), learner.fingerprint()
    folder.begin(
        to_mapping(options.replace(resume=False, overwrite=False, watch=False)), vocabulary=model.vocabulary
    )
    if options.cell_options is not None:
        console.print(f"cell: {model.parts['cell']!r}", highlight=False, markup=False, soft_wrap=True)
    parameters = sum(p.numel() for p in model.module.parameters())
    console.print(f"{parameters:,} weights; run folder {folder.where}", highlight=False)
    notice = "\n[yellow]Stopping after this batch; once more stops at once.[/yellow]"
    with Interrupt(lambda: console.print(notice)) as interrupt:
        others = [make(folder, task, model) for make in beside]
        if options.log == "tensorboard":
            others.append(TensorBoardDisplay(folder.path / EVENTS))
        display = Displays(RichDisplay(console, task.headline), *others)
        outcome = fit(learner, options, store=folder, display=display, stop=lambda: interrupt.requested)
        if outcome.ending == "interrupted":
            command = shlex.join(["elman", "train", name, "--out", folder.where, "--resume"])
            console.print(
                f"[yellow]Stopped; everything is kept.[/yellow] To go on:\n  {command}", soft_wrap=True
            )
            return outcome
    _report(task, model, splits, options, outcome, folder, console)
    if last_word is not None and (said := last_word(learner, options, outcome)):
        console.print(said, highlight=False, markup=False, soft_wrap=True)
    return outcome


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
        part, called = splits.last, _last_called(splits, options)
    else:
        part, called = task.read_more(data, options, labelled=True)
    figures = task.figures(model, part)
    baselines, missing = _baselines(task, model, part, own, trained)
    console.print(_figures_table({"network": figures}, baselines, task, title=called))
    if missing:
        said = f"baselines that learn from the training data are left out: {missing}"
        console.print(said, highlight=False, markup=False, soft_wrap=True)
    for table in task.describe(figures, model):
        console.print(table)
    if out is not None:
        write_json(Path(out), {"run": run, "data": called, "figures": figures, "baselines": baselines})
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
    part, called = part_of(task, data, options, labelled=False)
    table = task.predictions(model, part)
    write_bytes(Path(out), table.write_csv().encode())
    said = f"{len(table):,} predictions for {called} written to {out}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    return len(table)


def part_of(
    task: Task[Any, Any], data: str | None, options: TrainOptions, *, labelled: bool
) -> tuple[Any, str]:
    """(what `data` names, what to call it); the last part of the data of the run itself for None.

    Raises `DataError` for data that cannot be read, `ArgumentError` for none where the run has none itself.
    """
    if data is not None:
        return task.read_more(data, options, labelled=labelled)
    splits = _own(task, options)
    return splits.last, _last_called(splits, options)


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


def _last_called(splits: Splits[Any], options: TrainOptions) -> str:
    return f"{options.data}, its {list(splits.parts())[-1]} part"


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


def _folder(name: str, options: TrainOptions) -> tuple[RunFolder, TrainOptions]:
    """The run folder and the options: those given or, to go on with a run, its own."""
    if options.resume:
        if options.out is None:
            raise wrong("out", expected="the run folder to go on with", got=None, remedy="Name it by --out.")
        folder = RunFolder(Path(options.out))
        kept = from_mapping(type(options), folder.check_resume(), origin=folder.where)
        return folder, _resumed(kept, options)
    source = Path(options.data).name.split(".")[0] or name
    if options.out is None:
        folder = RunFolder.free(Path("runs") / f"{name}-{source}-{options.cell}")
    else:
        folder = RunFolder(Path(options.out).expanduser())
        folder.check_new(overwrite=options.overwrite)
    return folder, options.replace(out=folder.where)


def _resumed(kept: TrainOptions, given: TrainOptions) -> TrainOptions:
    """The options of the run, with those changes that are possible."""
    former = to_mapping(kept)
    changes = {}
    for option, value in to_mapping(given).items():
        if value == former.get(option):
            continue
        if option not in CHANGEABLE:
            got = shown(f"{value!r}; the run began with {former.get(option)!r}")
            may = ", ".join(CHANGEABLE[:5])
            remedy = f"Leave it out, or begin a new run. A run that goes on may change {may}."
            raise wrong(option, expected="no other value when a run goes on", got=got, remedy=remedy)
        changes[option] = value
    return kept.replace(**changes)


def _say_lines(console: Console, title: str, lines: Sequence[str]) -> None:
    console.print(title, highlight=False, markup=False, soft_wrap=True)
    for line in lines:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def _say(console: Console, splits: Splits[Any], before: TrainOptions, options: TrainOptions) -> None:
    parts = ", ".join(f"{len(part):,} {name}" for name, part in splits.parts().items())
    _say_lines(console, f"data: {parts}", splits.notes)
    old, new = to_mapping(before), to_mapping(options)
    chosen = {name: value for name, value in new.items() if name not in old}
    if chosen:
        listed = ", ".join(f"{name} {value}" for name, value in chosen.items())
        console.print(f"chosen: {listed}", highlight=False, soft_wrap=True)


def _report(
    task: Task[Any, Any],
    model: Model,
    splits: Splits[Any],
    options: TrainOptions,
    outcome: Outcome,
    folder: RunFolder,
    console: Console,
) -> None:
    figures = {name: task.figures(model, part) for name, part in splits.parts().items()}
    last = figures[list(figures)[-1]]
    baselines = task.baselines(model, splits.last, splits.train) if options.baselines else {}
    result = {
        "task": task.name,
        "settings": to_mapping(options),
        "seconds": outcome.seconds,
        "epochs": len(outcome.history),
        "best_epoch": outcome.best_epoch,
        "padding": _mean(outcome.history, "padding"),
        "waiting": _mean(outcome.history, "waiting"),
        "machine": machine.describe(),
        **figures,
        "baselines": baselines,
    }
    folder.save_result(result)
    title = f"{options.cell} on {options.data}"
    draw_learning_curve(folder.path / PICTURE, outcome.history, task.headline, title)
    drawn = task.draw(model, splits, last)
    for name, picture in drawn.items():
        save_picture(folder.path / name, picture)
    about, python = task.card(model, splits, folder.path)
    pictures = [PICTURE, *drawn]
    card = model_card(result, about=about, python=python, limits=task.limits, pictures=pictures)
    write_text(folder.path / CARD, card)
    console.print(_figures_table(figures, baselines, task))
    console.print(
        f"padding {result['padding']:.1%} of all steps, waiting for data {result['waiting']:.1%} of the time",
        highlight=False,
    )
    if outcome.flow:
        took = sum(record["seconds"] for record in outcome.flow) / max(outcome.seconds, 1e-9)
        console.print(
            f"gradient's flow measured {len(outcome.flow)} times, in {took:.1%} of the time",
            highlight=False,
        )
    elif options.flow is not None:
        said = "gradient's flow not measured: in so short a training it would take over 5 % of the time"
        console.print(said, highlight=False)
    ending = "stopped early, after" if outcome.ending == "stopped early" else "trained"
    console.print(
        f"{ending} {len(outcome.history)} epochs in {outcome.seconds:.1f} s; "
        f"best epoch {outcome.best_epoch}; "
        f"see {folder.where}/{CARD}",
        highlight=False,
        soft_wrap=True,
    )


def _figures_table(
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
        rows.append([f"baseline: {label}{took}", *cells, ""])
    return Sheet(["", *names, task.unit], rows, title)


def _mean(history: Sequence[Mapping[str, Any]], name: str) -> float:
    return sum(record.get(name, 0.0) for record in history) / max(len(history), 1)


def _check_out(out: str | None, *, overwrite: bool) -> None:
    """Find out before the work whether its result can be written."""
    if out is None:
        return
    path = Path(out)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise RunError(f"out: expected a file in a folder that exists, got '{out}'.")
    if path.exists() and not overwrite:
        raise RunError(f"out: expected a new file, got '{out}', which exists. Add --overwrite to replace it.")

"""The first of the three jobs that every task has: train. The other two are in `using`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from rich.console import Console

from elman.bench import machine
from elman.data import Splits
from elman.errors import shown, wrong
from elman.tasks import task_named
from elman.tasks.figures_table import figures_table
from elman.tasks.initial import start_from
from elman.tasks.task import Model, Task
from elman.train.averaging import check_average
from elman.train.card import model_card
from elman.train.device import check_device
from elman.train.display import Display, Displays, RichDisplay
from elman.train.durable import write_text
from elman.train.interrupt import Interrupt
from elman.train.learner import Learner
from elman.train.loop import Outcome, fit
from elman.train.options import TrainOptions, check, from_mapping, to_mapping
from elman.train.picture import draw_learning_curve, save_picture
from elman.train.run_folder import CARD, EVENTS, PICTURE, RunFolder
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
    console.print(figures_table(figures, baselines, task))
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
        f"best epoch {outcome.best_epoch}{_averaged(options, outcome)}; "
        f"see {folder.where}/{CARD}",
        highlight=False,
        soft_wrap=True,
    )


def _mean(history: Sequence[Mapping[str, Any]], name: str) -> float:
    return sum(record.get(name, 0.0) for record in history) / max(len(history), 1)


def _averaged(options: TrainOptions, outcome: Outcome) -> str:
    """Whether the weights that are kept are a mean, where one was asked for."""
    said = [record["averaged"] for record in outcome.history if "averaged" in record]
    if not said or not outcome.best_epoch:
        return ""
    if outcome.history[outcome.best_epoch - 1].get("averaged"):
        return ", of averaged weights"
    if any(said):
        return ", of weights before they were averaged"
    return ", of weights that were never averaged" + (
        f" (validation was never worse than {options.average_after} epochs before)"
        if options.average_after is not None
        else ""
    )

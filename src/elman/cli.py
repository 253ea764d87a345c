"""The command line: `elman train TASK`, `elman evaluate RUN`, `elman predict RUN`,
`elman inspect RUN`, `elman generate RUN`, `elman cells`, `elman bench`.

It reads options and hands over; what is slow to import is imported once it is needed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from elman import __version__
from elman.errors import ArgumentError, ElmanError, unknown

if TYPE_CHECKING:
    from elman.tasks.task import Task
    from elman.train.options import TrainOptions

USAGE = """elman: recurrent neural networks, whole.

  elman train TASK --data DATA [--out RUN]         learn from data; the model goes into a run folder
  elman train TASK --config FILE.toml              the same, with options from a file
  elman train TASK --out RUN --resume              go on with a run that was stopped
  elman train TASK --data DATA --watch             show the growing report in the browser
  elman tune TASK --data DATA --trials 30          try options, and say which matter
  elman evaluate RUN [--data DATA]                 how a model does on its test data, or on others
  elman predict RUN --data DATA [--out FILE.csv]   what a model says on data without labels
  elman inspect RUN [--data DATA]                  gradients through time, memory, gates, units, a doctor
  elman generate RUN --prompt TEXT                 what a language model writes
  elman report RUN [--data DATA] [--out FILE]      all that is known of a run, as one HTML file
  elman compare RUN RUN … [--out FILE]             runs side by side, here and as an HTML file
  elman cells                                      the recurrent cells
  elman bench [--out FILE.json]                    how fast the layers are on this machine, beside torch.nn's
  elman --version

`elman train TASK --help` lists all options; --debug shows the whole trace of an error.
"""

TUNE_USAGE = """elman tune {task} --data DATA [--trials 30] [--search OPTION,OPTION] [--out FOLDER] [options]

Trains with options that it chooses, and learns from each trial which to try next. Options (see
`elman train {task} --help`) stay as they are where they are given; of the others those with a
range are tried, or those behind --search alone. The study lies in FOLDER/study.db: the same
command goes on with it, and several processes may share it. At the end it shows the best trials
and how much each option mattered, and writes FOLDER/best.toml.
"""

#: flags that are read before the options, and what stands behind them
TAKES = {"--config": "the name of a TOML file", "--trials": "a number", "--search": "names of options"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 unexpected, 2 something wrong with what was given, 130 stopped."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    try:
        code = _run(given)
        sys.stdout.flush()  # here, where a reader that has gone is still answered for
    except ElmanError as error:
        if debug:
            raise
        _complain(str(error))
        code = 2
    except KeyboardInterrupt:
        if debug:
            raise
        _complain("stopped at once; what was saved before is whole.")
        code = 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _run(given: list[str]) -> int | str | None:
    """The exit code; what shows help ends by `SystemExit`."""
    try:
        return _dispatch(given)
    except SystemExit as ending:
        return ending.code


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if given[0] in ("-V", "--version", "version"):
        print(f"elman {__version__}")
        return 0
    commands: dict[str, Callable[[list[str]], int]] = {
        "train": _train,
        "tune": _tune,
        "evaluate": _evaluate,
        "predict": _predict,
        "inspect": _inspect,
        "generate": _generate,
        "report": _write_report,
        "compare": _compare,
        "cells": _cells,
        "bench": _bench,
    }
    if given[0] not in commands:
        raise unknown("command", given[0], commands)
    return commands[given[0]](given[1:])


def _train(given: list[str]) -> int:
    task = _task_first(given, "train")
    if task is None:
        return 0
    options = read_options(task.options, given[1:], command=f"train {task.name}")
    from elman.inspect.run import last_word
    from elman.tasks.jobs import train

    console = _console()
    if not options.watch:
        ending = train(task.name, options, console, last_word=last_word).ending
        return 130 if ending == "interrupted" else 0
    from elman.reporting.watch import Watch

    watch = Watch(options.port)
    console.print(f"watch it at {watch.address}", highlight=False)
    try:
        ending = train(task.name, options, console, watch.begin, last_word=last_word).ending
        return 130 if ending == "interrupted" else 0
    finally:
        watch.close()


def _task_first(given: list[str], command: str) -> Task[Any, Any] | None:
    """The task that is named first; None once the tasks are listed, where none is."""
    from elman.tasks import TASKS, task_named

    if given and not given[0].startswith("-"):
        return task_named(given[0])
    if given and given[0] not in ("-h", "--help"):
        raise ArgumentError(f"task: expected its name first, got {given[0]!r}. Valid: {', '.join(TASKS)}.")
    print(f"elman {command} TASK --data DATA [options]\n\ntasks:")
    print("".join(f"  {name:<12} {task.about}\n" for name, task in TASKS.items()), end="")
    return None


def _tune(given: list[str]) -> int:
    task = _task_first(given, "tune")
    if task is None:
        return 0
    given, trials = _take(given[1:], "--trials")
    given, search = _take(given, "--search")
    if "--help" in given or "-h" in given:
        print(TUNE_USAGE.format(task=task.name), end="")
        return 0
    if trials is not None and not trials.isdecimal():
        raise ArgumentError(f"trials: expected a whole number of 1 or more, got {trials!r}.")
    options = read_options(task.options, given, command=f"tune {task.name}")
    from elman.tasks.tune import tune
    from elman.train.options import rules

    flags = {argument.partition("=")[0].replace("--no-", "--") for argument in given}
    named = {name for name in rules(task.options) if f"--{name.replace('_', '-')}" in flags}
    named |= {"hidden_size"} if "--hidden" in flags else set()
    tried = [name.strip().replace("-", "_") for name in (search or "").split(",") if name.strip()]
    found = tune(task.name, options, _console(), trials=int(trials or 30), given=named, search=tried)
    return 130 if found is None else 0


def read_options(kind: type[TrainOptions], given: list[str], *, command: str) -> TrainOptions:
    """The options of a task: defaults, over them a TOML file (`--config`), over it the command line.

    Raises `ArgumentError` for an unknown option, with the nearest one.
    """
    from elman.train.options import from_mapping, rules
    from elman.train.toml import read_toml

    given, config = _take(given, "--config")
    if config and "--resume" in given:
        raise ArgumentError("config: a run that is resumed has its own options; leave --config out.")
    if "--resume" in given and (out := _value(given, "--out")):
        config = str(Path(out) / "config.toml")
        config = config if Path(config).is_file() else None
    start = from_mapping(kind, read_toml(Path(config)), origin=config) if config else kind()
    flags = {"--hidden", "--help", "--config"}
    for option, rule in rules(kind).items():
        if rule.command_line:
            flag = f"--{option.replace('_', '-')}"
            flags |= {flag, f"--no-{flag[2:]}"} if rule.kind is bool else {flag}
            if rule.kind is bool and rule.optional:
                given = _spell_out(given, flag)
    return _parse(kind, given, flags, default=start, prog=f"elman {command}")


def _spell_out(given: list[str], flag: str) -> list[str]:
    """`--flag` as `--flag True` and `--no-flag` as `--flag False`, for flags that may also be left open."""
    spelled: list[str] = []
    for place, argument in enumerate(given):
        if argument == f"--no-{flag[2:]}":
            spelled += [flag, "False"]
        elif argument == flag and given[place + 1 : place + 2] not in (["True"], ["False"], ["None"]):
            spelled += [flag, "True"]
        else:
            spelled.append(argument)
    return spelled


def _value(given: list[str], flag: str) -> str | None:
    """The value behind a flag, or in --flag=value."""
    for place, argument in enumerate(given):
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
        if argument == flag and place + 1 < len(given):
            return given[place + 1]
    return None


@dataclass(frozen=True)
class _Evaluate:
    """Measure a model on labelled data."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    data: str | None = None
    """A named data set (its test part), a file, or a folder; unless given, the run's own test part."""
    out: str | None = None
    """A JSON file to write the figures to."""


@dataclass(frozen=True)
class _Predict:
    """Write what a model says on data without labels."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    data: str | None = None
    """A named data set (its test part), a file, or a folder; unless given, the run's own test part."""
    out: str | None = None
    """The CSV file to write; predictions.csv in the run folder unless given."""
    overwrite: bool = False
    """Replace that file if it exists."""


def _evaluate(given: list[str]) -> int:
    options = _parse_job(_reading(_Evaluate, given), given, "elman evaluate")
    from elman.tasks.jobs import evaluate

    evaluate(console=_console(), **vars(options))
    return 0


def _predict(given: list[str]) -> int:
    options = _parse_job(_reading(_Predict, given), given, "elman predict")
    from elman.tasks.jobs import predict

    predict(console=_console(), **vars(options))
    return 0


def _reading(job: type[Any], given: list[str]) -> type[Any]:
    """The options of a job on a run with those about the form of data that the task of the run has."""
    run = next((argument for argument in given if not argument.startswith("-")), None)
    if run is None or given[0] != run:
        return job  # without a run in front only the help can be shown, or an error
    from elman.tasks.jobs import reading_options

    extra: list[Any] = []
    for name, kind, before in reading_options(run):
        about = tyro.conf.arg(help="Where it differs from training" + f" ({before})." * (before is not None))
        extra.append((name, Annotated[kind | None, about], field(default=None)))
    return make_dataclass(job.__name__, extra, bases=(job,), frozen=True)


@dataclass(frozen=True)
class _Inspect:
    """Look inside a model: gradients through time, memory, gates, units, attribution, and what is wrong."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    data: str | None = None
    """A named data set (its test part), a file, or a folder; unless given, the run's own training data."""
    batch: int = 0
    """Which batch of the data is looked at."""
    step: int | None = None
    """The output step on which the influence of earlier ones is measured; the last unless given."""
    share: float = 0.01
    """Share of the influence of a state on itself below which nothing is remembered."""
    explain: int | None = None
    """Sequences of the batch whose answers are explained step by step; 2 where captum is installed."""


def _inspect(given: list[str]) -> int:
    options = _parse_job(_reading(_Inspect, given), given, "elman inspect")
    from elman.inspect.command import inspect

    inspect(console=_console(), **vars(options))
    return 0


@dataclass(frozen=True)
class _Generate:
    """Write on from a prompt with a language model; the text appears as it comes."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    prompt: str = ""
    """The text to go on from."""
    length: int = 500
    """Tokens to write."""
    temperature: float = 1.0
    """Below 1 it keeps closer to what is probable; 0 always takes the most probable."""
    top_k: int | None = None
    """Draw among so many of the most probable tokens only."""
    top_p: float | None = None
    """Draw among the most probable tokens that have this share together."""
    seed: int | None = None
    """For the same text each time."""


def _generate(given: list[str]) -> int:
    options = _parse_job(_Generate, given, "elman generate")
    from elman.tasks.generating.writing import generate

    pieces = generate(**vars(options))
    sys.stdout.write(options.prompt)
    characters, began = 0, time.perf_counter()
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
        characters += len(piece)
    seconds = time.perf_counter() - began
    print()
    rate = f"{characters / max(seconds, 1e-9):,.0f} a second"
    print(f"{characters:,} characters in {seconds:.1f} s, {rate}", file=sys.stderr)
    return 0


@dataclass(frozen=True)
class _Report:
    """Write all that is known of a run as one HTML file, which needs no network."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    data: str | None = None
    """Data to show the result on: a named data set (its test part), a file or a folder; else its own."""
    out: str | None = None
    """The HTML file to write; report.html in the run folder unless given."""


def _write_report(given: list[str]) -> int:
    options = _parse_job(_Report, given, "elman report")
    from elman.reporting import report

    path = report(options.run, data=options.data, out=options.out)
    _console().print(f"report written to {path}", highlight=False, soft_wrap=True)
    return 0


@dataclass(frozen=True)
class _Compare:
    """Show 2 to 20 runs side by side, here and as one HTML file."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """The run folders."""
    out: str = "compare.html"
    """The HTML file to write."""


def _compare(given: list[str]) -> int:
    options = _parse_job(_Compare, given, "elman compare")
    from elman.reporting.compare import comparison_page, read_runs, terminal_table
    from elman.reporting.page import write_page

    console, out = _console(), Path(options.out)
    runs = read_runs(options.runs, out)
    console.print(terminal_table(runs))
    write_page(out, comparison_page(runs))
    console.print(f"page written to {out}", highlight=False, soft_wrap=True)
    return 0


def _cells(given: list[str]) -> int:
    from elman.cells import create, names

    for name in names():
        about = (type(create(name)).__doc__ or "").strip().splitlines()
        print(f"{name:<12} {about[0] if about else ''}")
    return 0


@dataclass(frozen=True)
class _Bench:
    """Time the layers beside torch.nn's on this machine, in under two minutes. What is wrong is not timed."""

    cell: tuple[str, ...] = ()
    """rnn, gru, lstm: only these."""
    shape: tuple[str, ...] = ()
    """Sizes as BxTxIxH (sequences, steps, input, hidden), such as 32x100x128x128; else four small ones."""
    mode: tuple[str, ...] = ()
    """inference, training: only one of them."""
    threads: int | None = None
    """Threads of both libraries; by default as many as torch takes."""
    seconds: float = 100.0
    """Cases that would begin later than this are left out, and named."""
    out: str | None = None
    """A JSON file to write the figures to."""


def _bench(given: list[str]) -> int:
    options = _parse_job(_Bench, given, "elman bench")
    from elman.bench.command import bench

    return bench(_console(), **vars(options))


def _parse_job(kind: type[Any], given: list[str], prog: str) -> Any:
    flags = {f"--{name.replace('_', '-')}" for name in kind.__dataclass_fields__} | {
        "--help",
        "--no-overwrite",
    }
    return _parse(kind, given, flags, prog=prog)


def _parse(kind: type[Any], given: list[str], flags: set[str], **keywords: Any) -> Any:
    for argument in given:
        flag = argument.partition("=")[0].replace("_", "-")
        if flag.startswith("--") and flag not in flags:
            raise unknown("option", flag, flags)
    return tyro.cli(kind, args=given, **keywords)


def _take(given: list[str], wanted: str) -> tuple[list[str], str | None]:
    """The arguments without the flag `wanted`, and its value."""
    rest: list[str] = []
    taken = None
    waiting = iter(given)
    for argument in waiting:
        flag, equals, value = argument.partition("=")
        if flag != wanted:
            rest.append(argument)
            continue
        taken = value if equals else next(waiting, None)
        if not taken:
            raise ArgumentError(f"{wanted[2:]}: expected {TAKES[wanted]} behind {wanted}, got nothing.")
    return rest, taken


def _console() -> Any:
    from rich.console import Console

    return Console()


def _complain(message: str) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text("error: ", style="bold red") + Text(message), soft_wrap=True)


if __name__ == "__main__":
    main()

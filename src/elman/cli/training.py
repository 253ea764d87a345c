"""Commands that train: `elman train TASK`, `elman tune TASK`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elman.cli.arguments import read_options, take
from elman.cli.terminal import terminal
from elman.errors import ArgumentError

if TYPE_CHECKING:
    from elman.tasks.task import Task

TUNE_USAGE = """elman tune {task} --data DATA [--trials 30] [--search OPTION,OPTION] [--out FOLDER] [options]

Trains with options that it chooses, and learns from each trial which to try next. Options (see
`elman train {task} --help`) stay as they are where they are given; of the others those with a
range are tried, or those behind --search alone. The study lies in FOLDER/study.db: the same
command goes on with it, and several processes may share it. At the end it shows the best trials
and how much each option mattered, and writes FOLDER/best.toml.
"""


def train(given: list[str]) -> int:
    """`elman train TASK`; the exit code."""
    task = _task_first(given, "train")
    if task is None:
        return 0
    options = read_options(task.options, given[1:], command=f"train {task.name}")
    from elman.inspect.run import last_word
    from elman.tasks.jobs import train

    console = terminal()
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


def tune(given: list[str]) -> int:
    """`elman tune TASK`; the exit code."""
    task = _task_first(given, "tune")
    if task is None:
        return 0
    given, trials = take(given[1:], "--trials")
    given, search = take(given, "--search")
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
    found = tune(task.name, options, terminal(), trials=int(trials or 30), given=named, search=tried)
    return 130 if found is None else 0


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

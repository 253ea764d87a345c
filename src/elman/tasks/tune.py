"""Tuning: many short trainings of a task, each with other options, and what they say about the options.

Trials are chosen by a tree-structured Parzen estimator (Bergstra et al. 2011, Algorithms for hyper-parameter
optimization), those that fall behind the median of the others at the same epoch are ended. The study lies in
one SQLite file, so processes that name the same folder share it.
"""

from __future__ import annotations

import shlex
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from elman.data import Splits
from elman.errors import RunError, missing, unknown, wrong
from elman.tasks import task_named
from elman.tasks.task import Task
from elman.train.averaging import check_average
from elman.train.device import check_device
from elman.train.display import Display
from elman.train.durable import write_text
from elman.train.interrupt import Interrupt
from elman.train.loop import fit
from elman.train.options import Search, TrainOptions, check, rules, to_mapping
from elman.train.sheet import Sheet
from elman.train.toml import to_toml

if TYPE_CHECKING:
    import optuna

STUDY, BEST = "study.db", "best.toml"
FIRST = 5  # trials that run to their end before any is compared with them
MOST_TRIES, PAUSE = 10, 0.5  # to begin a study, where another process begins it too; seconds between them
FILES = ("data", "valid", "test", "out", "overwrite", "resume")  # what a trial's options leave out


def tune(
    name: str,
    options: TrainOptions,
    console: Console,
    *,
    trials: int,
    given: Collection[str] = (),
    search: Sequence[str] = (),
) -> dict[str, Any] | None:
    """Search for good options of a task until its study has `trials` trials; returns the best ones, or None
    if it was stopped by Ctrl-C, which ends the trial under way.

    Processes that share a study may end with a trial more each, begun while the last ones were under way.

    options: data, and what all trials have in common. `out` is the study's folder; runs/tune-TASK-DATA unless
        given. A study that is there already goes on.
    given: names of options that stay as they are. search: names of those to try; by default all with a range
        (`Search`) that are not given.

    Raises `ArgumentError`, `DataError`, or `RunError` if the folder holds a study of something else.
    """
    task = task_named(name)
    check(options)
    check_device(options.device)
    ranges = _ranges(type(options), given, search)
    if options.resume or options.overwrite:
        raise wrong("resume", expected="a study's folder by out alone", got=True, remedy="It always goes on.")
    if trials < 1:
        raise wrong("trials", expected="a whole number of 1 or more", got=trials)
    source = Path(options.data).name.split(".")[0] or name
    folder = Path(options.out or f"runs/tune-{name}-{source}").expanduser()
    splits, options = task.read(options)
    if splits.valid is None:
        raise wrong(
            "validation_share",
            expected="validation data to compare trials by",
            got=options.validation_share,
            remedy="Name them by --valid, or leave --validation-share at its default.",
        )
    check_average(options, validated=True)
    study = _study(folder, task, options, ranges)
    console.print(f"searching {', '.join(ranges)}; study {folder / STUDY}", highlight=False, soft_wrap=True)
    notice = "\n[yellow]Stopping the trial under way; once more stops at once.[/yellow]"
    with Interrupt(lambda: console.print(notice)) as interrupt:
        _optimize(study, _Trials(task, options, splits, ranges, console, interrupt), trials)
    if interrupt.requested:
        ended = len(study.get_trials(deepcopy=False, states=_ended()))
        said = f"[yellow]Stopped; {ended} trials are kept.[/yellow] The same command goes on with them."
        console.print(said, highlight=False, soft_wrap=True)
        return None
    return _conclude(study, folder, task, options, console)


def _ranges(kind: type[TrainOptions], given: Collection[str], search: Sequence[str]) -> dict[str, Search]:
    able = {name: rule.search for name, rule in rules(kind).items() if rule.search is not None}
    for name in search:
        if name not in able:
            raise unknown("search", name, able)
        if name in given:
            raise wrong("search", expected="options that are not given a value too", got=name)
    ranges = {n: r for n, r in able.items() if (n in search if search else r.usual and n not in given)}
    if not ranges:
        raise wrong("search", expected=f"an option left to search ({', '.join(able)})", got="none")
    return ranges


def _retried(make: Callable[[], Any], errors: tuple[type[Exception], ...]) -> Any:
    """What `make` gives; of two processes that begin a study at the same moment one has to try again."""
    for _ in range(MOST_TRIES - 1):
        try:
            return make()
        except errors:
            time.sleep(PAUSE)
    return make()


def _study(
    folder: Path, task: Task[Any, Any], options: TrainOptions, ranges: Mapping[str, Search]
) -> optuna.Study:
    """The study in the folder, begun if there is none; raises `RunError` for one of something else."""
    optuna = _optuna()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        begun = not _made(folder / STUDY)
    except OSError as error:
        raise RunError(f"out: '{folder}' could not be made ready ({error.strerror}).") from error
    study = _retried(
        lambda: optuna.create_study(
            storage=f"sqlite:///{folder / STUDY}",
            study_name="elman",
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=None if begun else options.seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST),
        ),
        (SQLAlchemyError, optuna.exceptions.StorageInternalError),
    )
    common = {n: v for n, v in to_mapping(options).items() if n not in (*ranges, "out")}
    about = {"task": task.name, "options": common, "search": sorted(ranges)}
    former = study.user_attrs.get("about", about)
    if former != about:
        differ = [k for k in about if former[k] != about[k]]
        raise RunError(
            f"out: expected a study of the same task, data and options, got '{folder}', which differs in "
            f"{', '.join(differ)}. Name another folder by --out."
        )
    study.set_user_attr("about", about)
    return study


def _made(path: Path) -> bool:
    """Whether an empty file, which to SQLite is an empty database, was made: of processes that begin together
    one alone draws by the seed, or all would try the same."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class _StoppedError(Exception):
    """A trial was ended by Ctrl-C: it counts as none."""


class _Trials:
    """Runs one trial: a training from the first weights, whose value is the best epoch's rank."""

    def __init__(
        self,
        task: Task[Any, Any],
        options: TrainOptions,
        splits: Splits[Any],
        ranges: Mapping[str, Search],
        console: Console,
        interrupt: Interrupt,
    ) -> None:
        self.task, self.options, self.splits, self.ranges = task, options, splits, ranges
        self.console, self.interrupt = console, interrupt

    def __call__(self, trial: optuna.Trial) -> float:
        tried = {name: search.suggest(trial, name) for name, search in self.ranges.items()}
        options = self.task.choose(self.options.replace(**tried), self.splits)
        torch.manual_seed(options.seed)
        _, learner = self.task.prepare(options, self.splits)
        watch = _Watch(trial)
        listed = ", ".join(f"{name} {_short(value)}" for name, value in tried.items())
        try:
            outcome = fit(
                learner, options, display=watch, stop=lambda: watch.hopeless or self.interrupt.requested
            )
        except RunError as error:
            self._say(trial, listed, f"[red]failed[/red]: {str(error).split('.')[0]}")
            raise _optuna().TrialPruned from None
        if self.interrupt.requested and outcome.ending == "interrupted" and not watch.hopeless:
            trial.study.stop()
            raise _StoppedError
        best = outcome.history[outcome.best_epoch - 1] if outcome.best_epoch else watch.records[-1]
        trial.set_user_attr("best", best)
        trial.set_user_attr("options", to_mapping(options))
        figure = best.get(f"valid_{self.task.headline}", best["valid_loss"])
        said = f"{self.task.headline} {figure:.4f}, {outcome.seconds:.1f} s"
        if watch.hopeless:
            self._say(trial, listed, f"[yellow]ended after epoch {len(watch.records)}[/yellow], {said}")
            raise _optuna().TrialPruned
        self._say(trial, listed, said)
        return max(record["rank"] for record in watch.records)

    def after(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Begin no further trial once Ctrl-C was pressed."""
        if self.interrupt.requested:
            study.stop()

    def _say(self, trial: optuna.Trial, tried: str, outcome: str) -> None:
        self.console.print(f"trial {trial.number}: {tried}: {outcome}", highlight=False, soft_wrap=True)


class _Watch(Display):
    """Reports each epoch to the study, and learns from it when a trial is hopeless."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial, self.hopeless = trial, False
        self.records: list[Mapping[str, Any]] = []

    def epoch(self, record: Mapping[str, Any]) -> None:
        self.records.append(record)
        self.trial.report(record["rank"], record["epoch"])
        self.hopeless = self.trial.should_prune()


def _optimize(study: optuna.Study, objective: _Trials, trials: int) -> None:
    left = trials - len(study.get_trials(deepcopy=False, states=_ended()))
    if left > 0:
        enough = _optuna().study.MaxTrialsCallback(trials, states=_ended())
        study.optimize(objective, n_trials=left, callbacks=[enough, objective.after], catch=(_StoppedError,))


def _ended() -> tuple[optuna.trial.TrialState, ...]:
    """The states of trials that count: those to their end, and those that fell behind."""
    states = _optuna().trial.TrialState
    return states.COMPLETE, states.PRUNED


def _conclude(
    study: optuna.Study, folder: Path, task: Task[Any, Any], options: TrainOptions, console: Console
) -> dict[str, Any]:
    """Show the best trials and what each option mattered; write and return the options of the best."""
    optuna = _optuna()
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if not complete:
        raise RunError(
            "tune: expected a trial that ran to its end, got none: every one failed. "
            "Search smaller learning rates, or look for extreme values in the data."
        )
    ranked = sorted(complete, key=lambda t: t.value or 0.0, reverse=True)
    console.print(_trials_table(ranked[:10], task.headline))
    if len(complete) >= FIRST:
        console.print(_importance_table(study))
    best = dict(ranked[0].user_attrs["options"])
    for name in FILES:
        best.pop(name, None)
    kept = {"data": options.data, **{n: getattr(options, n) for n in ("valid", "test")}, **best}
    write_text(folder / BEST, to_toml({name: value for name, value in kept.items() if value is not None}))
    command = shlex.join(["elman", "train", task.name, "--config", str(folder / BEST)])
    pruned = len(study.get_trials(deepcopy=False, states=_ended())) - len(complete)
    console.print(
        f"{len(complete)} trials to the end, {pruned} ended early. To train with the best:\n  {command}",
        highlight=False,
        soft_wrap=True,
    )
    return best


def _trials_table(trials: Sequence[optuna.trial.FrozenTrial], headline: str) -> Sheet:
    rows = []
    for trial in trials:
        best = trial.user_attrs["best"]
        figure = best.get(f"valid_{headline}", best["valid_loss"])
        params = [_short(trial.params[name]) for name in trials[0].params]
        rows.append([str(trial.number), f"{figure:.4f}", str(best["epoch"]), *params])
    return Sheet(["trial", f"valid {headline}", "epoch", *trials[0].params], rows, "best trials")


def _importance_table(study: optuna.Study) -> Sheet:
    """Share of the spread between trials that each option explains (Hutter et al. 2014, fANOVA)."""
    try:
        shares = _optuna().importance.get_param_importances(study)
    except RuntimeError:  # all trials alike: nothing to explain
        shares = {}
    rows = [[name, f"{share:.0%}"] for name, share in shares.items()]
    return Sheet(
        ["option", "importance"], rows, "importance of each option (share of the spread between trials)"
    )


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise missing("optuna", extra="tune", what="Tuning") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna

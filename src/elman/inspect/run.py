"""A run folder, looked into: everything that this package measures, on real data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elman import __version__
from elman.data import Splits
from elman.errors import wrong
from elman.inspect.attribution import Attribution, attributions
from elman.inspect.doctor import Finding, findings
from elman.inspect.examine import examine
from elman.inspect.gates import Units
from elman.inspect.influence import SHARE, Influence
from elman.inspect.places import Active, Nearest, most_active, nearest
from elman.inspect.several import Several, look_at_several
from elman.inspect.signs import Signs, signs_of
from elman.inspect.spectrum import Spectrum
from elman.tasks.saved import open_model
from elman.tasks.task import Model, Task
from elman.train.gradient_flow import LayerFlow
from elman.train.learner import Learner
from elman.train.loop import Outcome
from elman.train.options import TrainOptions, from_mapping
from elman.train.run_folder import RunFolder


@dataclass(frozen=True)
class Inspection:
    """What was found in a run.

    data: what to call the data; empty where there were none. sequences, steps: looked at, padding left out.
    flows, influences, spectra, units: of each layer and direction. active: units of the last layer. nearest:
    to the first place of each of those. notes: what is missing, and why.
    """

    run: str
    task: str
    data: str
    sequences: int = 0
    steps: int = 0
    flows: Sequence[LayerFlow] = ()
    influences: Sequence[Influence] = ()
    spectra: Sequence[Spectrum] = ()
    units: Sequence[Units] = ()
    active: Sequence[Active] = ()
    nearest: Sequence[Nearest] = ()
    attributions: Sequence[Attribution] = ()
    findings: Sequence[Finding] = ()
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As inspect.json has it."""
        lists = ("flows", "influences", "spectra", "units", "active", "nearest", "attributions", "findings")
        sections = {name: [entry.plain() for entry in getattr(self, name)] for name in lists}
        return {"elman": __version__, **vars(self), **sections, "notes": list(self.notes)}


def inspect_run(
    run: str | Path,
    *,
    data: str | None = None,
    batch: int = 0,
    batches: int | None = None,
    step: int | None = None,
    share: float = SHARE,
    explain: int | None = None,
    **reading: Any,
) -> Inspection:
    """Look into the model of a run folder.

    data: a named data set (its test part), a file or a folder, with labels; the run's own training data
        unless given. Without either only what the training recorded can be shown.
    batch, batches: the first of its batches that is looked at, and how many; None: until there were 256
        sequences or 20,000 steps. step: the output step for `influence`; None: the last. share: as of
        `Influence`.
    explain: sequences that are attributed; None: 2 where captum is installed.
    reading: the task's options about the form of data, where they differ from training.

    Raises `RunError` for no run or a damaged one, `DataError` for data unlike those of the training,
    `ArgumentError` for a bad argument, `MissingError` where `explain` is given without captum.
    """
    if not 0.0 < share < 1.0:
        raise wrong("share", expected="a number above 0 and below 1", got=share)
    if batches is not None and batches < 1:
        raise wrong("batches", expected="a whole number of 1 or more, or None", got=batches)
    if explain is not None and explain < 0:
        raise wrong("explain", expected="a whole number of 0 or more", got=explain)
    task, model = open_model(run)
    options = from_mapping(task.options, model.about["options"], origin=str(run))
    options = options.replace(**{name: value for name, value in reading.items() if value is not None})
    history = RunFolder(Path(run)).load_history()
    if data is None and not options.data:
        note = (
            "without data only what the training recorded can be shown, since this model was trained in "
            "Python, on arrays. Name data by --data."
        )
        found = findings(Signs(history=history, options=vars(options)))
        return Inspection(str(run), task.name, "", findings=found, notes=(note,))
    splits, called = _splits(task, options, data)
    learner = task.learner(model, splits, options)
    seen = look_at_several(
        learner, lambda given: task.seen(model, given), batch, batches, step=step, share=share
    )
    signs = signs_of(seen.walks, seen.flows, seen.units, learner, vars(options), history)
    return _inspection(str(run), task, model, called, seen, signs, explain)


def last_word(learner: Learner, options: TrainOptions, outcome: Outcome) -> str:
    """The worst finding after a training, in a line; empty where all is well."""
    if options.memory == "low":  # there is none for the states of all steps
        found = findings(Signs(history=outcome.history, options=vars(options)))
    else:
        found = findings(examine(learner, vars(options), outcome.history).signs)
    if not found:
        return ""
    more = f" ({len(found) - 1} more: elman inspect {options.out})" if len(found) > 1 and options.out else ""
    return f"doctor: {found[0]}{more}"


def _splits(task: Task[Any, Any], options: Any, data: str | None) -> tuple[Splits[Any], str]:
    if data is not None:
        more = task.read_more(data, options, labelled=True)
        return Splits(more.part), more.called
    splits, _ = task.read(options)
    return splits, f"{options.data}, its training part"


def _inspection(
    run: str,
    task: Task[Any, Any],
    model: Model,
    called: str,
    seen: Several,
    signs: Signs,
    explain: int | None,
) -> Inspection:
    explained, notes = attributions(task, model, seen.first.batch, explain)
    found = inspection_of(seen, signs, run=run, task=task.name, data=called)
    return replace(found, attributions=explained, notes=notes)


def inspection_of(seen: Several, signs: Signs, *, run: str, task: str, data: str) -> Inspection:
    """What was seen of batches, put together; for networks of no task too. run, task, data: their names."""
    active = most_active(seen.inside, seen.context)
    first = [unit.places[0] for unit in active if unit.places]
    near = [nearest(seen.inside, seen.context, place.sequence, place.step) for place in first]
    return Inspection(
        run,
        task,
        data,
        seen.sequences,
        seen.steps,
        seen.flows,
        seen.influences,
        seen.spectra,
        seen.units,
        active,
        near,
        findings=findings(signs),
    )

"""A run folder, looked into: everything that this package measures, on one batch of real data.

Dimensions: T steps, B sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from elman import __version__
from elman.data import Splits
from elman.errors import wrong
from elman.inspect.attribution import Attribution, attributions
from elman.inspect.doctor import Finding, findings
from elman.inspect.examine import Examined, examine
from elman.inspect.gates import Units
from elman.inspect.influence import SHARE, Influence, influence
from elman.inspect.places import Active, Context, Nearest, most_active, nearest
from elman.inspect.signs import Signs
from elman.inspect.spectrum import Spectrum, spectrum
from elman.nn.recording import Walk
from elman.tasks.saved import open_model
from elman.tasks.task import Model, Task
from elman.train.gradient_flow import LayerFlow
from elman.train.learner import Learner
from elman.train.loop import Outcome
from elman.train.options import TrainOptions, from_mapping
from elman.train.run_folder import RunFolder

AROUND = 8  # steps that are shown before and after a place


@dataclass(frozen=True)
class Inspection:
    """What was found in a run.

    data: what to call the data; empty where there were none. sequences, steps: of the batch, padding left
    out. flows, influences, spectra, units: of each layer and direction. active: units of the last layer.
    nearest: to the first place of each of those. notes: what is missing, and why.
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
    step: int | None = None,
    share: float = SHARE,
    explain: int | None = None,
    **reading: Any,
) -> Inspection:
    """Look into the model of a run folder.

    data: a named data set (its test part), a file or a folder, with labels; the run's own training data
        unless given. Without either only what the training recorded can be shown.
    batch: which batch of it. step: the output step for `influence`; None: the last. share: as of `Influence`.
    explain: sequences that are attributed; None: 2 where captum is installed.
    reading: the task's options about the form of data, where they differ from training.

    Raises `RunError` for no run or a damaged one, `DataError` for data unlike those of the training,
    `ArgumentError` for a bad argument, `MissingError` where `explain` is given without captum.
    """
    if not 0.0 < share < 1.0:
        raise wrong("share", expected="a number above 0 and below 1", got=share)
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
    examined = examine(learner, vars(options), history, batch)
    return _inspection(str(run), task, model, called, examined, step, share, explain)


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
        part, called = task.read_more(data, options, labelled=True)
        return Splits(part), called
    splits, _ = task.read(options)
    return splits, f"{options.data}, its training part"


def _inspection(
    run: str,
    task: Task[Any, Any],
    model: Model,
    called: str,
    examined: Examined,
    step: int | None,
    share: float,
    explain: int | None,
) -> Inspection:
    walks, signs = examined.walks, examined.signs
    influences = [influence(walk, step=step, share=share) for walk in walks]
    spectra = [spectrum(walk, share=share) for walk in walks]
    last = len(walks) - 1
    context = context_of(task.seen(model, examined.batch), walks[last])
    active = most_active(examined.inside[last], context)
    first = [unit.places[0] for unit in active if unit.places]
    near = [nearest(examined.inside[last], context, place.sequence, place.step) for place in first]
    explained, notes = attributions(task, model, examined.batch, explain)
    lengths = walks[last].lengths
    return Inspection(
        run,
        task.name,
        called,
        len(lengths),
        int(lengths.sum()),
        signs.flows,
        influences,
        spectra,
        signs.units,
        active,
        near,
        explained,
        findings(signs),
        notes,
    )


def context_of(seen: Tensor | list[list[str]] | None, walk: Walk) -> Context:
    """What stands around a step of a sequence: tokens, or lists of numbers. seen: as of `Task.seen`."""
    rows = walk.x if seen is None or len(seen) != len(walk.x) else seen
    lengths = walk.lengths.tolist()

    def at(sequence: int, step: int) -> Any:
        value = rows[step][sequence]
        return [round(number, 6) for number in value.tolist()] if isinstance(value, Tensor) else value

    def around(sequence: int, step: int) -> tuple[list[Any], Any, list[Any]]:
        before = [at(sequence, t) for t in range(max(0, step - AROUND), step)]
        after = [at(sequence, t) for t in range(step + 1, min(lengths[sequence], step + 1 + AROUND))]
        return before, at(sequence, step), after

    return around

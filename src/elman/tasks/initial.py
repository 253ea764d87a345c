"""First weights from another run, of any task: every tensor whose name and shape agree, and of tensors with a
row for each word, character, label or series the rows of the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from elman.errors import RunError
from elman.tasks import task_named
from elman.tasks.saved import open_model
from elman.tasks.task import Model

#: what the networks of the tasks call the same thing: the recurrent layers that read the input, and the
#: embedding of words or characters before them
SAME = (
    ("body.recurrent.", "recurrent.", "decoder.body."),
    ("body.input.weight", "embedding.weight", "body.input.words.weight"),
)


@dataclass(frozen=True)
class Taken:
    """What of a run's weights became first weights: names of tensors.

    taken: with their names there, where these are others.
    rows: those of which rows were taken by their names: (how many, of how many here).
    other: those that both have, in different shapes or with other names of their rows: (name, its shape
        there, its shape here).
    """

    taken: Mapping[str, str]
    other: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    new: tuple[str, ...]
    rows: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The same in words, a line for each kind."""
        named = (n if n == there else f"{n} (there {there})" for n, there in self.taken.items())
        lines = [f"taken: {', '.join(named)}"] if self.taken else []
        if self.rows:
            counts = (f"{name} ({count:,} of {among:,})" for name, (count, among) in self.rows.items())
            lines.append(f"rows of the same names taken: {', '.join(counts)}")
        if self.other:
            shapes = (f"{name} (there {there}, here {here})" for name, there, here in self.other)
            lines.append(f"of another shape or other names, so begun anew: {', '.join(shapes)}")
        if self.new:
            lines.append(f"not there, so begun anew: {', '.join(self.new)}")
        return lines


def start_from(task: str, model: Model, run: str) -> Taken:
    """Copy into a model of a task the weights of a run that agree with its own.

    Raises `RunError` if the run has no model, or nothing agrees.
    """
    other_task, other = open_model(run)
    weights, names_there = other.module.state_dict(), other_task.rows(other)
    own, names_here = model.module.state_dict(), task_named(task).rows(model)
    there = {name: _name_there(name, weights) for name in own}
    taken, rows = {}, {}
    with torch.no_grad():
        for name, source in there.items():
            if source is None:
                continue
            here, given = names_here.get(name), names_there.get(source)
            if here is not None and given is not None and list(here) != list(given):
                count = _by_names(own[name], weights[source], here, given)
                if count:
                    rows[name] = count, len(here)
            elif weights[source].shape == own[name].shape:
                own[name].copy_(weights[source])
                taken[name] = source
    if not any(own[name].dim() > 1 for name in (*taken, *rows)):  # a bias alone is no layer
        raise RunError(
            f"init: expected a run with a layer of the shape of one here, got '{run}', where none agrees. "
            "Give this run the same cell, hidden_size and inputs, or leave init out."
        )
    left = tuple(
        (n, tuple(weights[t].shape), tuple(own[n].shape))
        for n, t in there.items()
        if t is not None and n not in taken and n not in rows
    )
    return Taken(taken, left, tuple(n for n, t in there.items() if t is None), rows)


def _by_names(own: Tensor, given: Tensor, here: Sequence[str], there: Sequence[str]) -> int:
    """Copy the rows of the same names, of a square of names rows and columns; returns how many."""
    square = own.dim() == 2 and own.shape == (len(here), len(here)) and given.shape == (len(there),) * 2
    if own.dim() != given.dim() or (not square and own.shape[1:] != given.shape[1:]):
        return 0
    place = {name: number for number, name in enumerate(there)}
    both = [(number, place[name]) for number, name in enumerate(here) if name in place]
    if both:
        mine, its = torch.tensor(both).T
        if square:
            own[mine[:, None], mine] = given[its[:, None], its].to(own)
        else:
            own[mine] = given[its].to(own)
    return len(both)


def _name_there(name: str, weights: Mapping[str, Tensor]) -> str | None:
    """What a run calls the tensor that is `name` here; None if it has none."""
    return next((one for one in (name, *_other_names(name)) if one in weights), None)


def _other_names(name: str) -> Iterator[str]:
    for same in SAME:
        for prefix in same:
            if name.startswith(prefix):
                yield from (other + name.removeprefix(prefix) for other in same)

"""First weights from another run, of any task: every tensor whose name and shape agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from elman.errors import RunError
from elman.train.run_folder import RunFolder

#: what the networks of the tasks call the recurrent layers that read the input; the same thing in all of them
LAYERS = ("body.recurrent.", "recurrent.", "decoder.body.")


@dataclass(frozen=True)
class Taken:
    """What of a run's weights became first weights: names of tensors.

    taken: with their names there, where these are others.
    other: those that both have, in different shapes: (name, its shape there, its shape here).
    """

    taken: Mapping[str, str]
    other: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    new: tuple[str, ...]

    def lines(self) -> list[str]:
        """The same in words, a line for each kind."""
        named = (n if n == there else f"{n} (there {there})" for n, there in self.taken.items())
        lines = [f"taken: {', '.join(named)}"]
        if self.other:
            shapes = (f"{name} (there {there}, here {here})" for name, there, here in self.other)
            lines.append(f"of another shape, so begun anew: {', '.join(shapes)}")
        if self.new:
            lines.append(f"not there, so begun anew: {', '.join(self.new)}")
        return lines


def start_from(module: nn.Module, run: str) -> Taken:
    """Copy into `module` the weights of a run whose names and shapes agree with its own.

    Raises `RunError` if the run has no model, or nothing agrees.
    """
    weights = RunFolder(Path(run)).load_model()[0]
    own = module.state_dict()
    there = {n: _name_there(n, weights) for n in own}
    taken = {n: t for n, t in there.items() if t is not None and weights[t].shape == own[n].shape}
    if not taken:
        raise RunError(
            f"init: expected a run with a layer of the shape of one here, got '{run}', where none agrees. "
            "Give this run the same cell, hidden_size and inputs, or leave init out."
        )
    other = tuple(
        (n, tuple(weights[t].shape), tuple(own[n].shape))
        for n, t in there.items()
        if t is not None and n not in taken
    )
    with torch.no_grad():
        for name, source in taken.items():
            own[name].copy_(weights[source])
    return Taken(taken, other, tuple(n for n, t in there.items() if t is None))


def _name_there(name: str, weights: Mapping[str, Tensor]) -> str | None:
    """What a run calls the tensor that is `name` here; None if it has none."""
    called = [name]
    for prefix in LAYERS:
        if name.startswith(prefix):
            called += [other + name.removeprefix(prefix) for other in LAYERS]
    return next((one for one in called if one in weights), None)

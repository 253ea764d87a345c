"""First weights from another run: every tensor whose name and shape agree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from elman.errors import RunError
from elman.train.run_folder import RunFolder


@dataclass(frozen=True)
class Taken:
    """What of a run's weights became first weights: names of tensors.

    other: those that both have, in different shapes: (name, its shape there, its shape here).
    """

    taken: tuple[str, ...]
    other: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    new: tuple[str, ...]

    def lines(self) -> list[str]:
        """The same in words, a line for each kind."""
        lines = [f"taken: {', '.join(self.taken)}"]
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
    taken = tuple(n for n in own if n in weights and weights[n].shape == own[n].shape)
    if not taken:
        raise RunError(
            f"init: expected a run with a layer of the shape of one here, got '{run}', where none agrees. "
            "Give this run the same cell, hidden_size and inputs, or leave init out."
        )
    other = tuple(
        (n, tuple(weights[n].shape), tuple(own[n].shape)) for n in own if n in weights and n not in taken
    )
    with torch.no_grad():
        for name in taken:
            own[name].copy_(weights[name])
    return Taken(taken, other, tuple(n for n in own if n not in weights))

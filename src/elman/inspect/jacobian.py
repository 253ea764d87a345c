"""One step of a recorded walk as a function of the states, for any cell, by the reference reader.

Dimensions: T steps, B sequences, S features of all states of the cell together, K directions.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.backends.given import Given, project_streams
from elman.backends.reference import Step
from elman.nn.recording import Walk


class OneStep:
    """∂s_t/∂s_{t-1} of the first `most` sequences of a walk, in float64."""

    def __init__(self, walk: Walk, most: int) -> None:
        rows = slice(most)
        masks = {name: mask[..., rows, :].detach().double() for name, mask in walk.masks.items()}
        parameters = {name: value.double() for name, value in walk.parameters.items()}
        self.walk, self.rows = walk, rows
        self.given = Given(walk.x[:, rows].detach().double(), parameters, (), masks)
        self.streams = project_streams(walk.program, self.given)
        self.step = Step(walk.program, self.given)
        self.widths = [state.shape[1] for state in walk.initial]
        self.lengths = walk.lengths[rows]

    @property
    def size(self) -> int:
        """S."""
        return sum(self.widths)

    def before(self, place: int) -> list[Tensor]:
        """The states (B, W) from which the walk's step number `place` began."""
        states = self.walk.states[place - 1] if place else self.walk.initial
        return [state[self.rows].detach().double() for state in states]

    def products(self, place: int, directions: Tensor) -> Tensor:
        """The Jacobian of the walk's step number `place` times directions (B, S, K): (B, S, K)."""
        t = self.walk.steps[place]
        rows = [stream[t] for stream in self.streams]
        states = tuple(self.before(place))

        def run(*before: Tensor) -> tuple[Tensor, ...]:
            return tuple(self.step(t, rows, before))

        def product(direction: Tensor) -> Tensor:
            parts: Sequence[Tensor] = direction.split(self.widths, dim=1)
            return torch.cat(torch.func.jvp(run, states, tuple(parts))[1], dim=1)

        with warnings.catch_warnings():  # torch's forward mode uses a part of torch that it calls old
            warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
            return torch.func.vmap(product)(directions.movedim(2, 0)).movedim(0, 2)

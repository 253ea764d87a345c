"""The states of a stack of layers, as a caller gives and gets them.

A state is one tensor (L * D, B, W): by layer, and in each layer forward before backward. A state of width
I, which holds older inputs, is as wide as its layer's input; where that differs between the layers, it is a
tuple of tensors (D, B, W), one for each layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from elman.errors import shown, wrong
from elman.nn.arguments import check_states
from elman.nn.sequences import Sequences


@dataclass(frozen=True)
class Stack:
    """names: of the cell's states. widths: for each state its features in each layer. directions: 1 or 2."""

    names: tuple[str, ...]
    widths: tuple[tuple[int, ...], ...]
    directions: int
    #: for each state (rows, features) of each tensor that makes it up
    _parts: list[list[tuple[int, int]]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        parts = [
            [(len(widths) * self.directions, widths[0])]
            if len(set(widths)) == 1
            else [(self.directions, width) for width in widths]
            for widths in self.widths
        ]
        object.__setattr__(self, "_parts", parts)

    def split(self, hx: Any, sequences: Sequences, weight: Tensor) -> list[list[Tensor]]:
        """The caller's states for each layer and direction, each (B, W) in the order of the sequences.

        Raises `ArgumentError` for another number of states or tensors, or a shape, dtype or device that does
        not fit.
        """
        batch = (sequences.data.shape[1],) if sequences.batched else ()
        parts = self._parts
        names, tensors = list(self.names), hx
        if any(len(part) > 1 for part in parts):
            names, tensors = self._flat(hx, parts)
        shapes = [(rows, *batch, width) for part in parts for rows, width in part]
        batched = "batch, " if sequences.batched else ""
        legend = f"num_layers * directions, {batched}features"
        given = iter(check_states(tensors, names, shapes, legend, weight))
        rows = [[row for _ in part for row in sequences.state_in(next(given)).unbind(0)] for part in parts]
        return [list(states) for states in zip(*rows, strict=True)]

    def _flat(self, hx: Any, parts: list[list[tuple[int, int]]]) -> tuple[list[str], list[Any]]:
        """Names and tensors with those of a state that has one for each layer side by side."""
        states = hx if isinstance(hx, tuple | list) and len(self.names) > 1 else (hx,)
        names: list[str] = []
        tensors: list[Any] = []
        for name, part, state in zip(self.names, parts, states, strict=False):
            if len(part) == 1:
                names, tensors = [*names, name], [*tensors, state]
                continue
            if not isinstance(state, tuple | list) or len(state) != len(part):
                raise wrong(
                    f"hx, state {name!r}",
                    expected=f"a tuple of {len(part)} tensors, one for each layer, as the layer returns it",
                    got=shown(f"a {type(state).__name__}"),
                    remedy="It is as wide as each layer's input, which differs between the layers.",
                )
            names += [f"{name} of layer {layer}" for layer in range(len(part))]
            tensors += state
        return names, tensors

    def join(self, finals: Sequence[Sequence[Tensor]], sequences: Sequences) -> Any:
        """What the caller gets, from the states (B, W) of each layer and direction."""
        joined: list[Any] = []
        for number, parts in enumerate(self._parts):
            rows, tensors = [final[number] for final in finals], []
            for count, _ in parts:
                stacked = torch.stack(rows[:count]) if count > 1 else rows[0].unsqueeze(0)
                tensors.append(sequences.state_out(stacked))
                rows = rows[count:]
            joined.append(tensors[0] if len(tensors) == 1 else tuple(tensors))
        return joined[0] if len(joined) == 1 else tuple(joined)

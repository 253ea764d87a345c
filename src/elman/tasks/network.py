"""The network of the tasks: an input layer, recurrent layers, and one output for each sequence.

Dimensions: T steps, B sequences, F features, D features of a step's output (both directions), K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from elman.cells import Cell, create, names
from elman.cells import options as cell_options
from elman.errors import RunError, shown, unknown, wrong
from elman.nn import Recurrent
from elman.tasks.inputs import Inputs
from elman.train.options import TrainOptions


def cell_of(options: TrainOptions) -> Cell:
    """The cell that the options name; raises `ArgumentError` for a name or activation that is none."""
    if not isinstance(options.cell, str):
        return options.cell
    if options.activation is None:
        return create(options.cell)
    if "activation" not in cell_options(options.cell):
        able = [name for name in names() if "activation" in cell_options(name)]
        got = shown(f"{options.activation!r} for the cell {options.cell}, which has its own")
        expected = f"an activation only for a cell that lets it be chosen ({', '.join(able)})"
        raise wrong("activation", expected=expected, got=got)
    return create(options.cell, activation=options.activation)


def cell_about(cell: Cell) -> dict[str, Any]:
    """A registered cell as plain values; raises `RunError` for one that is not registered."""
    for name in names():
        if type(create(name)) is type(cell):
            return {"name": name, "options": {o: getattr(cell, o) for o in cell_options(name)}}
    raise RunError(
        f"cell: expected a registered cell, got {type(cell).__name__}. "
        "Call elman.cells.register(name, class) before saving, and before loading."
    )


def as_given(cell: Cell) -> str | Cell:
    """The name of a cell whose options are all at their defaults, else the cell itself."""
    about = cell_about(cell)
    return about["name"] if about == cell_about(create(about["name"])) else cell


def recurrent_layers(cell: Cell, features: int, options: TrainOptions) -> Recurrent:
    """The recurrent layers over `features`, with all that the options say of them."""
    return Recurrent(
        cell,
        features,
        options.hidden_size,
        options.layers,
        dropout=(options.dropout or 0.0) if options.layers > 1 else 0.0,
        bidirectional=bool(options.bidirectional),
        input_dropout=options.input_dropout,
        recurrent_dropout=options.recurrent_dropout,
        zoneout=options.zoneout,
        weight_drop=options.weight_drop,
        memory=options.memory,
        backend=options.backend,
    )


class Body(nn.Module):
    """What all networks begin with: an input layer, dropout on embeddings, recurrent layers."""

    def __init__(self, inputs: Inputs, cell: Cell, options: TrainOptions) -> None:
        super().__init__()
        self.input, features = inputs.layer()
        embedded = isinstance(self.input, nn.Embedding)
        self.input_dropout = nn.Dropout(options.dropout or 0.0 if embedded else 0.0)
        self.recurrent = recurrent_layers(cell, features, options)
        self.width = options.hidden_size * (1 + bool(options.bidirectional))  # D

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """(T, B, F) numbers or (T, B) tokens, lengths (B,) or None, a carried state or None: (steps
        (T, B, D), the final state)."""
        return self.recurrent(self.input_dropout(self.input(x)), state, lengths=lengths)


class SequenceNetwork(nn.Module):
    """A body, pooling over time, dropout, a linear output."""

    def __init__(self, inputs: Inputs, cell: Cell, options: TrainOptions, pooling: str, outputs: int) -> None:
        super().__init__()
        self.body = Body(inputs, cell, options)
        self.pool = pool_named(pooling)
        self.output_dropout = nn.Dropout(options.dropout or 0.0)
        self.output = nn.Linear(self.body.width, outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(T, B, F) numbers or (T, B) tokens, lengths (B,) or None, to (B, K)."""
        steps, state = self.body(x, lengths)
        first = state[0] if isinstance(state, tuple) else state
        ends = first[-(1 + self.body.recurrent.bidirectional) :]
        return self.output(self.output_dropout(self.pool(steps, ends, lengths)))


Pool = Callable[[Tensor, Tensor, "Tensor | None"], Tensor]


def last(steps: Tensor, ends: Tensor, lengths: Tensor | None) -> Tensor:
    """The state at the end of each direction: ends (directions, B, H) to (B, D)."""
    return ends.transpose(0, 1).flatten(1)


def mean(steps: Tensor, ends: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean over each sequence's own steps: (T, B, D) to (B, D); steps past a length are zero."""
    if lengths is None:
        return steps.mean(0)
    return steps.sum(0) / lengths.clamp(min=1)[:, None].to(steps.dtype)


def largest(steps: Tensor, ends: Tensor, lengths: Tensor | None) -> Tensor:
    """The largest value over each sequence's own steps: (T, B, D) to (B, D); zero for an empty sequence."""
    if len(steps) == 0:
        return last(steps, ends, lengths)
    if lengths is None:
        return steps.amax(0)
    time = torch.arange(len(steps), device=steps.device)[:, None]
    past = (time >= lengths.clamp(min=1))[:, :, None]
    return steps.masked_fill(past, -torch.inf).amax(0)


POOLS: Mapping[str, Pool] = {"last": last, "mean": mean, "max": largest}


def pool_named(name: str) -> Pool:
    """The pooling of that name."""
    if name not in POOLS:
        raise unknown("pooling", name, POOLS)
    return POOLS[name]

"""Floor 2: the readers of a Program, and `recurrence`, through which everything above runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.backends import engine, reference
from elman.backends.choose import CHOICES, Choice, choose, explain
from elman.program import Program, Stream

__all__ = ["CHOICES", "Choice", "choose", "explain", "prepare", "recurrence"]


def recurrence(
    program: Program,
    x: Tensor,
    parameters: Mapping[str, Tensor],
    states: Sequence[Tensor | None],
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
    backend: str = "auto",
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a Program over time.

    Args:
        program: the traced cell.
        x: (T, B, I), time first.
        parameters: a tensor for each name in `program.parameters`, of that parameter's shape.
        states: one tensor (B, W) for each state before the first step, or None for zeros.
        lengths: (B,) int64 on the CPU, each in 0 … T: steps of each sequence; None means T for all.
        reverse: walk each sequence from its last step to its first.
        backend: "auto", "engine" or "reference".

    Returns:
        output (T, B, W of the first state), 0 past each length; and each state (B, W) at its sequence's end.

    Raises:
        ArgumentError: an unknown backend. BackendError: a named backend that cannot serve these tensors.
    """
    reader = choose(program, x.device, x.dtype, backend)
    batch = x.shape[1]
    initial = [
        given if given is not None else x.new_zeros(batch, width(program, state.width, parameters))
        for given, state in zip(states, program.states, strict=True)
    ]
    if lengths is not None:  # what stands in the padding must not matter, NaN included
        steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
        x = x.masked_fill((steps >= lengths.to(x.device)).unsqueeze(2), 0.0)
    streams = [_stream(program, stream, x, parameters) for stream in program.streams]
    if reader == "engine":
        return engine.run(program, streams, parameters, initial, lengths, reverse)
    on_device = None if lengths is None else lengths.to(x.device)
    return reference.run(program, streams, parameters, initial, on_device, reverse)


def prepare(program: Program) -> None:
    """Derive now what the readers need of a Program, rather than at its first run.

    A layer calls it when it is made: under torch.compile the first run is no place for it, and a cell whose
    adjoint cannot be derived is refused before training.
    """
    engine.prepare(program)


def width(program: Program, symbol: str, parameters: Mapping[str, Tensor]) -> int:
    """The number behind a width symbol, read from the parameters' shapes."""
    for parameter in program.parameters:
        if parameter.width == symbol:
            return parameters[parameter.name].shape[0] // parameter.gates
        if parameter.columns == symbol:
            return parameters[parameter.name].shape[1]
    raise LookupError(f"no parameter of {program.name} has width {symbol}")


def _stream(program: Program, stream: Stream, x: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """x itself, or its projection for all steps in one product: (T, B, count · width)."""
    if stream.weight is None:
        return x
    weight = parameters[stream.weight]
    bias = None if stream.bias is None else parameters[stream.bias]
    gates = program.parameter(stream.weight).gates
    if stream.count != gates:
        unit = weight.shape[0] // gates
        rows = slice(stream.first * unit, (stream.first + stream.count) * unit)
        weight, bias = weight[rows], None if bias is None else bias[rows]
    return F.linear(x, weight, bias)

"""What one run of a recurrence is given, and what follows from it for every reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.backends.rounding import rounded, rounded_back
from elman.program import Program, Stream


@dataclass(frozen=True)
class Form:
    """How a run is walked, apart from its tensors. (No tuple: `vmap` would take it apart.)

    reverse: each sequence from its last step to its first. low: with little memory, see `blocks`.
    """

    reverse: bool = False
    low: bool = False


class Given(NamedTuple):
    """The arguments of `elman.backends.recurrence`.

    x: (T, B, I). parameters: by name. states: (B, W) each, or None for zeros. masks: by name, (B, W) or
    (T, B, W). lengths: (B,) or None. resets: (T, B) or None. all_states: whether every state is handed out
    at every step. low: whether with little memory, see `blocks`. bf16: whether products take their operands
    in bfloat16. restart: the states after a reset, as `states`; None: those.
    """

    x: Tensor
    parameters: Mapping[str, Tensor]
    states: Sequence[Tensor | None]
    masks: Mapping[str, Tensor] = {}
    lengths: Tensor | None = None
    resets: Tensor | None = None
    reverse: bool = False
    all_states: bool = False
    low: bool = False
    bf16: bool = False
    restart: Sequence[Tensor | None] | None = None

    @property
    def form(self) -> Form:
        """What `tensors` leaves out."""
        return Form(self.reverse, self.low)

    def tensors(self, program: Program) -> list[Tensor | None]:
        """All tensors: first those a gradient may be asked for, x, the parameters and the states; then the
        masks, the lengths and the resets."""
        parameters = [self.parameters[p.name] for p in program.parameters]
        masks = [self.masks[m.name] for m in program.masks]
        return [self.x, *parameters, *self.states, *masks, self.lengths, self.resets]

    @staticmethod
    def of(
        program: Program,
        tensors: Sequence[Tensor | None],
        form: Form,
        all_states: bool,
        bf16: bool = False,
    ) -> Given:
        """Back from `tensors`."""
        given: list[Any] = list(tensors)
        states = 1 + len(program.parameters)
        masks = states + len(program.states)
        return Given(
            given[0],
            {p.name: t for p, t in zip(program.parameters, given[1:states], strict=True)},
            given[states:masks],
            {m.name: t for m, t in zip(program.masks, given[masks:-2], strict=True)},
            given[-2],
            given[-1],
            form.reverse,
            all_states,
            form.low,
            bf16,
        )


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x (T, B, I) with zeros past each length: what stands there must not matter, NaN included."""
    if lengths is None:
        return x
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    return x.masked_fill((steps >= lengths.to(x.device)).unsqueeze(2), 0.0)


def sizes_of(program: Program, given: Given) -> dict[str, int]:
    """Numbers for the width symbols, read off x and the parameters."""
    sizes = {"I": given.x.shape[-1], "H": 0, "P": 0}
    for parameter in program.parameters:
        shape = given.parameters[parameter.name].shape
        sizes[parameter.width] = shape[0] // parameter.gates
        if parameter.columns is not None:
            sizes[parameter.columns] = shape[1] * parameter.heads
    return sizes


def initial_states(program: Program, given: Given) -> list[Tensor]:
    """The states before the first step, zeros where none is given."""
    batch = given.x.shape[1]
    sizes = sizes_of(program, given)
    return [
        given.x.new_zeros(batch, sizes[state.width]) if tensor is None else tensor
        for state, tensor in zip(program.states, given.states, strict=True)
    ]


def project_streams(program: Program, given: Given) -> list[Tensor]:
    """x itself, or its projection for all steps in one product, (T, B, count · width) for each stream."""
    return [_project(program, stream, given) for stream in program.streams]


def _project(program: Program, stream: Stream, given: Given) -> Tensor:
    if stream.weight is None:
        return given.x
    weight = given.parameters[stream.weight]
    bias = None if stream.bias is None else given.parameters[stream.bias]
    rows = stream_rows(program, stream, weight)
    offset = None if bias is None else bias[rows]
    return linear(given.x, weight[rows], offset, stream.count, stream.heads, given.bf16)


def linear(
    operand: Tensor, weight: Tensor, bias: Tensor | None, gates: int, heads: int, bf16: bool = False
) -> Tensor:
    """operand (…, C) · Wᵀ + bias for `gates` gates of W rows, (…, gates · W).

    With several heads, weight (gates · W, C / heads) is block-diagonal: the rows of head n in each gate take
    the operand's n-th part. bf16: operands are rounded to bfloat16 first, in the backward pass too.
    """
    if bf16:
        result = rounded_back(linear(rounded(operand), rounded(weight), None, gates, heads))
        return result if bias is None else result + bias
    if heads == 1:
        return F.linear(operand, weight, bias)
    blocks = weight.unflatten(0, (gates, heads, -1))
    result = torch.einsum("...nc,gnwc->...gnw", operand.unflatten(-1, (heads, -1)), blocks).flatten(-3)
    return result if bias is None else result + bias


def stream_rows(program: Program, stream: Stream, weight: Tensor) -> slice:
    """The rows of its weight that a stream uses."""
    gates = program.parameter(stream.weight or "").gates
    width = weight.shape[0] // gates
    return slice(stream.first * width, (stream.first + stream.count) * width)

"""The reference reader: a Program as a plain loop over time in torch.

Any dtype, any device, differentiable to any order. It is the oracle for every other reader; it is itself held
against torch.nn and finite differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from elman.backends.given import Given, initial_states, linear, project_streams, without_padding
from elman.program import Program
from elman.program.graph import Instruction, Product, Value


class TorchMath:
    """The namespace `m` of the instruction table, on tensors; the rest are torch's functions."""

    @staticmethod
    def maximum(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(
            (a > b) | a.isnan(), a, b
        )  # torch.maximum halves the gradient where both are equal

    @staticmethod
    def minimum(a: Tensor, b: Tensor) -> Tensor:
        return torch.where((a < b) | a.isnan(), a, b)

    @staticmethod
    def heaviside(a: Tensor) -> Tensor:
        return (a > 0).to(a.dtype)

    @staticmethod
    def select(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return torch.where(a > 0, b, c)

    @staticmethod
    def constant(a: Tensor, beta: float) -> Tensor:
        return torch.full_like(a, beta)

    @staticmethod
    def mean(a: Tensor) -> Tensor:
        return a.mean(-1, keepdim=True).expand_as(a)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


_MATH = TorchMath()


def prepare(program: Program) -> None:
    """Compute now what `Program` keeps, which torch.compile could not trace."""
    _ = program.stream_values, program.state_values, program.mask_values


def run(program: Program, given: Given) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The loop over time; results as `elman.backends.recurrence` returns them."""
    given = given._replace(x=without_padding(given.x, given.lengths))
    streams = project_streams(program, given)
    initial = current = initial_states(program, given)
    shown = len(current) if given.all_states else 1
    empty = tuple(state.new_zeros((0, *state.shape)) for state in current[:shown])
    lengths = None if given.lengths is None else given.lengths.to(given.x.device)
    restarts = None if given.resets is None else given.resets.to(given.x.device)
    if restarts is not None and lengths is not None:
        restarts = restarts & (torch.arange(len(restarts), device=lengths.device).unsqueeze(1) < lengths)
    step = Step(program, given)
    outputs: list[list[Tensor]] = []
    steps = range(given.x.shape[0])
    for t in reversed(steps) if given.reverse else steps:
        if restarts is not None:
            current = _restarted(current, initial, given, restarts, t)
        new = step(t, [stream[t] for stream in streams], current)
        if lengths is not None:
            active = (t < lengths).unsqueeze(1)
            outputs.append([torch.where(active, n, torch.zeros_like(n)) for n in new[:shown]])
            current = [torch.where(active, n, c) for n, c in zip(new, current, strict=True)]
        else:
            outputs.append(new[:shown])
            current = new
    if given.reverse:
        outputs.reverse()
    sequences = tuple(torch.stack(steps) for steps in zip(*outputs, strict=True)) if outputs else empty
    return sequences, tuple(current)


def _restarted(
    current: list[Tensor], initial: list[Tensor], given: Given, restarts: Tensor, t: int
) -> list[Tensor]:
    """The states before step t, `initial` where a segment of the walk begins."""
    at = t + 1 if given.reverse else t  # in reverse a segment begins where the one later in time was left
    if at == len(restarts):
        return current
    restart = restarts[at].unsqueeze(1)
    return [torch.where(restart, i, c) for i, c in zip(initial, current, strict=True)]


class Step:
    """One time step, with the parameters' gates sliced once: called with the number of the step, a row (B, W)
    of each stream and the states (B, W) before it, the states after it."""

    def __init__(self, program: Program, given: Given) -> None:
        self.program = program
        self.bf16 = given.bf16
        parameters = given.parameters
        self.products = {
            node: product_rows(program, node, parameters)
            for node in program.graph.nodes
            if isinstance(node, Product)
        }
        self.vectors: dict[Value, Tensor] = {}
        for source, value in program.graph.inputs.items():
            if source.kind == "vector":
                gates = program.parameter(source.name).gates
                self.vectors[value] = parameters[source.name].chunk(gates)[source.gate]
        self.masks = {
            value: given.masks[source.name]
            for source, value in program.graph.inputs.items()
            if source.kind == "mask"
        }

    def __call__(self, t: int, streams: Sequence[Tensor], states: Sequence[Tensor]) -> list[Tensor]:
        values = self.values(t, streams, states)
        rows = states[0].shape[0]  # a state made of parameters alone has no batch yet
        return [values[after].expand(rows, -1) for _, after in self.program.state_values]

    def values(
        self, t: int, streams: Sequence[Tensor], states: Sequence[Tensor]
    ) -> dict[Value | None, Tensor]:
        """Every value of the Program in that step, (B, W) each."""
        values: dict[Value | None, Tensor] = {**self.vectors}
        values.update({value: mask if mask.dim() == 2 else mask[t] for value, mask in self.masks.items()})
        for gates, tensor in zip(self.program.stream_values, streams, strict=True):
            values.update(zip(gates, _blocks(tensor, len(gates)), strict=True))
        for (before, _), tensor in zip(self.program.state_values, states, strict=True):
            values[before] = tensor
        for node in self.program.graph.nodes:
            operands = [values[v] for v in node.operands]
            if isinstance(node, Instruction):
                values[node.out] = node.op.arithmetic(_MATH, *operands, *node.immediates)
            else:
                result = linear(operands[0], *self.products[node], node.count, node.heads, self.bf16)
                values.update(zip(node.outs, _blocks(result, node.count), strict=True))
        return values


def _blocks(tensor: Tensor, count: int) -> Sequence[Tensor]:
    return (tensor,) if count == 1 else tensor.chunk(count, -1)


def product_rows(
    program: Program, node: Product, parameters: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor | None]:
    """The rows of the weight and bias that a product uses."""
    weight = parameters[node.weight]
    gates = program.parameter(node.weight).gates
    if node.count == gates:
        return weight, None if node.bias is None else parameters[node.bias]
    width = weight.shape[0] // gates
    rows = slice(node.first * width, (node.first + node.count) * width)
    return weight[rows], None if node.bias is None else parameters[node.bias][rows]

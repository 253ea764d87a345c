"""What leaves the loop backward through time: gradients of weights and of x, each one large product."""

from __future__ import annotations

import torch
from torch import Tensor

from elman.backends.given import Given, stream_rows
from elman.backends.tensors import Adjoints, Compiled, Results
from elman.program.graph import Source
from elman.program.plans import AdjointPlan, WeightGradient


def parameter_gradients(
    plans: Compiled, plan: AdjointPlan, given: Given, kept: Results, adjoints: Adjoints
) -> dict[str, Tensor]:
    """The gradient of every parameter.

    For y_t = W a_t + b with gradient d_t at y_t: dW = Σ_t d_tᵀ a_t and db = Σ_t d_t, over all steps and
    sequences; the stashes hold the d_t side by side, the sums their Σ_t.
    """
    found: dict[str, Tensor] = {}
    operands = _Operands(plans, plan, given, kept)
    for part in plan.weights:
        d = adjoints.stash[part.stash][..., part.columns.start : part.columns.stop]
        for gradient, operand in operands.pairs(part, d):
            _add(found, given, part.weight, part.row0, _rows(part, gradient, operand))
    for part in plan.vectors:
        _add(found, given, part.parameter, part.row0, adjoints.sums[part.columns.start : part.columns.stop])
    return {
        name: found[name] if name in found else torch.zeros_like(parameter)
        for name, parameter in given.parameters.items()
    }


def input_gradient(plans: Compiled, given: Given, adjoints: Adjoints) -> Tensor:
    """dx (T, B, I): the streams' gradients back through their projections."""
    total = None
    for stream in plans.program.streams:
        part = adjoints.stash[stream.name]
        if stream.weight is not None:
            weight = given.parameters[stream.weight]
            rows = weight[stream_rows(plans.program, stream, weight)]
            part = part @ rows if stream.heads == 1 else _by_heads(part, rows, stream.count, stream.heads)
        total = part if total is None else total + part
    assert total is not None  # every Program has a stream
    return total


def _by_heads(gradient: Tensor, weight: Tensor, gates: int, heads: int) -> Tensor:
    """Gradients (…, gates · W) back through a block-diagonal weight (gates · W, C / heads): (…, C)."""
    blocks, parts = weight.unflatten(0, (gates, heads, -1)), gradient.unflatten(-1, (gates, heads, -1))
    return torch.einsum("...gnw,gnwc->...nc", parts, blocks).flatten(-2)


def _rows(part: WeightGradient, gradient: Tensor, operand: Tensor) -> Tensor:
    """The rows of a weight's gradient that one pair of rows (N, gates · W) and (N, C) gives."""
    if part.heads == 1:
        return _outer(gradient, operand)
    blocks = [
        _outer(block, operand.chunk(part.heads, 1)[number % part.heads])
        for number, block in enumerate(gradient.split(part.width // part.heads, 1))
    ]
    return torch.cat(blocks)


def _outer(gradient: Tensor, operand: Tensor) -> Tensor:
    """dᵀ a. For many rows it is taken as (aᵀ d)ᵀ: up to twice as fast in MKL, most where a is narrow."""
    if len(operand) >= 8 * operand.shape[1]:
        return (operand.t() @ gradient).t()
    return gradient.t() @ operand


def _add(found: dict[str, Tensor], given: Given, name: str, row0: int, rows: Tensor) -> None:
    """Add to rows of a gradient; the first that covers all of it becomes it."""
    parameter = given.parameters[name]
    if name not in found and rows.shape == parameter.shape:
        found[name] = rows.clone(memory_format=torch.contiguous_format)
        return
    if name not in found:
        found[name] = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
    found[name][row0 : row0 + len(rows)] += rows


class _Operands:
    """The operand of each product at every step, beside the gradient of its result at that step."""

    def __init__(self, plans: Compiled, plan: AdjointPlan, given: Given, kept: Results) -> None:
        self.plan = plan
        self.given = given
        self.kept = kept
        self.initial = {s.name: t for s, t in zip(plans.program.states, given.states, strict=True)}

    def pairs(self, part: WeightGradient, d: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Pairs of rows (gradient, operand), two-dimensional."""
        if d.shape[0] == 0 or d.shape[1] == 0:
            return []
        if part.operand.kind != "state":
            return [(d.flatten(0, 1), self._same_step(part.operand).flatten(0, 1))]
        sequence, initial = self.kept.sequences[part.operand.name], self.initial[part.operand.name]
        first, rest, before = d[0], d[1:], sequence[:-1]
        if self.given.reverse:
            first, rest, before = self._last(d), d[:-1], sequence[1:]
        pairs = [(rest.flatten(0, 1), before.flatten(0, 1))]
        return pairs if initial is None else [*pairs, (first, initial)]

    def _same_step(self, source: Source) -> Tensor:
        if source.kind == "x":
            return self.given.x
        if source.kind == "after":
            return self.kept.sequences[source.name]
        assert self.kept.saved is not None  # the forward pass kept what is read here
        columns = self.plan.saved[int(source.name)]
        return self.kept.saved[..., columns.start : columns.stop]

    def _last(self, d: Tensor) -> Tensor:
        """The gradients at each sequence's last step, where the walk from the end begins."""
        if self.given.lengths is None:
            return d[-1]
        last = (self.given.lengths - 1).clamp(min=0)
        return d[last, torch.arange(d.shape[1])]

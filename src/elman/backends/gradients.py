"""Weight gradients: what leaves the loop over time, each one large product over all steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from elman.backends.tensors import Compiled
from elman.program.graph import Source
from elman.program.plans import AdjointPlan, ProductGradient


def parameter_gradients(
    plans: Compiled,
    plan: AdjointPlan,
    stash: Mapping[str, Tensor],
    sums: Mapping[str, Tensor],
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> list[Tensor]:
    """The gradient of every parameter of the loop, in the order of `plans.parameters`.

    For y_t = W a_t + b with gradient d_t at y_t: dW = Σ_t d_tᵀ a_t and db = Σ_t d_t, over all steps and
    sequences; the stashes (T, B, ·) hold the d_t side by side.
    """
    named = plans.named(parameters)
    found = {name: sums[name] if name in sums else torch.zeros_like(named[name]) for name in named}
    operands = _Operands(plans, plan, streams, states, kept, lengths, reverse)
    for part in plan.products:
        d = stash[part.stash][..., part.columns.start : part.columns.stop]
        rows = slice(part.row0, part.row0 + d.shape[-1])
        for gradient, operand in operands.pairs(part, d):
            found[part.weight][rows].addmm_(gradient.t(), operand)
        if part.bias is not None:
            found[part.bias][rows] += d.sum((0, 1))
    return list(found.values())


class _Operands:
    """The operand of each product at every step, beside the gradient of its result at that step."""

    def __init__(
        self,
        plans: Compiled,
        plan: AdjointPlan,
        streams: Sequence[Tensor],
        states: Sequence[Tensor],
        kept: Sequence[Tensor],
        lengths: Tensor | None,
        reverse: bool,
    ) -> None:
        self.plan = plan
        self.streams = {s.name: (s, t) for s, t in zip(plans.program.streams, streams, strict=True)}
        self.initial = {s.name: t for s, t in zip(plans.program.states, states, strict=True)}
        self.sequences = plans.sequences(kept)
        self.saved = kept[-1]
        self.lengths = lengths
        self.reverse = reverse

    def pairs(self, part: ProductGradient, d: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Pairs of rows (gradient, operand), two-dimensional."""
        if d.shape[0] == 0 or d.shape[1] == 0:
            return []
        if part.operand.kind != "state":
            return [(d.flatten(0, 1), self._same_step(part.operand).flatten(0, 1))]
        sequence, initial = self.sequences[part.operand.name], self.initial[part.operand.name]
        if self.reverse:
            return [(d[:-1].flatten(0, 1), sequence[1:].flatten(0, 1)), (self._last(d), initial)]
        return [(d[1:].flatten(0, 1), sequence[:-1].flatten(0, 1)), (d[0], initial)]

    def _same_step(self, source: Source) -> Tensor:
        if source.kind == "after":
            return self.sequences[source.name]
        if source.kind == "stream":
            stream, tensor = self.streams[source.name]
            width = tensor.shape[-1] // stream.count
            return tensor[..., source.gate * width : (source.gate + 1) * width]
        columns = self.plan.saved[int(source.name)]
        return self.saved[..., columns.start : columns.stop]

    def _last(self, d: Tensor) -> Tensor:
        """The gradients at each sequence's last step, where the walk from the end begins."""
        if self.lengths is None:
            return d[-1]
        last = (self.lengths - 1).clamp(min=0)
        return d[last, torch.arange(d.shape[1])]

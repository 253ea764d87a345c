"""Gradients of parameters for each sample by itself: one walk for all, then batches of products."""

from __future__ import annotations

import torch
from torch import Tensor

from elman.backends.given import Given, without_padding
from elman.backends.gradients import Totals, same_step
from elman.backends.spans import Spans, previous
from elman.backends.tensors import Adjoints, Compiled, Results
from elman.program.plans import AdjointPlan, WeightGradient


def sample_gradients(
    plans: Compiled,
    plan: AdjointPlan,
    given: Given,
    kept: Results,
    adjoints: Adjoints,
    spans: Spans | None,
    totals: Totals,
) -> None:
    """Add the gradient of every parameter to `totals`, for each of the samples into which the batch is cut.

    The plan is one `by_row`: its sums have not been taken yet.
    """
    samples = totals.samples
    states = [state.name for state in plans.program.states]
    given = given._replace(x=without_padding(given.x, given.lengths))
    for part in plan.weights:
        if part.operand.kind == "state":
            sequence = kept.sequences[part.operand.name]
            operand = previous(given, spans, sequence, states.index(part.operand.name))
        else:
            operand = same_step(plan, part.operand, given, kept)
        d = adjoints.stash[part.stash][..., part.columns.start : part.columns.stop]
        out, add = totals.rows(part.weight, part.row0, d.shape[2])
        _product(_by_sample(d, samples), _by_sample(operand, samples), part, out, add)
    for part in plan.vectors:
        columns = part.columns
        out, add = totals.rows(part.parameter, part.row0, columns.stop - columns.start)
        rows = _by_sample(adjoints.sums[..., columns.start : columns.stop], samples).sum(1)
        out.add_(rows) if add else out.copy_(rows)


def _by_sample(values: Tensor, samples: int) -> Tensor:
    """(T, samples · B, W) as (samples, T · B, W)."""
    return values.unflatten(1, (samples, values.shape[1] // samples)).movedim(1, 0).flatten(1, 2)


def _product(d: Tensor, operand: Tensor, part: WeightGradient, out: Tensor, add: bool) -> None:
    """out = dᵀ a, or added to it, for each sample; where there are heads, of each head's part of both."""
    if part.heads == 1:
        out.baddbmm_(d.transpose(1, 2), operand, beta=1 if add else 0)
        return
    d = d.unflatten(2, (-1, part.heads, part.width // part.heads))
    blocks = torch.einsum("vnghw,vnhc->vghwc", d, operand.unflatten(2, (part.heads, -1)))
    out.add_(blocks.flatten(1, 3)) if add else out.copy_(blocks.flatten(1, 3))

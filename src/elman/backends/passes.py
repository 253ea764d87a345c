"""The two passes of the engine over a batch: forward, and backward through time with the weight gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from elman.backends import native
from elman.backends.gradients import parameter_gradients
from elman.backends.tensors import Compiled, adjoint_arrays, forward_arrays


def forward(
    plans: Compiled,
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
    keep: bool,
) -> list[Tensor]:
    """[output (T, B, W), final states (B, W) …]; with `keep` also what the backward pass reads."""
    sizes = plans.sizes(streams, parameters, states)
    plan = plans.forward(sizes, keep)
    results = plans.empty_results(sizes, streams[0], states, keep)
    arrays = forward_arrays(plans, plan, streams, parameters, states, results)
    steps, batch = streams[0].shape[:2]
    native.run(plan.plan, arrays, plans.named(parameters), steps, batch, lengths, reverse)
    return results


def backward(
    plans: Compiled,
    gradient: Tensor | None,
    final_gradients: Sequence[Tensor | None],
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> list[Tensor]:
    """Gradients of streams, parameters and initial states. `kept` is what `forward` returned."""
    plan = plans.adjoint(plans.sizes(streams, parameters, states))
    steps, batch = streams[0].shape[:2]
    stash = {name: streams[0].new_empty(steps, batch, width) for name, width in plan.stashes.items()}
    named = plans.named(parameters)
    sums = {b.name: torch.empty_like(named[b.name]) for b in plan.plan.buffers if b.role == "sum"}
    initial = [torch.empty_like(state, memory_format=torch.contiguous_format) for state in states]
    arrays = adjoint_arrays(
        plans, plan, gradient, final_gradients, streams, parameters, states, kept, stash, sums, initial
    )
    native.run(plan.plan, arrays, named, steps, batch, lengths, not reverse)
    return [
        *(stash[stream.name] for stream in plans.program.streams),
        *parameter_gradients(plans, plan, stash, sums, streams, parameters, states, kept, lengths, reverse),
        *initial,
    ]


class Call:
    """The saved tensors of one forward run, told apart."""

    def __init__(self, plans: Compiled, saved: Sequence[Tensor], has_lengths: bool) -> None:
        streams, parameters = len(plans.program.streams), len(plans.parameters)
        states = len(plans.program.states)
        self.lengths = saved[-1] if has_lengths else None
        self.streams = saved[:streams]
        self.parameters = saved[streams : streams + parameters]
        self.states = saved[streams + parameters : streams + parameters + states]
        self.kept = saved[streams + parameters + states : len(saved) - has_lengths]

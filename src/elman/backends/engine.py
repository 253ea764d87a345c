"""The engine reader: a Program's two plans run by the C++ engine, under autograd.

The engine owns what is sequential. What is not stays with torch: the projections of x before the loop, and
the weight gradients after it, each one large product over all steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from elman.backends import native, operators, passes, reference
from elman.backends.passes import Call
from elman.backends.tensors import Compiled, compiled
from elman.program import Program


def obstacle(program: Program, device: torch.device, dtype: torch.dtype) -> str:
    """Why the engine cannot serve, in a sentence; empty if it can."""
    if native.missing():
        return f"the compiled engine cannot be loaded ({native.missing()})."
    if device.type != "cpu":
        return f"the engine runs on the CPU, the tensors are on {device}."
    if dtype != torch.float32:
        return f"the engine computes in float32, the tensors are {str(dtype).removeprefix('torch.')}."
    unknown = [name for name in compiled(program).operations if name not in native.OPCODES]
    return f"the engine has no instruction {', '.join(sorted(unknown))}." if unknown else ""


def prepare(program: Program) -> None:
    """Derive the adjoint and the choice of stored values; kept for every later run."""
    compiled(program)


def describe() -> str:
    """The engine's kernels and threads, for `explain`."""
    return f"{native.isa()} kernels, {torch.get_num_threads()} thread(s)"


def run(
    program: Program,
    streams: Sequence[Tensor],
    parameters: Mapping[str, Tensor],
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """As `reference.run`."""
    plans = compiled(program)
    used = [parameters[name] for name in plans.parameters]
    tensors = (*streams, *used, *states)
    keep = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    if torch.compiler.is_compiling():
        results = operators.recurrence(program.key, list(streams), used, list(states), lengths, reverse, keep)
    elif keep:
        results = _Recurrence.apply(plans, lengths, reverse, *tensors)
    else:
        results = passes.forward(plans, streams, used, states, lengths, reverse, keep=False)
    return results[0], tuple(results[1 : 1 + len(states)])


def _differentiate(
    plans: Compiled, call: Call, reverse: bool, gradients: Sequence[Tensor | None]
) -> Sequence[Tensor]:
    """Gradients of streams, parameters and initial states, ready to be differentiated again if asked for."""
    finals = gradients[1 : 1 + len(call.states)]
    if not torch.is_grad_enabled():
        return passes.backward(
            plans,
            gradients[0],
            finals,
            call.streams,
            call.parameters,
            call.states,
            call.kept,
            call.lengths,
            reverse,
        )
    inputs = [
        t if t.requires_grad else t.detach().requires_grad_()
        for t in (*call.streams, *call.parameters, *call.states)
    ]
    n, m = len(call.streams), len(call.parameters)
    output, last = reference.run(
        plans.program, inputs[:n], plans.named(inputs[n : n + m]), inputs[n + m :], call.lengths, reverse
    )
    pairs = [(o, g) for o, g in zip((output, *last), (gradients[0], *finals), strict=True) if g is not None]
    outputs, given = zip(*pairs, strict=True)
    return torch.autograd.grad(
        outputs, inputs, given, create_graph=True, allow_unused=True, materialize_grads=True
    )


class _Recurrence(torch.autograd.Function):
    """The engine under autograd, outside of torch.compile: the same as the operator, with less around it."""

    @staticmethod
    def forward(
        ctx: Any, plans: Compiled, lengths: Tensor | None, reverse: bool, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        given = Call(plans, tensors, has_lengths=False)
        results = passes.forward(
            plans, given.streams, given.parameters, given.states, lengths, reverse, keep=True
        )
        ctx.plans, ctx.reverse, ctx.has_lengths = plans, reverse, lengths is not None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *results, *(() if lengths is None else (lengths,)))
        ctx.mark_non_differentiable(*results[1 + len(given.states) :])
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        call = Call(ctx.plans, ctx.saved_tensors, ctx.has_lengths)
        return None, None, None, *_differentiate(ctx.plans, call, ctx.reverse, gradients)

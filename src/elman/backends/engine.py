"""The engine reader: a Program's two plans run by the C++ engine, under autograd.

The engine owns what is sequential. The weight gradients stay with torch: each is one large product over all
steps, after the loop. So do the projections of x where there are few sequences, before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.backends import native, operators, passes, reference
from elman.backends.given import Given
from elman.backends.tensors import Compiled, Results, compiled
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


def run(program: Program, given: Given) -> tuple[Tensor, tuple[Tensor, ...]]:
    """As `reference.run`."""
    plans = compiled(program)
    tensors = given.tensors()
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    if torch.compiler.is_compiling():
        results = operators.run(program, given, keep)
    elif keep:
        results = _Recurrence.apply(plans, given.lengths, given.reverse, *tensors)
    else:
        results = passes.forward(plans, given, keep=False).flat()
    return results[0], tuple(results[1 : 1 + len(program.states)])


class _Recurrence(torch.autograd.Function):
    """The engine under autograd, outside of torch.compile: the operator with less around it, and gradients
    that can be differentiated again."""

    @staticmethod
    def forward(
        ctx: Any, plans: Compiled, lengths: Tensor | None, reverse: bool, *tensors: Tensor | None
    ) -> tuple[Tensor, ...]:
        results = passes.forward(plans, _given(plans, tensors, lengths, reverse), keep=True).flat()
        ctx.plans, ctx.reverse = plans, reverse
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *results, lengths)
        ctx.mark_non_differentiable(*results[1 + len(plans.program.states) :])
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        plans, (*saved, lengths) = ctx.plans, ctx.saved_tensors
        count = 1 + len(plans.program.parameters) + len(plans.program.states)
        given = _given(plans, saved[:count], lengths, ctx.reverse)
        wanted = gradients[: 1 + len(plans.program.states)]
        if torch.is_grad_enabled():
            found = _differentiably(plans, given, wanted)
        else:
            kept = Results.from_flat(plans, saved[count:])
            found = passes.backward(plans, given, kept, wanted, with_x=ctx.needs_input_grad[3])
        return None, None, None, *found


def _given(plans: Compiled, tensors: Sequence[Tensor | None], lengths: Tensor | None, reverse: bool) -> Given:
    """Back from `Given.tensors`."""
    x, *rest = tensors
    assert x is not None
    names = [p.name for p in plans.program.parameters]
    parameters: dict[str, Any] = dict(zip(names, rest, strict=False))
    return Given(x, parameters, rest[len(names) :], lengths, reverse)


def _differentiably(
    plans: Compiled, given: Given, gradients: Sequence[Tensor | None]
) -> Sequence[Tensor | None]:
    """The gradients of `given.tensors()` through the reference reader, to be differentiated again."""
    tensors = [t if t is None or t.requires_grad else t.detach().requires_grad_() for t in given.tensors()]
    output, finals = reference.run(plans.program, _given(plans, tensors, given.lengths, given.reverse))
    pairs = [(o, g) for o, g in zip((output, *finals), gradients, strict=True) if g is not None]
    outputs, weights = zip(*pairs, strict=True)
    inputs = [t for t in tensors if t is not None]
    found = iter(
        torch.autograd.grad(
            outputs, inputs, weights, create_graph=True, allow_unused=True, materialize_grads=True
        )
    )
    return [None if t is None else next(found) for t in tensors]

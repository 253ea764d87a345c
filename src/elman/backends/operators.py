"""The engine's passes as torch operators with fakes and autograd, one node each to torch.compile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.backends import passes
from elman.backends.given import Given, initial_states, sizes_of
from elman.backends.tensors import Compiled, Results
from elman.program import Program


def run(program: Program, given: Given, keep: bool) -> list[Tensor]:
    """The operator on what one run is given; results as `Results.flat`."""
    parameters = [given.parameters[p.name] for p in program.parameters]
    states = initial_states(program, given)
    return recurrence(program.key, given.x, parameters, states, given.lengths, given.reverse, keep)


@torch.library.custom_op("elman::recurrence", mutates_args=())
def recurrence(
    program: str,
    x: Tensor,
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
    keep: bool,
) -> list[Tensor]:
    """`passes.forward`; `program` is the key of a prepared Program, `parameters` are in its order."""
    plans = Compiled.by_key(program)
    return passes.forward(plans, Given(x, plans.named(parameters), states, lengths, reverse), keep).flat()


@recurrence.register_fake
def _(program, x, parameters, states, lengths, reverse, keep):  # type: ignore[no-untyped-def]
    plans = Compiled.by_key(program)
    sizes = sizes_of(plans.program, Given(x, plans.named(parameters), states))
    return Results.empty(plans, sizes, x, keep).flat()


@torch.library.custom_op("elman::recurrence_backward", mutates_args=())
def recurrence_backward(
    program: str,
    gradients: Sequence[Tensor],
    x: Tensor,
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> list[Tensor]:
    """`passes.backward`: the gradients of x, the parameters and the states."""
    plans = Compiled.by_key(program)
    given = Given(x, plans.named(parameters), states, lengths, reverse)
    found = passes.backward(plans, given, Results.from_flat(plans, kept), gradients)
    return [gradient for gradient in found if gradient is not None]


@recurrence_backward.register_fake
def _(program, gradients, x, parameters, states, kept, lengths, reverse):  # type: ignore[no-untyped-def]
    return [t.new_empty(t.shape) for t in (x, *parameters, *states)]


def _save(ctx: Any, inputs: tuple, output: list[Tensor]) -> None:
    program, x, parameters, states, lengths, reverse, _ = inputs
    ctx.program, ctx.reverse = program, reverse
    ctx.counts = (len(parameters), len(states))
    ctx.save_for_backward(x, *parameters, *states, *output, lengths)


def _differentiate(ctx: Any, gradients: list[Tensor | None]) -> tuple:
    x, *rest, lengths = ctx.saved_tensors
    n, m = ctx.counts
    parameters, states, kept = rest[:n], rest[n : n + m], rest[n + m :]
    wanted = [torch.zeros_like(k) if g is None else g for g, k in zip(gradients[: 1 + m], kept, strict=False)]
    found = recurrence_backward(ctx.program, wanted, x, parameters, states, kept, lengths, ctx.reverse)
    return None, found[0], found[1 : 1 + n], found[1 + n :], None, None, None


recurrence.register_autograd(_differentiate, setup_context=_save)

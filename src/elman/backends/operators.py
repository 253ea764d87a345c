"""The engine's passes as torch operators with fakes and autograd, one node each to torch.compile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.backends import blocks, passes
from elman.backends.given import Form, Given, initial_states, sizes_of
from elman.backends.tensors import Compiled, Results


def run(plans: Compiled, given: Given, keep: bool) -> list[Tensor]:
    """The operator on what one run is given; results as `Results.flat`.

    Gradients reach lists of tensors only where every entry is one, so states that are not given are zeros.
    """
    program = plans.program
    leaves = [
        given.x,
        *(given.parameters[p.name] for p in program.parameters),
        *initial_states(program, given),
    ]
    masks = [given.masks[m.name] for m in program.masks]
    ends = given.lengths, given.resets
    return recurrence(
        program.key, plans.all_states, plans.bf16, leaves, masks, *ends, given.reverse, given.low, keep
    )


@torch.library.custom_op("elman::recurrence", mutates_args=())
def recurrence(
    program: str,
    all_states: bool,
    bf16: bool,
    leaves: Sequence[Tensor],
    masks: Sequence[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    low: bool,
    keep: bool,
) -> list[Tensor]:
    """`passes.forward`; `program` is the key of a prepared Program, `leaves` are x, parameters and states."""
    plans = Compiled.by_key(program, all_states, bf16)
    given = plans.given([*leaves, *masks, lengths, resets], Form(reverse, low))
    results = blocks.engine_forward(plans, given) if keep else passes.forward(plans, given, keep=False)
    return results.flat(plans)


@recurrence.register_fake
def _(program, all_states, bf16, leaves, masks, lengths, resets, reverse, low, keep):  # type: ignore[no-untyped-def]
    plans = Compiled.by_key(program, all_states, bf16)
    given = plans.given([*leaves, *masks, lengths, resets], Form(reverse, low))
    count = blocks.count(given) if keep and low else None
    empty = torch.Tensor.new_empty
    return Results.empty(plans, sizes_of(plans.program, given), given.x, keep, count, empty=empty).flat(plans)


@torch.library.custom_op("elman::recurrence_backward", mutates_args=())
def recurrence_backward(
    program: str,
    all_states: bool,
    bf16: bool,
    gradients: Sequence[Tensor | None],
    leaves: Sequence[Tensor],
    masks: Sequence[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    low: bool,
    kept: Sequence[Tensor],
    with_x: bool,
) -> list[Tensor]:
    """`passes.backward`: the gradients of x (with `with_x`), the parameters and the states."""
    plans = Compiled.by_key(program, all_states, bf16)
    given = plans.given([*leaves, *masks, lengths, resets], Form(reverse, low))
    found = blocks.engine_backward(plans, given, Results.from_flat(plans, kept, low), gradients, with_x)
    return [gradient for gradient in found if gradient is not None]


@recurrence_backward.register_fake
def _(program, all_states, bf16, gradients, leaves, masks, lengths, resets, reverse, low, kept, with_x):  # type: ignore[no-untyped-def]
    return [leaf.new_empty(leaf.shape) for leaf in leaves[0 if with_x else 1 :]]


def _save(ctx: Any, inputs: tuple, output: list[Tensor]) -> None:
    ctx.program, ctx.all_states, ctx.bf16, leaves, masks, lengths, resets, ctx.reverse, ctx.low, _ = inputs
    ctx.counts = len(leaves), len(masks)
    ctx.save_for_backward(*leaves, *masks, lengths, resets, *output)


def _differentiate(ctx: Any, gradients: list[Tensor | None]) -> tuple:
    n, m = ctx.counts
    saved = ctx.saved_tensors
    leaves, masks, kept = saved[:n], saved[n : n + m], saved[n + m + 2 :]
    lengths, resets = saved[n + m : n + m + 2]
    wanted = gradients[: Compiled.by_key(ctx.program, ctx.all_states, ctx.bf16).outputs]
    with_x = ctx.needs_input_grad[3][0]
    found = recurrence_backward(
        ctx.program,
        ctx.all_states,
        ctx.bf16,
        wanted,
        leaves,
        masks,
        lengths,
        resets,
        ctx.reverse,
        ctx.low,
        kept,
        with_x,
    )
    return None, None, None, found if with_x else [None, *found], [None] * m, None, None, None, None, None


recurrence.register_autograd(_differentiate, setup_context=_save)

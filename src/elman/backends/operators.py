"""The engine's passes as torch operators with fakes and autograd, one node each to torch.compile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.backends import passes
from elman.backends.tensors import Compiled


@torch.library.custom_op("elman::recurrence", mutates_args=())
def recurrence(
    program: str,
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
    keep: bool,
) -> list[Tensor]:
    """`passes.forward` as torch.compile sees it: one node."""
    return passes.forward(Compiled.by_key(program), streams, parameters, states, lengths, reverse, keep)


@recurrence.register_fake
def _(program, streams, parameters, states, lengths, reverse, keep):  # type: ignore[no-untyped-def]
    plans = Compiled.by_key(program)
    return plans.empty_results(plans.sizes(streams, parameters, states), streams[0], states, keep)


@torch.library.custom_op("elman::recurrence_backward", mutates_args=())
def recurrence_backward(
    program: str,
    gradients: Sequence[Tensor],
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> list[Tensor]:
    """`passes.backward` as torch.compile sees it; `gradients`: of the output and of each final state."""
    return passes.backward(
        Compiled.by_key(program),
        gradients[0],
        gradients[1:],
        streams,
        parameters,
        states,
        kept,
        lengths,
        reverse,
    )


@recurrence_backward.register_fake
def _(program, gradients, streams, parameters, states, kept, lengths, reverse):  # type: ignore[no-untyped-def]
    return [
        torch.empty_like(t, memory_format=torch.contiguous_format) for t in (*streams, *parameters, *states)
    ]


def _save(ctx: Any, inputs: tuple, output: list[Tensor]) -> None:
    program, streams, parameters, states, lengths, reverse, _ = inputs
    ctx.program, ctx.reverse, ctx.has_lengths = program, reverse, lengths is not None
    ctx.counts = (len(streams), len(parameters))
    ctx.save_for_backward(*streams, *parameters, *states, *output, *([] if lengths is None else [lengths]))


def _differentiate(ctx: Any, gradients: list[Tensor | None]) -> tuple:
    call = passes.Call(Compiled.by_key(ctx.program), ctx.saved_tensors, ctx.has_lengths)
    given = [
        torch.zeros_like(result) if g is None else g
        for g, result in zip(gradients[: 1 + len(call.states)], call.kept, strict=False)
    ]
    found = recurrence_backward(
        ctx.program, given, call.streams, call.parameters, call.states, call.kept, call.lengths, ctx.reverse
    )
    n, m = ctx.counts
    return None, found[:n], found[n : n + m], found[n + m :], None, None, None


recurrence.register_autograd(_differentiate, setup_context=_save)

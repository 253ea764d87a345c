"""The engine reader: a Program's two plans run by the C++ engine, as torch operators with autograd.

The engine owns what is sequential. What is not stays with torch: the projections of x before the loop, and
the weight gradients after it, each one large product over all steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from elman.backends import native, reference
from elman.backends.gradients import parameter_gradients
from elman.backends.tensors import Compiled, adjoint_arrays, compiled, forward_arrays
from elman.program import Program
from elman.program.graph import instructions


def obstacle(program: Program, device: torch.device, dtype: torch.dtype) -> str:
    """Why the engine cannot serve, in a sentence; empty if it can."""
    if native.missing():
        return f"the compiled engine cannot be loaded ({native.missing()})."
    if device.type != "cpu":
        return f"the engine runs on the CPU, the tensors are on {device}."
    if dtype != torch.float32:
        return f"the engine computes in float32, the tensors are {str(dtype).removeprefix('torch.')}."
    unknown = {i.op.name for i in instructions(program.graph)} - native.opcodes().keys()
    return f"the engine has no instruction {', '.join(sorted(unknown))}." if unknown else ""


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
    keep = torch.is_grad_enabled() and any(t.requires_grad for t in (*streams, *used, *states))
    results = _forward(program.key, list(streams), used, list(states), lengths, reverse, keep)
    return results[0], tuple(results[1 : 1 + len(states)])


@torch.library.custom_op("elman::recurrence", mutates_args=())
def _forward(
    program: str,
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
    keep: bool,
) -> list[Tensor]:
    """[output (T, B, W), final states (B, W) …]; with `keep` also what the backward pass reads."""
    plans = Compiled.by_key(program)
    results = plans.empty_results(streams, parameters, states, keep)
    plan = plans.forward(plans.sizes(streams, parameters, states), keep)
    arrays = forward_arrays(plans, plan, streams, parameters, states, results)
    steps, batch = streams[0].shape[:2]
    native.run(plan.plan, arrays, plans.named(parameters), steps, batch, lengths, reverse)
    return results


@_forward.register_fake
def _(program, streams, parameters, states, lengths, reverse, keep):  # type: ignore[no-untyped-def]
    return Compiled.by_key(program).empty_results(streams, parameters, states, keep)


@torch.library.custom_op("elman::recurrence_backward", mutates_args=())
def _backward(
    program: str,
    gradient: Tensor | None,
    final_gradients: Sequence[Tensor],
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
) -> list[Tensor]:
    """Gradients of streams, parameters and initial states. `kept` is what `_forward` returned."""
    plans = Compiled.by_key(program)
    plan = plans.adjoint(plans.sizes(streams, parameters, states))
    steps, batch = streams[0].shape[:2]
    stash = {name: streams[0].new_empty(steps, batch, width) for name, width in plan.stashes.items()}
    sums = {name: torch.empty_like(tensor) for name, tensor in plans.named(parameters).items()}
    initial = [torch.empty_like(state) for state in states]
    arrays = adjoint_arrays(
        plans, plan, gradient, final_gradients, streams, parameters, states, kept, stash, sums, initial
    )
    native.run(plan.plan, arrays, plans.named(parameters), steps, batch, lengths, not reverse)
    return [
        *(stash[stream.name] for stream in plans.program.streams),
        *parameter_gradients(plans, plan, stash, sums, streams, parameters, states, kept, lengths, reverse),
        *initial,
    ]


@_backward.register_fake
def _(program, gradient, final_gradients, streams, parameters, states, kept, lengths, reverse):  # type: ignore[no-untyped-def]
    return [torch.empty_like(t) for t in (*streams, *parameters, *states)]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    program, streams, parameters, states, lengths, reverse, keep = inputs
    ctx.program, ctx.reverse, ctx.keep = program, reverse, keep
    ctx.counts = (len(streams), len(parameters), len(states))
    ctx.save_for_backward(*streams, *parameters, *states, *output, *([] if lengths is None else [lengths]))
    ctx.outputs = len(output)


def _differentiate(ctx, gradients: list[Tensor | None]):  # type: ignore[no-untyped-def]
    saved = list(ctx.saved_tensors)
    n_streams, n_parameters, n_states = ctx.counts
    cut = (n_streams, n_parameters, n_states, ctx.outputs)
    streams, parameters, states, kept = (saved[sum(cut[:i]) : sum(cut[: i + 1])] for i in range(4))
    lengths = saved[-1] if len(saved) > sum(cut) else None
    finals = [
        torch.zeros_like(state) if g is None else g
        for g, state in zip(gradients[1 : 1 + n_states], states, strict=True)
    ]
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():
        found = _differentiably(ctx, streams, parameters, states, lengths, gradients[0], finals)
    else:
        found = _backward(
            ctx.program, gradients[0], finals, streams, parameters, states, kept, lengths, ctx.reverse
        )
    by_input = (
        found[:n_streams],
        found[n_streams : n_streams + n_parameters],
        found[n_streams + n_parameters :],
    )
    return None, *(list(part) for part in by_input), None, None, None


def _differentiably(ctx, streams, parameters, states, lengths, gradient, finals):  # type: ignore[no-untyped-def]
    """The same gradients through the reference reader, so that they can be differentiated again."""
    plans = Compiled.by_key(ctx.program)
    inputs = [t if t.requires_grad else t.detach().requires_grad_() for t in (*streams, *parameters, *states)]
    n, m = len(streams), len(parameters)
    output, last = reference.run(
        plans.program, inputs[:n], plans.named(inputs[n : n + m]), inputs[n + m :], lengths, ctx.reverse
    )
    pairs = [(output, gradient), *zip(last, finals, strict=True)]
    outputs, given = zip(*[(o, g) for o, g in pairs if g is not None and o.requires_grad], strict=True)
    return torch.autograd.grad(
        outputs, inputs, given, create_graph=True, allow_unused=True, materialize_grads=True
    )


_forward.register_autograd(_differentiate, setup_context=_save)

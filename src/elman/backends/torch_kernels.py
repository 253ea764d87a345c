"""The torch reader: cells that torch has itself, on torch's own kernels, which on CUDA are cuDNN's.

It knows Programs, by what they compute, and no cell by name. What the kernels lack it refuses; gradients of
gradients, which cuDNN lacks, come from the reference reader.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman import cells
from elman.backends import reference
from elman.backends.autograd import transformed
from elman.backends.given import Form, Given, initial_states
from elman.program import Program

#: torch warns where weights are copied side by side, and where oneDNN is not used; neither is ours to mend
_WARNINGS = "RNN module weights are not part of|LSTM with projections is not supported"


@cache
def _functions() -> dict[str, str]:
    """The name of torch's function for each Program that it can run, by key."""
    known = (
        ("rnn_tanh", cells.RNN()),
        ("rnn_relu", cells.RNN(activation="relu")),
        ("gru", cells.GRU()),
        ("lstm", cells.LSTM()),
        ("lstm", cells.LSTM(projection=True)),
    )
    return {cell.program(bias).key: name for name, cell in known for bias in (True, False)}


@lru_cache(maxsize=256)
def _function(program: Program) -> str | None:
    """As `_functions`, wherever the parameters start."""
    started = tuple(replace(parameter, init="uniform") for parameter in program.parameters)
    return _functions().get(replace(program, parameters=started).key)


def obstacle(program: Program, dtype: torch.dtype, beyond: Sequence[str] = ()) -> str:
    """Why torch's kernels cannot serve, in a sentence; empty if they can.

    `beyond`: what the run asks for besides a plain one, in words, such as "resets".
    """
    if torch.compiler.is_compiling():
        return "torch.compile does not trace torch's own recurrent kernels."
    if program.masks:
        return "torch's kernels read no masks, which recurrent dropout and zoneout need."
    if _function(program) is None:
        return f"torch has no kernel for {program.name} with these options."
    if not dtype.is_floating_point:
        return f"torch's kernels compute in floating point, the tensors are {dtype}."
    if transformed():
        return "torch.func does not reach into torch's kernels."
    return f"torch's kernels have no {' and no '.join(beyond)}." if beyond else ""


def run(program: Program, given: Given) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """As `reference.run`."""
    if 0 in given.x.shape[:2]:  # the kernels refuse what has no steps or no sequences, and nothing is to do
        return reference.run(program, given)
    results = _run(program, given)
    tensors = given.tensors(program)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors):
        results = _Twice.apply(program, given.reverse, len(results), *results, *tensors)
    return (results[0],), tuple(results[1:])


def step_of(program: Program) -> Callable[..., tuple[Tensor, ...]] | None:
    """torch's function for a single step of the Program, if it has one.

    It takes x (B, I), a list of states (B, H) and the parameters by name, and returns the new states.
    """
    name = _function(program)
    if name is None or any(parameter.name == "weight_hr" for parameter in program.parameters):
        return None
    function: Any = getattr(torch, f"{name}_cell")

    def step(x: Tensor, states: list[Tensor], parameters: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        weights = [parameters.get(name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        found = function(x, states if len(states) > 1 else states[0], *weights)
        return found if isinstance(found, tuple) else (found,)

    return step


def _run(program: Program, given: Given) -> tuple[Tensor, ...]:
    """Output and final states."""
    initial = initial_states(program, given)
    if given.lengths is None:
        x = given.x.flip(0) if given.reverse else given.x
        output, *finals = _call(program, given, (x,), initial, batch_first=(False,))
        return (output.flip(0) if given.reverse else output, *(final.squeeze(0) for final in finals))
    lengths = given.lengths.to(given.x.device)
    order = _backward_order(given.x.shape[0], lengths) if given.reverse else None
    x = given.x.masked_fill((lengths == 0).unsqueeze(1), 0.0)  # one of their steps is walked, and not used
    x = x if order is None else x.gather(0, order.expand_as(x))
    packed = pack_padded_sequence(x, given.lengths.clamp(min=1), enforce_sorted=False)
    assert packed.sorted_indices is not None
    states = [state[packed.sorted_indices] for state in initial]
    data, *finals = _call(program, given, (packed.data, packed.batch_sizes), states)
    walked = PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
    output, _ = pad_packed_sequence(walked, total_length=x.shape[0])
    if order is not None:
        output = output.gather(0, order.expand_as(output))
    there = (lengths > 0).unsqueeze(1)
    output = torch.where(there, output, torch.zeros_like(output))
    ends = [final.squeeze(0)[packed.unsorted_indices] for final in finals]
    return (output, *(torch.where(there, end, begin) for end, begin in zip(ends, initial, strict=True)))


def _backward_order(steps: int, lengths: Tensor) -> Tensor:
    """(T, B, 1): the step that comes at each place when every sequence is read from its own end."""
    places = torch.arange(steps, device=lengths.device).unsqueeze(1)
    return torch.where(places < lengths, lengths - 1 - places, places).unsqueeze(2)


def _call(
    program: Program,
    given: Given,
    sequences: tuple[Tensor, ...],
    states: Sequence[Tensor],
    batch_first: tuple[bool, ...] = (),
) -> tuple[Tensor, ...]:
    """torch's function: one layer, one direction, no dropout. cuDNN has gradients only where it trains."""
    initial = [state.unsqueeze(0) for state in states]
    weights = [given.parameters[parameter.name] for parameter in program.parameters]
    has_biases = any(parameter.name.startswith("bias") for parameter in program.parameters)
    function: Any = getattr(torch, _function(program) or "")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_WARNINGS)
        return function(
            *sequences,
            initial if len(initial) > 1 else initial[0],
            weights,
            has_biases,
            1,
            0.0,
            torch.is_grad_enabled(),
            False,
            *batch_first,
        )


class _Twice(Function):
    """Hands on what the kernels returned; where gradients are to be differentiated again, they are the
    reference reader's and the kernels' own backward pass is not asked."""

    @staticmethod
    def forward(ctx: Any, program: Program, reverse: bool, count: int, *tensors: Tensor | None) -> Any:
        ctx.program, ctx.reverse, ctx.count = program, reverse, count
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors[count:])
        return tuple(t.view_as(t) for t in tensors[:count] if t is not None)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():
            return None, None, None, *gradients, *[None] * len(ctx.saved_tensors)
        # as tensors of their own: where one was computed from another, that way is not this node's
        given = [None if t is None else t.view_as(t) for t in ctx.saved_tensors]
        sequences, finals = reference.run(ctx.program, Given.of(ctx.program, given, Form(ctx.reverse), False))
        pairs = [(o, g) for o, g in zip((*sequences, *finals), gradients, strict=True) if g is not None]
        wanted = [n for n, t in enumerate(given) if t is not None and t.requires_grad]
        outputs, weights = zip(*pairs, strict=True)
        inputs = [t for t in given if t is not None and t.requires_grad]
        gradients_of = torch.autograd.grad(
            outputs, inputs, weights, create_graph=True, allow_unused=True, materialize_grads=True
        )
        found = dict(zip(wanted, gradients_of, strict=True))
        return None, None, None, *[None] * ctx.count, *(found.get(n) for n in range(len(given)))
